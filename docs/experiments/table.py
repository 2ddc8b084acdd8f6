#!/usr/bin/env python3
"""Markdown tables from runs: table.py FOLDER GROUP... where the runs are FOLDER/GROUP-SEED.

For each group: mean over seeds (smallest to largest) of every figure of final.json, and for each
seed the environment steps at the first evaluation with a success of at least 0.95.
"""
import json
import pathlib
import sys


FIGURES = ["steps", "success", "accuracy", "sources", "messages", "open_rate", "gates_right"]


def solved(run):
    """Steps of the first evaluation with a success (or accuracy) of at least 0.95."""
    for line in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        if line["kind"] == "evaluation":
            figures = line["figures"]
            score = figures.get("success", figures.get("accuracy"))["mean"]
            if score >= 0.95:
                return line["steps"]
    return None


def spread(values, digits):
    mean = sum(values) / len(values)
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def row(folder, group):
    runs = sorted(run for run in folder.glob(f"{group}-[0-9]*") if (run / "final.json").exists())
    finals = [json.loads((run / "final.json").read_text()) for run in runs]
    cells = [group, str(len(runs))]
    for name in FIGURES:
        values = [final[name]["mean"] for final in finals if name in final]
        cells.append(spread(values, 2) if values else "")
    at = [solved(run) for run in runs]
    cells.append(", ".join(f"{steps // 1000}k" if steps else "never" for steps in at))
    return cells


def main():
    folder = pathlib.Path(sys.argv[1])
    head = ["group", "seeds", *FIGURES, "solved at"]
    rows = [row(folder, group) for group in sys.argv[2:]]
    kept = [i for i in range(len(head)) if any(cells[i] for cells in rows)]
    for cells in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(cells[i] for i in kept) + " |")


main()
