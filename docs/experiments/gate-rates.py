#!/usr/bin/env python3
"""Trained gates at other rates, for docs/src/results.md; in Markdown.

Usage: gate-rates.py PROGRAM METHOD... where METHOD is the folder of a method in a comparison, such as
runs/gate/predator-capture-prey/learned+target_rate=0.25, and PROGRAM runs `commformer`. Evaluates every run in 200 episodes at
each rate; means over seeds with the half-width of their 95 % interval.
"""
import importlib.util
import json
import pathlib
import subprocess
import sys

# Its `spread` is that of the other tables.
PLACE = pathlib.Path(__file__).with_name("table.py")
TABLE = importlib.util.spec_from_file_location("table", PLACE)
table = importlib.util.module_from_spec(TABLE)
TABLE.loader.exec_module(table)

RATES = ["1", "0.5", "0.25", "0.1", "0"]
METRICS = ["steps", "success", "open_rate"]


def evaluated(program, run, rate):
    command = [program, "eval", "--run", run, "--target-rate", rate, "--episodes", "200", "--json"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said.splitlines()[-1])


def main(program, *methods):
    print(f"| trained as | run at | seeds | {' | '.join(METRICS)} |")
    print("| --- " * (len(METRICS) + 3) + "|")
    for method in map(pathlib.Path, methods):
        runs = sorted(final.parent for final in method.glob("seed-*/final.json"))
        for rate in RATES:
            each = [evaluated(program, run, rate) for run in runs]
            cells = [table.spread([of[name]["mean"] for of in each], True) for name in METRICS]
            print(f"| {method.name} | {rate} | {len(runs)} | {' | '.join(cells)} |", flush=True)


main(*sys.argv[1:])
