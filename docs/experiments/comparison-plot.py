#!/usr/bin/env python3
"""Pictures of docs/src/comparison.md, from its own tables: comparison-plot.py HEADING OUT.svg, such as
comparison-plot.py Predator-Capture-Prey docs/src/comparison-predator-capture-prey.svg. Success over bytes per agent and step, a
dot for each method, with the least and the most of its runs. Needs matplotlib (pip install matplotlib==3.11.*).
"""
import pathlib
import re
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "commformer"  # the same picture, the same bytes
import matplotlib.pyplot as plt

# As in comparison-table.py.
MEASURES = ("success", "won", "accuracy", "cued_accuracy", "return")
PAGE = pathlib.Path(__file__).parents[1] / "src" / "comparison.md"


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def numbers(cell):
    """The mean of a cell, the least and the most; a single number is all three."""
    found = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", cell)]
    return found if len(found) == 3 else found[:1] * 3


def rows(heading):
    """The table under a heading: a dictionary for each row."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", PAGE.read_text(), re.S | re.M)[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    names = cells(lines[0])
    return [dict(zip(names, cells(line))) for line in lines[2:]]


def main(heading, out):
    figure, axis = plt.subplots(figsize=(8, 5), layout="constrained")
    taken = []
    table = rows(heading)
    measure = next(name for name in MEASURES if name in table[0])
    means = [numbers(row[measure])[0] for row in table if numbers(row[measure])]
    # A line of names, in the unit of the axis.
    line = 0.028 * ((max(means) - min(means) or 1.0) if measure == "return" else 1.0)
    for row in sorted(table, key=lambda row: row["method"]):
        if not numbers(row[measure]):
            print(f"{row['method']} has no {measure}: it has no dot")
            continue
        success, low, high = numbers(row[measure])
        # A team that is sent nothing has its place on a scale of powers of two, too.
        bytes_, least, most = (number or 0.5 for number in numbers(row["bytes"]))
        silent = numbers(row["messages"])[0] == 0
        colour = "#D55E00" if silent else "#0072B2"
        axis.plot([bytes_, bytes_], [low, high], color=colour, linewidth=1)
        axis.plot([least, most], [success, success], color=colour, linewidth=1)
        axis.plot([bytes_], [success], "s" if silent else "o", color=colour, markersize=4)
        # Names are put below each other where dots lie together.
        height = success
        while any(abs(height - other) < line and 0.4 < bytes_ / at < 2.5 for other, at in taken):
            height -= line
        taken.append((height, bytes_))
        place = (bytes_ * 1.12, height)
        axis.annotate(row["method"].strip("*"), (bytes_, success), place, fontsize=7, va="center",
                      arrowprops={"arrowstyle": "-", "linewidth": 0.3} if height < success else None)
    axis.set_xscale("log", base=2)
    axis.set_xticks([0.5, 1, 4, 16, 64, 256, 1024], ["0", "1", "4", "16", "64", "256", "1024"])
    axis.set_xlabel("bytes per agent and step")
    axis.set_ylabel("return" if measure == "return" else "share of episodes with success")
    axis.grid(color="#DFE3E8", linewidth=0.5)
    figure.savefig(out, metadata={"Date": None})


main(*sys.argv[1:])
