#!/usr/bin/env python3
"""Level-based foraging here and in its package: lbf-speed.py PROGRAM [SECONDS] [ROUNDS], with nothing else running and with
the interpreter that has lbforaging 2.0.0.

Environment steps a second on one core, random actions drawn beforehand, episodes begun anew where they end; in turns.
"""

import json
import statistics
import subprocess
import sys
import time

import gymnasium
import lbforaging  # noqa: F401 (registers the tasks)
import numpy as np

TASKS = {"lbf-8x8-2p-2f-coop": "Foraging-8x8-2p-2f-coop-v3", "lbf-10x10-3p-3f": "Foraging-10x10-3p-3f-v3"}


def package(name, seconds):
    """Steps a second of the package, without gymnasium's wrappers."""
    env = gymnasium.make(name).unwrapped
    env.reset(seed=1)
    actions = np.random.default_rng(2).integers(6, size=(1024, env.n_agents)).tolist()
    steps, begun = 0, time.perf_counter()
    while time.perf_counter() < begun + seconds:
        if env.step(actions[steps % len(actions)])[2]:
            env.reset()
        steps += 1
    return steps / (time.perf_counter() - begun)


def ours(program, preset, seconds):
    """Steps a second of one environment, and of 256."""
    command = [program, "bench", "env", preset, "--num-envs", "1,256", "--threads", "1", "--seconds", str(seconds), "--json"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [row["steps_per_second"] for row in json.loads(out.splitlines()[-1])["rows"]]


program = sys.argv[1]
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
for preset, name in TASKS.items():
    found = [(package(name, seconds), *ours(program, preset, seconds)) for _ in range(rounds)]
    theirs, one, many = (statistics.median(column) for column in zip(*found))
    print(f"{preset}: package {theirs:,.0f}, one environment {one:,.0f} ({one / theirs:.0f} times), 256 environments {many:,.0f} ({many / theirs:.0f} times)")
