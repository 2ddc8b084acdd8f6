#!/usr/bin/env python3
"""Tables of docs/src/comparison.md and docs/src/results.md, in Markdown, from their runs: a line for each in
comparison-runs.csv or another file.

Usage: comparison-table.py [--runs FILE] [--add FOLDER] TASK...

--add takes the runs of a comparison's folder that finished or failed into the file first; a run that is there already takes its
old line's place. A run that failed has a line with the measure `failed`: it is in no mean, and is counted beside the others, as
docs/src/protocol.md says. So the comparison can be run in parts and on several machines: a run's numbers depend on its settings and seed alone.

For each task: means over runs, in brackets the least and the most, and the environment steps after which half of the runs have
had an evaluation of at least 0.95. Success is `success`, `won`, `accuracy`, `cued_accuracy` or, where none of them is
counted, `return`, which nothing solves.
"""

import argparse
import csv
import json
import statistics
from pathlib import Path

# As in the program's report.
SUCCESS = ("success", "won", "accuracy", "cued_accuracy", "return")
# Each with its digits in a table.
METRICS = {"steps": 1, "messages": 2, "bytes": 0, "message_rounds": 0}
COLUMNS = ("task", "method", "seed", "measure", "success", "solved_at", *METRICS)
GOAL = 0.95
# In place of the measure, in lines of runs that have none.
FAILED = "failed"
# In place of the steps, in lines of runs that are not there any more.
UNKNOWN = "unknown"


def read(file: Path) -> dict[tuple[str, str, int], dict[str, str]]:
    if not file.exists():
        return {}
    with open(file, newline="") as lines:
        return {(line["task"], line["method"], int(line["seed"])): line for line in csv.DictReader(lines)}


def line_of(run: Path) -> dict[str, str]:
    """What a finished run came to."""
    task, method, seed = run.parts[-3], run.parts[-2], int(run.name.removeprefix("seed-"))
    final = json.loads((run / "final.json").read_text())
    measure = next(name for name in SUCCESS if name in final)
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    evaluations = [line for line in lines if line["kind"] == "evaluation"]
    if measure == "return":
        evaluations = []
    solved = (at["steps"] for at in evaluations if mean_of(at["metrics"], measure, 0) >= GOAL)
    values = [mean_of(final, name, "") for name in METRICS]
    found = (task, method, seed, measure, mean_of(final, measure, ""), next(solved, ""), *values)
    return dict(zip(COLUMNS, map(str, found)))


def failed(folder: Path) -> list[Path]:
    """The folders of runs that ended with an error, the last time that they were begun."""
    runs = [said.with_suffix("") for said in folder.glob("*/*/seed-*.failed")]
    return [run for run in runs if not (run / "final.json").exists()]


def failure_of(run: Path) -> dict[str, str]:
    task, method, seed = run.parts[-3], run.parts[-2], run.name.removeprefix("seed-")
    return dict.fromkeys(COLUMNS, "") | {"task": task, "method": method, "seed": seed, "measure": FAILED}


def mean_of(metrics: dict[str, dict[str, float | None]], name: str, without):
    """A mean that is not there, or null because it was not finite, is `without`."""
    mean = metrics.get(name, {}).get("mean")
    return without if mean is None else mean


def add(file: Path, folder: Path, replace: bool) -> None:
    runs = read(file)
    lines = [line_of(final.parent) for final in folder.glob("*/*/seed-*/final.json")]
    lines += [failure_of(run) for run in failed(folder)]
    for line in lines:
        key = line["task"], line["method"], int(line["seed"])
        if not replace and runs.get(key, line) != line:
            raise SystemExit(f"{file} has other numbers of {'/'.join(map(str, key))} than {folder}: --replace takes the new ones, "
                             "--runs names another file")
        runs[key] = line
    with open(file, "w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(runs[key] for key in sorted(runs))


def counted(lines: list[dict[str, str]], failures: int) -> str:
    """How many runs the means are of, and how many are in none."""
    numbers = sum(bool(line["success"]) for line in lines)
    beside = [(len(lines) - numbers, "without a number"), (failures, FAILED)]
    return ", ".join([str(numbers), *(f"{runs} {what}" for runs, what in beside if runs)])


def spread(lines: list[dict[str, str]], name: str, digits: int) -> str:
    values = [float(line[name]) for line in lines if line[name]]
    if not values:
        return ""
    if 0 < max(values) < 0.5:
        digits = 2
    mean, low, high = (f"{value:.{digits}f}" for value in (statistics.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def solved_at(lines: list[dict[str, str]]) -> str:
    """When half of the runs had done it: of an even number the lower median. A run that is never solved is the last. A return
    is never solved, and of runs that were lost this may be unknown."""
    if not lines or any(line["measure"] == "return" for line in lines):
        return ""
    if any(line["solved_at"] == UNKNOWN for line in lines):
        return UNKNOWN
    median = statistics.median_low(float(line["solved_at"] or "inf") for line in lines)
    return "never" if median == float("inf") else f"{median / 1000:.0f}k"


def table(task: str, runs: list[dict[str, str]]) -> None:
    of_task = [line for line in runs if line["task"] == task]
    if not of_task:
        raise SystemExit(f"there is no run of the task {task!r}; --add FOLDER takes runs in")
    methods: dict[str, list[dict[str, str]]] = {line["method"]: [] for line in of_task}
    for line in of_task:
        if line["measure"] != FAILED:
            methods[line["method"]].append(line)
    measure = next((line["measure"] for line in of_task if line["measure"] != FAILED), FAILED)
    print(f"\n**{task}**\n\n| method | runs | {measure} | solved at | steps of an episode | messages | bytes | rounds |")
    print("|---|---|---|---|---|---|---|---|")

    def success(lines: list[dict[str, str]]) -> float:
        values = [float(line["success"]) for line in lines if line["success"]]
        return statistics.mean(values) if values else float("-inf")

    for method, lines in sorted(methods.items(), key=lambda of: -success(of[1])):
        others = [spread(lines, name, digits) for name, digits in METRICS.items()]
        failures = sum(line["method"] == method and line["measure"] == FAILED for line in of_task)
        cells = [method, counted(lines, failures), spread(lines, "success", 2), solved_at(lines), *others]
        print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    runs = Path(__file__).with_name("comparison-runs.csv")
    parser.add_argument("--runs", metavar="FILE", type=Path, default=runs)
    parser.add_argument("--add", metavar="FOLDER", type=Path)
    parser.add_argument("--replace", action="store_true", help="take runs in that the file has with other numbers")
    parser.add_argument("tasks", metavar="TASK", nargs="*")
    arguments = parser.parse_args()
    if arguments.add:
        add(arguments.runs, arguments.add, arguments.replace)
    runs = list(read(arguments.runs).values())
    for task in arguments.tasks:
        table(task, runs)


if __name__ == "__main__":
    main()
