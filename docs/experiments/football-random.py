#!/usr/bin/env python3
"""Random play at academy_3_vs_1_with_keeper: football-random.py EPISODES, with the interpreter that has gfootball.

Each agent takes any of its available actions, through the adapter that training goes through. Prints the mean score, return and
length with 95 % bootstrap intervals, as JSON.
"""

import json
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "crates/commformer-bridge/python"))
from commformer_bridge.football import Football  # noqa: E402


def episode(task, seed):
    random = np.random.default_rng(seed)
    task.reset(seed)
    total, steps, over = 0.0, 0, False
    while not over:
        actions = np.array([random.choice(np.flatnonzero(row)) for row in task.available()])
        _, rewards, terminated, truncated = task.step(actions)
        total, steps, over = total + rewards.mean(), steps + 1, terminated or truncated
    return task.metric_values()[0], total, steps


def main():
    task = Football("academy_3_vs_1_with_keeper")
    table = np.array([episode(task, seed) for seed in range(int(sys.argv[1]))])
    random = np.random.default_rng(0)
    means = np.array([table[random.integers(len(table), size=len(table))].mean(axis=0) for _ in range(2000)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    metrics = zip(("score", "return", "steps"), table.mean(axis=0), low, high)
    print(json.dumps({name: {"mean": m, "low": a, "high": b} for name, m, a, b in metrics} | {"episodes": len(table)}))


if __name__ == "__main__":
    main()
