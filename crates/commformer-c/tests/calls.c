/* What each function says to what it cannot take. The test gives a team of CommFormer of three agents. */
#include "commformer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, const char *what, int line)
{
    if (!holds) {
        fprintf(stderr, "line %d: %s\nthe last error: %s\n", line, what, commformer_error());
        exit(EXIT_FAILURE);
    }
}

#define CHECK(condition) check(condition, #condition, __LINE__)
#define REFUSED(call, words) \
    do {                     \
        CHECK(!(call));      \
        CHECK(strstr(commformer_error(), words) != NULL); \
    } while (0)

static uint8_t *content(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *content = malloc(*bytes);
    CHECK(content != NULL && fread(content, 1, *bytes, file) == *bytes);
    fclose(file);
    return content;
}

static void team(const char *path, const float *obs)
{
    REFUSED(commformer_team_open(NULL, 1), "`path`: found NULL");
    REFUSED(commformer_team_open("no-such-file", 1), "no-such-file: ");
    REFUSED(commformer_team_open("\xff", 1), "expected UTF-8");
    REFUSED(commformer_team_read(NULL, 8, 1), "`file`: found NULL");
    REFUSED(commformer_team_read((const uint8_t *)"nonsense", 8, 1), "`file`");
    /* A file that is no team's. */
    REFUSED(commformer_team_open("tests/calls.c", 1), "tests/calls.c: `file`: ");
    REFUSED(commformer_agent_open("tests/calls.c", 0, 1), "tests/calls.c: `file`: ");
    CHECK(strcmp(commformer_version(), COMMFORMER_VERSION) == 0);
    size_t bytes;
    uint8_t *file = content(path, &bytes);
    commformer_team *team = commformer_team_read(file, bytes, 1);
    CHECK(team != NULL);
    free(file);

    commformer_sizes sizes;
    REFUSED(commformer_team_sizes(NULL, &sizes), "`team`: found NULL");
    REFUSED(commformer_team_sizes(team, NULL), "`sizes`: found NULL");
    CHECK(commformer_team_sizes(team, &sizes));
    CHECK(sizes.agents == 3 && sizes.discrete && sizes.obs_version == -1);
    REFUSED(commformer_team_forget(NULL), "`team`: found NULL");
    CHECK(commformer_team_forget(team));

    commformer_shown shown = {obs, NULL, NULL, NULL};
    commformer_step step;
    REFUSED(commformer_team_act(NULL, &shown, &step), "`team`: found NULL");
    REFUSED(commformer_team_act(team, NULL, &step), "`shown`: found NULL");
    REFUSED(commformer_team_act(team, &shown, NULL), "`step`: found NULL");
    shown.obs = NULL;
    REFUSED(commformer_team_act(team, &shown, &step), "`obs`: found NULL");
    shown.obs = obs;
    CHECK(commformer_team_act(team, &shown, &step));
    CHECK(step.actions != NULL && step.continuous == NULL && step.delivered != NULL && step.messages > 0);

    /* Flags: any number but 0 is yes. */
    uint8_t *available = calloc(sizes.agents * sizes.actions, 1);
    CHECK(available != NULL);
    shown.available = available;
    REFUSED(commformer_team_act(team, &shown, &step), "action");
    for (size_t agent = 0; agent < sizes.agents; agent++) {
        available[agent * sizes.actions + agent] = (uint8_t)(2 + agent);
    }
    CHECK(commformer_team_act(team, &shown, &step));
    CHECK(step.actions[0] == 0 && step.actions[1] == 1 && step.actions[2] == 2);
    const uint8_t active[3] = {0, 0, 255}, departed[3] = {1, 0, 0};
    shown.active = active;
    shown.departed = departed;
    CHECK(commformer_team_act(team, &shown, &step));
    CHECK(step.messages == 0 && step.actions[2] == 2);
    free(available);
    commformer_team_close(team);
    commformer_team_close(NULL);
}

static void agent(const char *path, const float *obs)
{
    REFUSED(commformer_agent_open(path, 3, 1), "`agent`: found 3, expected less than 3");
    REFUSED(commformer_agent_open(NULL, 0, 1), "`path`: found NULL");
    REFUSED(commformer_agent_read(NULL, 8, 0, 1), "`file`: found NULL");
    size_t bytes;
    uint8_t *file = content(path, &bytes);
    commformer_agent *agent = commformer_agent_read(file, bytes, 2, 1);
    CHECK(agent != NULL);
    free(file);

    commformer_sizes sizes;
    REFUSED(commformer_agent_sizes(NULL, &sizes), "`agent`: found NULL");
    CHECK(commformer_agent_sizes(agent, &sizes) && sizes.agents == 3);
    REFUSED(commformer_agent_forget(NULL), "`agent`: found NULL");
    CHECK(commformer_agent_forget(agent));

    commformer_exchange exchange;
    REFUSED(commformer_agent_receive(agent, NULL, 0, &exchange), "no step is under way");
    REFUSED(commformer_agent_begin(NULL, obs, NULL, &exchange), "`agent`: found NULL");
    REFUSED(commformer_agent_begin(agent, NULL, NULL, &exchange), "`obs`: found NULL");
    REFUSED(commformer_agent_begin(agent, obs, NULL, NULL), "`exchange`: found NULL");
    uint8_t *available = calloc(sizes.actions, 1);
    CHECK(available != NULL);
    REFUSED(commformer_agent_begin(agent, obs, available, &exchange), "action");
    available[1] = 1;
    CHECK(commformer_agent_begin(agent, obs, available, &exchange));
    CHECK(!exchange.decided && exchange.action == -1 && exchange.awaited_count > 0);

    /* A letter that cannot be read is named, and the agent goes on without it. */
    commformer_letter letter = {exchange.awaited[0].round, exchange.awaited[0].sender, NULL, 1};
    REFUSED(commformer_agent_receive(agent, NULL, 1, &exchange), "`letters`: found NULL");
    REFUSED(commformer_agent_receive(agent, &letter, 1, &exchange), "content`: found NULL");
    letter.content = (const uint8_t *)"?";
    REFUSED(commformer_agent_receive(agent, &letter, 1, &exchange), "byte");
    letter.round += 7;
    REFUSED(commformer_agent_receive(agent, &letter, 1, &exchange), "`letters`: found one for round");
    REFUSED(commformer_agent_receive(agent, NULL, 0, NULL), "`exchange`: found NULL");
    while (!exchange.decided) {
        CHECK(commformer_agent_receive(agent, NULL, 0, &exchange));
    }
    CHECK(exchange.action == 1 && exchange.continuous == NULL && exchange.awaited_count == 0);
    free(available);
    commformer_agent_close(agent);
    commformer_agent_close(NULL);
}

int main(int arguments, char **argument)
{
    CHECK(arguments == 2);
    CHECK(strlen(commformer_error()) == 0 && strlen(commformer_version()) > 0);
    float obs[256] = {0};
    team(argument[1], obs);
    agent(argument[1], obs);
    return EXIT_SUCCESS;
}
