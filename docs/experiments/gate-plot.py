#!/usr/bin/env python3
"""Pictures of the gate for docs/src: gate-plot.py FOLDER CSV OUT, with the runs of gate.toml in FOLDER and the
output of the example when-gates-open in CSV. Needs matplotlib (pip install matplotlib==3.11.*).
"""
import collections
import csv
import json
import pathlib
import re
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "commformer"  # the same picture, the same bytes
import matplotlib.pyplot as plt

TASKS = {"predator-prey": "Predator-Prey 5x5", "predator-capture-prey": "Predator-Capture-Prey 5x5"}
# Okabe and Ito's colours, which colour-blind people can tell apart, and shapes besides.
GATES = {"learned": ("#0072B2", "o"), "random": ("#D55E00", "s"), "periodic": ("#009E73", "^")}


def finals(folder):
    """(task, gate, rate) to the final.json of each seed."""
    found = collections.defaultdict(list)
    for path in sorted(folder.glob("*/*/seed-*/final.json")):
        task, method = path.parts[-4:-2]
        name = re.fullmatch(r"(learned|random|periodic)\+target_rate=([\d.]+)", method)
        if name and task in TASKS:
            found[task, *name.groups()].append(json.loads(path.read_text()))
    return found


def curve(folder, out):
    """Mean steps against messages: a point and its range over seeds for each gate and rate."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    runs = finals(folder)
    for axis, (task, title) in zip(axes, TASKS.items()):
        for gate, (colour, shape) in GATES.items():
            points = []
            for (of_task, of_gate, rate), seeds in runs.items():
                # All open and all closed are the ends of every curve.
                if of_task == task and (of_gate == gate or (of_gate == "learned" and rate in ("0.0", "1.0"))):
                    steps = [final["steps"]["mean"] for final in seeds]
                    sent = [final["messages"]["mean"] for final in seeds]
                    mean = lambda values: sum(values) / len(values)
                    points.append((mean(sent), mean(steps), min(steps), max(steps)))
            points.sort()
            if not points:
                continue
            x, y, low, high = zip(*points)
            spread = [[b - a for a, b in zip(low, y)], [b - a for a, b in zip(y, high)]]
            axis.errorbar(x, y, spread, color=colour, marker=shape, capsize=3, label=gate)
        axis.set(title=title, xlabel="messages per agent per step", ylabel="mean steps (fewer is better)")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(out / "gate-curve.svg", metadata={"Date": None})


def openings(table, out):
    """Share of open gates by distance and by time, over the runs of the table."""
    counts = collections.Counter()
    with open(table) as rows:
        for row in csv.DictReader(rows):
            task = pathlib.Path(row["run"]).parts[-3]
            key = (task, row["role"], row["by"], int(row["value"]))
            counts[key, "all"] += int(row["decisions"])
            counts[key, "open"] += int(row["open"])
    roles = sorted({key[:2] for key, _ in counts}, reverse=True)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    for axis, by in zip(axes, ["distance", "time"]):
        for (task, role), colour, shape in zip(roles, ["#0072B2", "#D55E00", "#009E73"], "os^"):
            keys = sorted(key for key, what in counts if what == "all" and key[:3] == (task, role, by))
            # Rare cases say little.
            keys = [key for key in keys if counts[key, "all"] >= 100]
            x = [key[3] for key in keys]
            y = [counts[key, "open"] / counts[key, "all"] for key in keys]
            axis.plot(x, y, color=colour, marker=shape, label=f"{TASKS[task][:-4]}: {role}")
        axis.set(ylim=(-0.03, 1.03), ylabel="share of open gates")
        axis.grid(alpha=0.3)
    axes[0].set(xlabel="cells to the prey")
    axes[1].set(xlabel="step of the episode")
    axes[0].legend()
    figure.savefig(out / "gate-openings.svg", metadata={"Date": None})


def main():
    folder, table, out = map(pathlib.Path, sys.argv[1:4])
    curve(folder, out)
    openings(table, out)


main()
