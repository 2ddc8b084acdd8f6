#!/usr/bin/env python3
"""Records games of level-based foraging: record.py, with the interpreter that has lbforaging 2.0.0 and safetensors.

Every case becomes a file beside this one. A row is a step: the situation before it (agents and food, by row, column and
level, where an episode begins; else -1), what the agents then see and can do, what they do, what they are paid, and
whether that ends the episode. Of the food that is not there the level is 0. After an episode's last step a row has no
action (-1): it shows what is seen at the end.
"""

import json
import pathlib

import numpy as np
from lbforaging.foraging.environment import Action, ForagingEnv
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
MOVES = {Action.NORTH: (-1, 0), Action.SOUTH: (1, 0), Action.WEST: (0, -1), Action.EAST: (0, 1)}

# The names of the settings are the package's.
DEFAULTS = dict(
    players=2, min_player_level=1, max_player_level=2, min_food_level=1, max_food_level=None, field_size=(8, 8), max_num_food=2,
    sight=8, max_episode_steps=50, force_coop=False, normalize_reward=True, observe_agent_levels=True, penalty=0.0,
)
CASES = {
    "8x8-2p-2f-coop": (300, dict(force_coop=True)),
    "10x10-3p-3f": (300, dict(players=3, max_num_food=3, field_size=(10, 10), sight=10)),
    "8x8-2p-2f-coop-2s": (300, dict(force_coop=True, sight=2)),
    "6x6-3p-2f-1s-penalty": (300, dict(players=3, field_size=(6, 6), sight=1, penalty=0.1, force_coop=True, max_episode_steps=30)),
    "7x9-4p-4f-levels": (
        300,
        dict(players=4, min_player_level=1, max_player_level=4, min_food_level=2, max_food_level=6, field_size=(7, 9), max_num_food=4, sight=3),
    ),
    "5x5-6p-1f-crowd": (
        400,
        dict(players=6, field_size=(5, 5), max_num_food=1, sight=2, normalize_reward=False, observe_agent_levels=False, penalty=0.25),
    ),
}


def foods(env):
    """Row, column and level of what is left, row by row."""
    found = [(row, col, env.field[row, col]) for row, col in zip(*np.nonzero(env.field))]
    return found + [(0, 0, 0)] * (env.max_num_food - len(found))


def choose(env, random):
    """One time in four anything, be it possible or not; else towards the nearest food, and load it."""
    actions = []
    left = [food for food in foods(env) if food[2]]
    for player in env.players:
        if random.random() < 0.25 or not left:
            actions.append(int(random.integers(6)))
            continue
        row, col = player.position
        far = lambda food: abs(food[0] - row) + abs(food[1] - col)  # noqa: E731
        nearest = min(left, key=far)
        closer = [move for move, (down, right) in MOVES.items() if abs(nearest[0] - row - down) + abs(nearest[1] - col - right) < far(nearest)]
        actions.append(Action.LOAD.value if far(nearest) == 1 else closer[random.integers(len(closer))].value)
    return actions


def record(steps, settings, seed):
    env = ForagingEnv(**settings)
    random = np.random.default_rng(1)
    rows = {name: [] for name in ("agents", "food", "obs", "available", "actions", "rewards", "done")}
    seen = {"shared cells": 0, "food": 0, "refused": 0, "ends": 0}

    def note(obs, start, actions, rewards, done):
        players = [(*player.position, player.level) for player in env.players]
        rows["agents"].append(players if start else np.full((len(players), 3), -1))
        rows["food"].append(foods(env) if start else np.full((env.max_num_food, 3), -1))
        rows["obs"].append(obs)
        rows["available"].append([[action in env._valid_actions[player] for action in Action] for player in env.players])
        rows["actions"].append(actions)
        rows["rewards"].append(rewards)
        rows["done"].append(done)

    env.reset(seed=seed)
    done = True
    while len(rows["done"]) < steps or not done:
        start = done
        obs = env.reset()[0] if start else obs
        actions = choose(env, random)
        left = len([food for food in foods(env) if food[2]])
        note(obs, start, actions, [], False)
        seen["refused"] += sum(Action(action) not in env._valid_actions[player] for action, player in zip(actions, env.players))
        obs, rewards, done, _, _ = env.step(actions)
        rows["rewards"][-1], rows["done"][-1] = rewards, done
        seen["shared cells"] += len({player.position for player in env.players}) < len(env.players)
        seen["food"] += left - len([food for food in foods(env) if food[2]])
        if done:
            seen["ends"] += not env.field.any()
            note(obs, False, [-1] * len(env.players), [0.0] * len(env.players), True)
    return rows, seen


for seed, (name, (steps, changes)) in enumerate(CASES.items()):
    settings = DEFAULTS | changes
    rows, seen = record(steps, settings, seed)
    types = dict(agents=np.int8, food=np.int8, obs=np.float32, available=np.uint8, actions=np.int8, rewards=np.float32, done=np.uint8)
    tensors = {key: np.array(rows[key], types[key]) for key in types}
    whole = tensors["obs"].astype(np.int8)
    assert (whole == tensors["obs"]).all()
    save_file(tensors | {"obs": whole}, HERE / f"{name}.safetensors", {"case": json.dumps(settings)})
    print(name, len(rows["done"]), "rows,", seen)
