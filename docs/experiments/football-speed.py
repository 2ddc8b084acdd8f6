#!/usr/bin/env python3
"""What the bridge costs gfootball: steps a second through it, and of the engine alone, in turns, with nothing else running.

football-speed.py PROGRAM [SECONDS] [ROUNDS], with the interpreter that has gfootball. Random actions out of all 19, the engine's
own observations (simple115v2), three agents, as many processes as cores; the other side is a loop around the engine in
each process, which waits for nobody.
"""

import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time

SCENARIO, AGENTS = "academy_3_vs_1_with_keeper", 3


def alone(seconds, seed, ready, count):
    """Plays until the time is up, from when all are ready."""
    import gfootball.env
    import numpy as np

    env = gfootball.env.create_environment(
        env_name=SCENARIO,
        representation="simple115v2",
        rewards="scoring,checkpoints",
        number_of_left_players_agent_controls=AGENTS,
    )
    random, steps = np.random.default_rng(seed), 0
    env.reset()
    ready.wait()
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        steps += 1
        if env.step(random.integers(19, size=AGENTS).tolist())[2]:
            env.reset()
    count.value = steps / (time.perf_counter() - start)


def engine(seconds, processes, turn):
    ready = multiprocessing.Barrier(processes)
    counts = [multiprocessing.Value("d") for _ in range(processes)]
    players = [
        multiprocessing.Process(target=alone, args=(seconds, turn * processes + number, ready, count))
        for number, count in enumerate(counts)
    ]
    for player in players:
        player.start()
    for player in players:
        player.join()
    return sum(count.value for count in counts)


def bridge(program, seconds, copies):
    command = [program, "bench", "env", "football-3_vs_1", "--copies", str(copies), "--threads", "1", "--json"]
    command += ["--seconds", str(seconds), "--set", f"env.python={sys.executable}"]
    command += ["--set", "env.options={observation='simple115v2'}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])["rows"][0]["steps_per_second"]


def main():
    program = sys.argv[1]
    seconds, rounds = float((sys.argv[2:3] or [20])[0]), int((sys.argv[3:4] or [5])[0])
    processes = os.cpu_count()
    for copies in (processes, 4 * processes):
        turns = [(engine(seconds, processes, turn), bridge(program, seconds, copies)) for turn in range(rounds)]
        ratios = sorted(through / own for own, through in turns)
        own, through = (statistics.median(side) for side in zip(*turns))
        print(
            f"{copies} copies in {processes} processes: engine alone {own:.0f} steps/s, bridge {through:.0f}, "
            f"ratio {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
