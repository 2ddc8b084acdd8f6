#!/usr/bin/env python3
"""What training costs beside the football engine: football-speed.py PROGRAM [SECONDS] [ROUNDS], with nothing else running and
with the interpreter that has gfootball.

Environment steps a second of the preset's training, everything included, and of two loops that learn nothing and wait for
nobody, with as many copies in as many processes, in turns: one around the engine with random actions out of all, and
one around the adapter, with its observations and random actions out of those that make sense.
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
import bridge  # noqa: E402

SCENARIO, AGENTS, COPIES = "academy_3_vs_1_with_keeper", 3, 8


class Engine:
    """The engine by itself."""

    def __init__(self):
        make = bridge.load("gfootball.env").create_environment
        self.env = make(env_name=SCENARIO, representation="raw", number_of_left_players_agent_controls=AGENTS)
        self.env.reset()

    def play(self, random):
        if self.env.step(random.integers(19, size=AGENTS).tolist())[2]:
            self.env.reset()


class Adapter:
    """The adapter, in this process."""

    def __init__(self):
        self.task = bridge.Football(SCENARIO)

    def play(self, random):
        scores = random.random((AGENTS, 19)) * self.task.available()
        _, _, terminated, truncated = self.task.step(scores.argmax(axis=1))
        if terminated or truncated:
            self.task.reset(int(random.integers(2**31)))


def loop(kind, copies, seconds, seed, ready, count):
    """Steps its copies one by one until the time is up, from when all are ready."""
    envs, random, steps = [kind() for _ in range(copies)], np.random.default_rng(seed), 0
    ready.wait()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for env in envs:
            env.play(random)
        steps += copies
    count.value = steps / (time.perf_counter() - start)


def loops(kind, seconds, processes, turn):
    ready = multiprocessing.Barrier(processes)
    counts = [multiprocessing.Value("d") for _ in range(processes)]
    players = [
        multiprocessing.Process(
            target=loop, args=(kind, COPIES // processes, seconds, turn * processes + number, ready, count)
        )
        for number, count in enumerate(counts)
    ]
    for player in players:
        player.start()
    for player in players:
        player.join()
    return sum(count.value for count in counts)


def training(program, seconds):
    command = [program, "bench", "football-3_vs_1", "--json", "--iterations", "1000", "--seconds", str(seconds)]
    command += ["--set", f"env.python={sys.executable}", "--set", f"rollout.copies={COPIES}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])["steps_per_second"]


def main():
    program = sys.argv[1]
    seconds, rounds = float((sys.argv[2:3] or [20])[0]), int((sys.argv[3:4] or [5])[0])
    processes = os.cpu_count()
    sides = {"training": lambda turn: training(program, seconds)}
    sides |= {
        kind.__name__.lower(): lambda turn, kind=kind: loops(kind, seconds, processes, turn)
        for kind in (Engine, Adapter)
    }
    turns = [{name: side(turn) for name, side in sides.items()} for turn in range(rounds)]
    for name in sides:
        rates = [turn[name] for turn in turns]
        ratios = sorted(turn["training"] / turn[name] for turn in turns)
        print(
            f"{name}: {statistics.median(rates):.0f} steps/s ({min(rates):.0f} to {max(rates):.0f}), "
            f"training is {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) of it"
        )


if __name__ == "__main__":
    main()
