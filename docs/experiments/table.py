#!/usr/bin/env python3
"""Markdown tables from runs: table.py [--interval] FOLDER GROUP... where the runs are FOLDER/GROUP/seed-N, as `cargo xtask
compare` leaves them: GROUP is TASK/METHOD.

For each group: mean over seeds (smallest to largest) of every metric of final.json, and for each
seed the environment steps at the first evaluation with a success (accuracy, share won) of at least 0.95, and the minutes that the
run had taken by then. With --interval the
mean with the half-width of its 95 % interval (Student's t over seeds) instead, without the last column. Returns are shown
where there is no success, accuracy or share won.
"""
import json
import pathlib
import statistics
import sys

# The 97.5 % point of Student's t for so many seeds.
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


RATES = ["success", "accuracy", "won"]
FIGURES = ["steps", *RATES, "return", "score", "sources", "messages", "open_rate", "gates_right"]


def solved(run):
    """Steps and minutes of the first evaluation with a success, accuracy or share of battles won of at least 0.95."""
    for line in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        if line["kind"] == "evaluation":
            rates = [line["metrics"][name]["mean"] for name in RATES if name in line["metrics"]]
            if rates and rates[0] is not None and rates[0] >= 0.95:
                return f"{line['steps'] // 1000}k ({line['seconds']['elapsed'] / 60:.0f} min)"
    return "never"


def spread(values, interval):
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.3f}" if interval else f"{mean:.2f}"
    if not interval:
        return f"{mean:.2f} ({min(values):.2f} to {max(values):.2f})"
    if len(values) not in STUDENT:
        raise SystemExit(f"--interval knows Student's t up to {max(STUDENT)} seeds, and there are {len(values)}: add it to STUDENT")
    half = STUDENT[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.3f} ± {half:.3f}"


def row(folder, group, interval):
    runs = [final.parent for final in (folder / group).glob("seed-*/final.json")]
    runs.sort(key=lambda run: int(run.name.removeprefix("seed-")))
    finals = [json.loads((run / "final.json").read_text()) for run in runs]
    cells = [group, str(len(runs))]
    has_rate = any(rate in final for final in finals for rate in RATES)
    for name in FIGURES:
        told = [final[name]["mean"] for final in finals if name in final and not (name == "return" and has_rate)]
        values = [value for value in told if value is not None]
        lost = f", {len(told) - len(values)} without a number" if len(values) < len(told) else ""
        cells.append((spread(values, interval) if values else "none") + lost if told else "")
    at = [solved(run) for run in runs]
    cells.append(", ".join(at) if has_rate else "")
    return cells


def main():
    arguments = sys.argv[1:]
    interval = "--interval" in arguments
    folder, *groups = [argument for argument in arguments if argument != "--interval"]
    head = ["group", "seeds", *FIGURES, "solved at"]
    rows = [row(pathlib.Path(folder), group, interval) for group in groups]
    kept = [i for i in range(len(head)) if any(cells[i] for cells in rows)]
    if interval and kept[-1] == len(head) - 1:
        kept.pop()
    for cells in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(cells[i] for i in kept) + " |")


if __name__ == "__main__":
    main()
