#!/usr/bin/env python3
"""The tables of docs/src/comparison.md, in Markdown, from the folder of a comparison and its report.

Usage: comparison-table.py FOLDER TASK...

For each task: interquartile means over runs with their 95 % intervals, as in the report, and the environment steps after which
half of the runs have had an evaluation of at least 0.95. Success is `success`, `won` or, for foraging, `return`.
"""

import csv
import json
import statistics
import sys
from pathlib import Path

SUCCESS = ("success", "won", "return")
OTHERS = ("steps", "messages", "bytes", "message_rounds")
GOAL = 0.95


def means(folder: Path) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    found: dict = {}
    with open(folder / "report/tables/metrics.csv", newline="") as lines:
        for line in csv.DictReader(lines):
            numbers = {name: float(line[name] or "nan") for name in ("runs", "failed", "iqm", "low", "high")}
            found.setdefault((line["task"], line["method"]), {})[line["metric"]] = numbers
    return found


def solved_at(folder: Path, task: str, method: str, name: str) -> str:
    """The median over seeds of the first evaluation that reaches the goal; those that never do are the last."""
    first = []
    for metrics in sorted((folder / task / method).glob("seed-*/metrics.jsonl")):
        if not (metrics.parent / "final.json").exists():
            continue
        lines = (json.loads(line) for line in open(metrics))
        evaluations = [line for line in lines if line["kind"] == "evaluation"]
        read = [(at["steps"], (at.get("metrics") or at["figures"])[name]["mean"]) for at in evaluations]
        first.append(next((steps for steps, value in read if value >= GOAL), float("inf")))
    median = statistics.median(first) if first else float("inf")
    return "never" if median == float("inf") else f"{median / 1000:.0f}k"


def interval(numbers: dict[str, float], digits: int) -> str:
    iqm, low, high = (f"{numbers[name]:.{digits}f}" for name in ("iqm", "low", "high"))
    return iqm if low == high else f"{iqm} ({low} to {high})"


def main() -> None:
    folder, found = Path(sys.argv[1]), means(Path(sys.argv[1]))
    for task in sys.argv[2:]:
        rows = {method: metrics for (of, method), metrics in found.items() if of == task}
        name = next(name for name in SUCCESS if all(name in metrics for metrics in rows.values()))
        print(f"\n**{task}**\n\n| method | runs | {name} | solved at | steps of an episode | messages | bytes | rounds |")
        print("|---|---|---|---|---|---|---|---|")
        for method, metrics in sorted(rows.items(), key=lambda row: -row[1][name]["iqm"]):
            runs, failed = (int(metrics[name][which]) for which in ("runs", "failed"))
            digits = {"steps": 1, "messages": 2, "bytes": 0, "message_rounds": 0}
            others = [interval(metrics[other], digits[other]) if other in metrics else "" for other in OTHERS]
            cells = [method, f"{runs}{f', {failed} failed' if failed else ''}", interval(metrics[name], 2)]
            print(f"| {' | '.join([*cells, solved_at(folder, task, method, name), *others])} |")


if __name__ == "__main__":
    main()
