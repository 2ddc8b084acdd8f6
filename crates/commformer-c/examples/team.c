/*
 * A team acts by what it reads, and prints what its agents do.
 *
 *   team FILE < numbers
 *
 * FILE is what `commformer export` wrote. For each step it reads what the agents see, N x O numbers.
 */
#include "commformer.h"

#include <stdio.h>
#include <stdlib.h>

static int failed(const char *call)
{
    fprintf(stderr, "%s: %s\n", call, commformer_error());
    return EXIT_FAILURE;
}

/* Whether there are so many numbers more. */
static bool look(float *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (scanf("%f", &numbers[i]) != 1) {
            return false;
        }
    }
    return true;
}

int main(int arguments, char **argument)
{
    if (arguments != 2) {
        fprintf(stderr, "usage: %s FILE < numbers\n", argument[0]);
        return EXIT_FAILURE;
    }
    commformer_team *team = commformer_team_open(argument[1], 1);
    commformer_sizes sizes;
    if (team == NULL || !commformer_team_sizes(team, &sizes)) {
        return failed("commformer_team_open");
    }
    fprintf(stderr, "commformer %s: %zu agents\n", commformer_version(), sizes.agents);
    size_t count = sizes.agents * sizes.obs_dim;
    float *obs = calloc(count, sizeof *obs);
    if (obs == NULL) {
        fprintf(stderr, "out of memory\n");
        return EXIT_FAILURE;
    }
    /* At the start of each episode. */
    commformer_team_forget(team);
    while (look(obs, count)) {
        commformer_shown shown = {obs, NULL, NULL, NULL};
        commformer_step step;
        if (!commformer_team_act(team, &shown, &step)) {
            return failed("commformer_team_act");
        }
        for (size_t i = 0; sizes.discrete && i < sizes.agents; i++) {
            printf("%lld ", (long long)step.actions[i]);
        }
        for (size_t i = 0; !sizes.discrete && i < sizes.agents * sizes.actions; i++) {
            printf("%.9g ", step.continuous[i]);
        }
        unsigned long long bytes = 0;
        for (size_t i = 0; i < sizes.agents * sizes.agents; i++) {
            bytes += step.delivered[i];
        }
        printf("for %llu bytes\n", bytes);
    }
    free(obs);
    commformer_team_close(team);
    return EXIT_SUCCESS;
}
