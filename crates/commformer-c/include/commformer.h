/*
 * Trained teams of agents that talk to each other, out of the file that `commformer export` writes.
 *
 * A team whose agents are all in one process is a commformer_team. Where each agent is on a machine of its own, it is a
 * commformer_agent, and your program carries the letters. N is the number of agents, O the numbers that one sees, and A
 * the actions that one chooses from, or the numbers of a continuous action.
 *
 * A function that fails returns false or NULL, and commformer_error says why. What a call hands out belongs to the team or
 * the agent, and lasts until the next call with it. A team or an agent is used by one thread at a time, any thread; teams
 * and agents know nothing of each other.
 */
#ifndef COMMFORMER_H
#define COMMFORMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header: that of the library is to be the same. */
#define COMMFORMER_VERSION "0.1.0"

/* Why the last call that failed on this thread did so: text in UTF-8, which lasts until another one fails. */
const char *commformer_error(void);

/* The version of the library: COMMFORMER_VERSION, if the header belongs to it. */
const char *commformer_version(void);

typedef struct commformer_sizes {
    size_t agents;  /* N */
    size_t obs_dim; /* O */
    size_t actions; /* A */
    bool discrete;  /* Whether an action is one of A, or has A numbers. */
    /* Of the observations that the team learned from: your task's have to be of the same version. -1: the file is older
     * than versions. */
    int64_t obs_version;
} commformer_sizes;

/* Numbers of continuous actions are the network's, of any size. Those that your task bounds are to be stretched from -1 and 1
 * to the bounds, and clipped. */

/* ---- A team in one process ---- */

typedef struct commformer_team commformer_team;

/* What a team is shown in a step. */
typedef struct commformer_shown {
    const float *obs;         /* (N, O), finite numbers, those of agents that are not active, too */
    const uint8_t *available; /* (N, A): an action that can be taken is not 0. An active agent has one. NULL: all can. */
    const uint8_t *active;    /* (N): an agent that is in the game is not 0. The others forget what they carry. NULL: all are. */
    const uint8_t *departed;  /* (N): an agent that left in the step before is not 0. NULL: nobody did. */
} commformer_shown;

/* What a team did in a step. */
typedef struct commformer_step {
    const int64_t *actions;    /* (N); NULL if actions are continuous */
    const float *continuous;   /* (N, A), see below; NULL if actions are discrete */
    const uint64_t *delivered; /* (N, N): bytes, row the receiver, column the sender */
    /* Along edges of the graph, what a sender sent a receiver is one message. The action of the agent before, where that is
     * sent without an edge, is in `delivered` alone. */
    size_t messages;
} commformer_step;

/* The team of a file, by its path in UTF-8, or by what is in it. The seed is for methods whose agents draw whether they send
 * (IC3Net). */
commformer_team *commformer_team_open(const char *path, uint64_t seed);
commformer_team *commformer_team_read(const uint8_t *file, size_t bytes, uint64_t seed);

/* Frees the team. NULL is none. */
void commformer_team_close(commformer_team *team);

bool commformer_team_sizes(const commformer_team *team, commformer_sizes *sizes);

/* Has all agents forget what they carry, as at the start of an episode. */
bool commformer_team_forget(commformer_team *team);

/* One step: the agents perceive, exchange messages and decide, each by its own observation and the messages that reach it.
 * They take their most likely actions. An agent that is not active neither sends nor is sent anything, and its action has
 * no meaning. What agents carry is as before if the call fails, but that those who left have forgotten it. */
bool commformer_team_act(commformer_team *team, const commformer_shown *shown, commformer_step *step);

/* ---- An agent on a machine of its own ---- */

typedef struct commformer_agent commformer_agent;

/* What goes from one agent to another. Letters are told apart by step, round and sender: your program counts steps, drops
 * letters of earlier ones, and keeps those that come too soon, of later rounds and steps, until they are awaited. */
typedef struct commformer_letter {
    size_t round;
    size_t other; /* Where it goes to, or where it came from. */
    const uint8_t *content;
    size_t bytes;
} commformer_letter;

typedef struct commformer_awaited {
    size_t round;
    size_t sender;
} commformer_awaited;

/* What an agent has to say, and what it waits for. */
typedef struct commformer_exchange {
    /* To be sent now, to all who can hear the agent. Whoever pays for messages sends them only to those who wait for them,
     * if these say so. */
    const commformer_letter *outgoing;
    size_t outgoing_count;
    /* The letters that it needs to go on. Wait with a limit: an agent that is not active sends nothing, nor does one of
     * IC3Net that decided so. Whoever waited in vain speaks only then: give up after one limit since the step began in
     * round 0, after two in round 1 and so on and, where agents decide one after the other (the last round of CommFormer
     * and MAT), after one more for each agent before this one. */
    const commformer_awaited *awaited;
    size_t awaited_count;
    /* Whether the step is at its end. Then it has one of the two. */
    bool decided;
    int64_t action;          /* Discrete; -1 if there is none. */
    const float *continuous; /* (A), as a team's; NULL if there is none. */
} commformer_exchange;

/* Agent number `agent` of a file's team. Only agents of IC3Net draw by the seed, each by itself and not as their team does. */
commformer_agent *commformer_agent_open(const char *path, size_t agent, uint64_t seed);
commformer_agent *commformer_agent_read(const uint8_t *file, size_t bytes, size_t agent, uint64_t seed);

/* Frees the agent. NULL is none. */
void commformer_agent_close(commformer_agent *agent);

bool commformer_agent_sizes(const commformer_agent *agent, commformer_sizes *sizes);

/* Has it forget what it carries, as at the start of an episode, and as after a step in which it was not active or in which
 * it left. A step that is under way is given up. */
bool commformer_agent_forget(commformer_agent *agent);

/* Begins a step by what the agent sees, O numbers. `available` has A flags; NULL: it can take all actions. A step that did
 * not come to its end is given up, as if it had not begun. If the agent cannot take what it sees, no step is under way. */
bool commformer_agent_begin(commformer_agent *agent, const float *obs, const uint8_t *available,
                            commformer_exchange *exchange);

/* Takes in the letters that it awaited, as far as they have come and no others, and goes on. One that is left out is a message
 * that was not sent; in a later round than the first of methods other than CommFormer and MAT, its sender is taken to say what
 * it said before. If a letter cannot be read, nothing of them has been taken in, and the agent can go on with fewer. If
 * numbers are too large for the network after that, the step is given up: begin one. */
bool commformer_agent_receive(commformer_agent *agent, const commformer_letter *letters, size_t count,
                              commformer_exchange *exchange);

#ifdef __cplusplus
}
#endif

#endif
