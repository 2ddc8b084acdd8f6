#!/usr/bin/env python3
"""Which learning rate each method gets by docs/src/protocol.md, from the folder of comparison-tuning.toml; in Markdown.
A run that failed is counted, and so is one without a number; a rate that has one is not chosen.

Usage: comparison-rates.py FOLDER
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

DEFAULT = 1e-3


def mean_over_training(metrics: Path) -> float | None:
    lines = (json.loads(line) for line in open(metrics))
    told = [line["metrics"] for line in lines if line["kind"] == "evaluation"]
    means = [at.get("success", at["return"])["mean"] for at in told]
    return None if None in means else statistics.mean(means)


def spoiled(runs: list[float | None]) -> str:
    return f"{runs.count(None)} of {len(runs)} failed" if runs else ""


def main() -> None:
    found: dict[str, dict[float, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for config in sorted(Path(sys.argv[1]).glob("*/*/seed-*.toml")):
        run = config.with_suffix("")
        method, rate = run.parts[-2].split("+")
        runs = found[method][float(rate.removeprefix("lr="))]
        if (run / "final.json").exists():
            runs.append(mean_over_training(run / "metrics.jsonl"))
        elif config.with_suffix(".failed").exists():
            runs.append(None)
    rates = sorted({rate for of in found.values() for rate in of})
    print(f"| method | {' | '.join(f'{rate:g}' for rate in rates)} | chosen |")
    print("|---" * (len(rates) + 2) + "|")
    for method, of in found.items():
        mean = {rate: statistics.mean(runs) for rate, runs in of.items() if runs and None not in runs}
        best = max(mean, key=lambda rate: (round(mean[rate], 3), -abs(rate - DEFAULT)), default=None)
        cells = [f"{mean[rate]:.3f}" if rate in mean else spoiled(of.get(rate, [])) for rate in rates]
        print(f"| {method} | {' | '.join(cells)} | {'none' if best is None else f'{best:g}'} |")


if __name__ == "__main__":
    main()
