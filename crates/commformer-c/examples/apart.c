/*
 * The agents of a team act, each with nothing of the others but letters, and the program prints what they do.
 *
 *   apart FILE < numbers
 *
 * It reads and prints what team.c does, but for IC3Net, whose agents draw other numbers than their team. In the place of the
 * list of letters there may be sockets or radios, and in the place of the loop over agents a machine for each: README.md has
 * the loop of one.
 */
#include "commformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A letter of this step under way. */
struct mail {
    size_t sender;
    commformer_letter letter;
};

struct post {
    struct mail *mail;
    size_t count;
    unsigned long long bytes;
};

static void stop(const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    exit(EXIT_FAILURE);
}

static void *memory(void *old, size_t bytes)
{
    void *place = realloc(old, bytes > 0 ? bytes : 1);
    if (place == NULL) {
        stop("out of memory");
    }
    return place;
}

/* What an agent hands out lasts until the next call with it, so that its letters are copied. */
static void post_all(struct post *post, size_t sender, const commformer_exchange *exchange)
{
    for (size_t i = 0; i < exchange->outgoing_count; i++) {
        commformer_letter letter = exchange->outgoing[i];
        uint8_t *content = memory(NULL, letter.bytes);
        memcpy(content, letter.content, letter.bytes);
        letter.content = content;
        post->mail = memory(post->mail, (post->count + 1) * sizeof *post->mail);
        post->mail[post->count].sender = sender;
        post->mail[post->count].letter = letter;
        post->count++;
    }
}

/* The letters for an agent that it waits for, as many as there are. */
static commformer_letter *arrived(const struct post *post, size_t agent, const commformer_exchange *exchange,
                                  size_t *there)
{
    commformer_letter *letters = memory(NULL, exchange->awaited_count * sizeof *letters);
    size_t count = 0;
    for (size_t i = 0; i < exchange->awaited_count; i++) {
        for (size_t j = 0; j < post->count; j++) {
            const struct mail *mail = &post->mail[j];
            if (mail->letter.other == agent && mail->letter.round == exchange->awaited[i].round &&
                mail->sender == exchange->awaited[i].sender) {
                letters[count] = mail->letter;
                letters[count].other = mail->sender;
                count++;
                break;
            }
        }
    }
    *there = count;
    return letters;
}

/* Lets each agent go on that has all that it waits for, or, with `patience` at its end, the first of the earliest round with
 * what there is: what it says then may be what others wait for. Whether anybody did. */
static bool go_on(struct post *post, commformer_agent **agents, commformer_exchange *exchanges, size_t count,
                  bool patience)
{
    size_t first = count;
    for (size_t i = 0; i < count; i++) {
        if (!exchanges[i].decided && (first == count || exchanges[i].awaited[0].round < exchanges[first].awaited[0].round)) {
            first = i;
        }
    }
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        commformer_exchange *exchange = &exchanges[i];
        if (exchange->decided) {
            continue;
        }
        size_t there;
        commformer_letter *letters = arrived(post, i, exchange, &there);
        if (patience ? there == exchange->awaited_count : i == first) {
            for (size_t j = 0; j < there; j++) {
                post->bytes += letters[j].bytes;
            }
            if (!commformer_agent_receive(agents[i], letters, there, exchange)) {
                stop(commformer_error());
            }
            post_all(post, i, exchange);
            any = true;
        }
        free(letters);
    }
    return any;
}

int main(int arguments, char **argument)
{
    if (arguments != 2) {
        stop("usage: apart FILE < numbers");
    }
    commformer_sizes sizes = {0};
    commformer_agent **agents = NULL;
    for (size_t i = 0; i == 0 || i < sizes.agents; i++) {
        agents = memory(agents, (i + 1) * sizeof *agents);
        agents[i] = commformer_agent_open(argument[1], i, 1);
        if (agents[i] == NULL || !commformer_agent_sizes(agents[i], &sizes)) {
            stop(commformer_error());
        }
        /* At the start of each episode. */
        commformer_agent_forget(agents[i]);
    }
    float *obs = memory(NULL, sizes.agents * sizes.obs_dim * sizeof *obs);
    commformer_exchange *exchanges = memory(NULL, sizes.agents * sizeof *exchanges);
    for (;;) {
        for (size_t i = 0; i < sizes.agents * sizes.obs_dim; i++) {
            if (scanf("%f", &obs[i]) != 1) {
                goto end;
            }
        }
        struct post post = {NULL, 0, 0};
        for (size_t i = 0; i < sizes.agents; i++) {
            if (!commformer_agent_begin(agents[i], &obs[i * sizes.obs_dim], NULL, &exchanges[i])) {
                stop(commformer_error());
            }
            post_all(&post, i, &exchanges[i]);
        }
        while (go_on(&post, agents, exchanges, sizes.agents, true) ||
               go_on(&post, agents, exchanges, sizes.agents, false)) {
        }
        for (size_t i = 0; i < sizes.agents; i++) {
            for (size_t j = 0; j < sizes.actions && exchanges[i].continuous != NULL; j++) {
                printf("%.9g ", exchanges[i].continuous[j]);
            }
            if (exchanges[i].continuous == NULL) {
                printf("%lld ", (long long)exchanges[i].action);
            }
        }
        printf("for %llu bytes\n", post.bytes);
        for (size_t i = 0; i < post.count; i++) {
            free((void *)post.mail[i].letter.content);
        }
        free(post.mail);
    }
end:
    for (size_t i = 0; i < sizes.agents; i++) {
        commformer_agent_close(agents[i]);
    }
    free(agents);
    free(obs);
    free(exchanges);
    return EXIT_SUCCESS;
}
