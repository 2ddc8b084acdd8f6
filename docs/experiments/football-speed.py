#!/usr/bin/env python3
"""What the bridge and training cost beside the football engine: football-speed.py PROGRAM [SECONDS] [ROUNDS], with nothing
else running and with the interpreter that has gfootball.

Environment steps a second, with as many environments in as many processes, in turns: of the preset's training, everything
included; of the bridge alone, each worker stepped without waiting for the others; and of two loops that wait for nobody,
one around the engine with random actions out of all, and one around the adapter, with its observations and, like the
bridge, random actions out of those that make sense.
"""

import json
import multiprocessing
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "crates/commformer-bridge/python"))
from commformer_bridge.football import Football  # noqa: E402
from commformer_bridge.loading import load  # noqa: E402

SCENARIO, AGENTS, NUM_ENVS = "academy_3_vs_1_with_keeper", 3, 8


class Engine:
    """The engine by itself."""

    def __init__(self):
        make = load("gfootball.env").create_environment
        self.env = make(env_name=SCENARIO, representation="raw", number_of_left_players_agent_controls=AGENTS)
        self.env.reset()

    def play(self, random):
        if self.env.step(random.integers(19, size=AGENTS).tolist())[2]:
            self.env.reset()


class Adapter:
    """The adapter, in this process, with actions as `commformer bench env` chooses them."""

    def __init__(self):
        self.task, self.steps = Football(SCENARIO), 0
        self.task.reset(1)

    def play(self, random):
        if self.steps == 0:
            self.prepared = random.integers(19, size=(16, AGENTS, 1))
        nearest = (self.prepared[self.steps % 16] + np.arange(19)) % 19
        self.steps += 1
        chosen = np.take_along_axis(self.task.available(), nearest, axis=1).argmax(axis=1)
        _, _, terminated, truncated = self.task.step(nearest[np.arange(AGENTS), chosen])
        if terminated or truncated:
            self.task.reset(int(random.integers(2**31)))


def loop(kind, num_envs, seconds, seed, ready, count):
    """Steps its environments one by one until the time is up, from when all are ready."""
    envs, random, steps = [kind() for _ in range(num_envs)], np.random.default_rng(seed), 0
    ready.wait()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for env in envs:
            env.play(random)
        steps += num_envs
    count.value = steps / (time.perf_counter() - start)


def loops(kind, seconds, processes, turn):
    ready = multiprocessing.Barrier(processes)
    counts = [multiprocessing.Value("d") for _ in range(processes)]
    players = [
        multiprocessing.Process(
            target=loop, args=(kind, NUM_ENVS // processes, seconds, turn * processes + number, ready, count)
        )
        for number, count in enumerate(counts)
    ]
    for player in players:
        player.start()
    for player in players:
        player.join()
    return sum(count.value for count in counts)


def program(*arguments):
    """What the program prints as JSON, with this interpreter."""
    command = [sys.argv[1], "bench", *arguments, "--json", "--set", f"env.python={sys.executable}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def training(seconds):
    arguments = ["--iterations", "1000", "--seconds", str(seconds), "--set", f"rollout.num_envs={NUM_ENVS}"]
    return program("train", "football-3_vs_1", *arguments)["steps_per_second"]


def alone(seconds, processes):
    arguments = ["--num-envs", str(NUM_ENVS), "--threads", str(processes), "--seconds", str(seconds)]
    (row,) = program("env", "football-3_vs_1", *arguments)["rows"]
    return row["steps_per_second"]


def main():
    seconds, rounds = float((sys.argv[2:3] or [20])[0]), int((sys.argv[3:4] or [5])[0])
    processes = os.cpu_count()
    sides = {"training": lambda turn: training(seconds), "bridge": lambda turn: alone(seconds, processes)}
    sides |= {
        kind.__name__.lower(): lambda turn, kind=kind: loops(kind, seconds, processes, turn)
        for kind in (Engine, Adapter)
    }
    turns = [{name: side(turn) for name, side in sides.items()} for turn in range(rounds)]
    for name in sides:
        rates = [turn[name] for turn in turns]
        print(f"{name}: {statistics.median(rates):.0f} steps/s ({min(rates):.0f} to {max(rates):.0f})")
    for ours in ("training", "bridge"):
        for loop in ("engine", "adapter"):
            ratios = sorted(turn[ours] / turn[loop] for turn in turns)
            print(f"{ours} / {loop}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
