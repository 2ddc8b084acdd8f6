#!/usr/bin/env python3
"""The table that ranks-scaling.sh has measured, a model of an iteration's time fitted to it, and where that leads.

Usage: ranks-model.py FOUND.tsv

    seconds = work / (ranks threads) + alike + exchanges (ranks - 1) (overhead + trips delay) + slowness bytes / rate

`work` is shared out, `alike` is what every rank computes. An exchange passes once around all ranks. The five numbers are
fitted by least squares of the relative error. With more machines the model takes as many more environments: each machine has
its own share, and all of them receive what all others have.
"""

import csv
import statistics
import sys
from collections import defaultdict


def terms(row):
    ranks, exchanges = row["ranks"], row["exchanges"]
    on_way = row["bytes"] * 8e-6 / row["rate_mbit"] if row["rate_mbit"] else 0.0
    hops = exchanges * (ranks - 1)
    return [1 / (ranks * row["threads"]), 1.0, hops, hops * row["delay_ms"] / 1e3, on_way]


def solve(matrix, right):
    """Gauss's elimination; an unknown that nothing is known of is 0."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right)]
    for at in range(size):
        best = max(range(at, size), key=lambda line: abs(rows[line][at]))
        rows[at], rows[best] = rows[best], rows[at]
        if abs(rows[at][at]) < 1e-15:
            rows[at] = [float(place == at) for place in range(size)] + [0.0]
        for line in range(size):
            if line != at:
                factor = rows[line][at] / rows[at][at]
                rows[line] = [a - factor * b for a, b in zip(rows[line], rows[at])]
    return [rows[at][size] / rows[at][at] for at in range(size)]


def fit(rows):
    """No number can be below 0: the most negative one is left out until none is."""
    lines = [[term / row["seconds"] for term in terms(row)] for row in rows]
    held = list(range(5))
    while True:
        matrix = [[sum(line[a] * line[b] for line in lines) for b in held] for a in held]
        found = solve(matrix, [sum(line[a] for line in lines) for a in held])
        if min(found) >= 0:
            return [found[held.index(at)] if at in held else 0.0 for at in range(5)]
        held.pop(found.index(min(found)))


def predicted(numbers, row):
    return sum(number * term for number, term in zip(numbers, terms(row)))


def read(path):
    turns = defaultdict(list)
    with open(path) as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            row = {key: value if key == "task" else float(value) for key, value in line.items()}
            key = tuple(row[name] for name in ("task", "ranks", "threads", "delay_ms", "rate_mbit"))
            turns[(*key, row["bytes"] > 0)].append(row)
    for rows in turns.values():
        seconds = [row["seconds"] for row in rows]
        yield {**rows[0], "seconds": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}


def link(row):
    if row["rate_mbit"]:
        return f"{row['delay_ms']:g} ms, {row['rate_mbit']:g} Mbit/s"
    return "two namespaces" if row["bytes"] else "one machine"


def main():
    all_rows = list(read(sys.argv[1]))
    print("| task | ranks x threads | link, each way | seconds an iteration (least to most) | MB sent by each | of 1 x 2's speed | model | off by |")
    print("|---|---|---|---|---|---|---|---|")
    models = {}
    for task in dict.fromkeys(row["task"] for row in all_rows):
        rows = [row for row in all_rows if row["task"] == task]
        numbers = fit(rows)
        models[task] = rows, numbers
        base = [row["seconds"] for row in rows if (row["ranks"], row["threads"]) == (1, 2)]
        for row in rows:
            guess = predicted(numbers, row)
            share = f"{base[0] / row['seconds']:.2f}" if base else ""
            print(
                f"| {task} | {row['ranks']:g} x {row['threads']:g} | {link(row)} | {row['seconds']:.2f} ({row['least']:.2f} to "
                f"{row['most']:.2f}) | {row['bytes'] / 1e6:.1f} | {share} | {guess:.2f} | {guess / row['seconds'] - 1:+.0%} |"
            )
    for task, (rows, (work, alike, overhead, trips, slowness)) in models.items():
        print(f"\n{task}: work {work:.2f} s, alike {alike:.2f} s, overhead {overhead * 1e3:.2f} ms, trips {trips:.1f}, "
              f"slowness {slowness:.2f}.")
        remote = [row for row in rows if row["bytes"] > 0]
        if not remote:
            continue
        one, sent = remote[0], statistics.median(row["bytes"] for row in remote)
        print("\nOf the speed of so many single machines of one thread, each with its own share of the environments; in brackets, if "
              "what all compute alike grew as the samples do; then, if only sums of gradients were exchanged:\n")
        print("| machines | 8 agents, 1 Gbit/s | 10 Gbit/s | 100 Gbit/s | 1,000 agents, 10 Gbit/s | sums alone, 1 Gbit/s |")
        print("|---|---|---|---|---|---|")
        for ranks in (2, 4, 16, 64):
            cells = []
            for agents, rate in ((one["agents"], 1e3), (one["agents"], 1e4), (one["agents"], 1e5), (1000, 1e4)):
                # Work, rollouts and parts of a minibatch grow as the team does.
                more = agents / one["agents"]
                latency = one["exchanges"] * (ranks - 1) * (overhead + max(trips, 1.0) * 5e-5)
                way = max(slowness, 1.0) * more * sent * (ranks - 1) * 8e-6 / rate
                alone = more * (work + alike)
                cells.append(f"{alone / (alone + latency + way):.2f} "
                             f"({alone / (alone + more * alike * (ranks - 1) + latency + way):.2f})")
            hops = 2 * one["exchanges"] * (ranks - 1) * (overhead + max(trips, 1.0) * 5e-5)
            sums = max(slowness, 1.0) * one["exchanges"] * 2 * (ranks - 1) / ranks * 4 * one["parameters"] * 8e-9
            cells.append(f"{(work + alike) / (work + alike + hops + sums):.2f}")
            print(f"| {ranks} | " + " | ".join(cells) + " |")


main()
