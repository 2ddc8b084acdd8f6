#!/usr/bin/env python3
"""Which learning rate each method gets by docs/src/protocol.md, from the folder of comparison-tuning.toml; in Markdown.

Usage: comparison-rates.py FOLDER
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

DEFAULT = 1e-3


def mean_over_training(metrics: Path) -> float:
    lines = (json.loads(line) for line in open(metrics))
    told = [line["metrics"] for line in lines if line["kind"] == "evaluation"]
    return statistics.mean(at.get("success", at["return"])["mean"] for at in told)


def main() -> None:
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for metrics in sorted(Path(sys.argv[1]).glob("*/*/seed-*/metrics.jsonl")):
        method, rate = metrics.parts[-3].split("+")
        if (metrics.parent / "final.json").exists():
            found[method][float(rate.removeprefix("lr="))].append(mean_over_training(metrics))
    rates = sorted({rate for of in found.values() for rate in of})
    print(f"| method | {' | '.join(f'{rate:g}' for rate in rates)} | chosen |")
    print("|---" * (len(rates) + 2) + "|")
    for method, of in found.items():
        mean = {rate: statistics.mean(of[rate]) for rate in of}
        best = max(mean, key=lambda rate: (round(mean[rate], 3), -abs(rate - DEFAULT)))
        cells = [f"{mean[rate]:.3f}" if rate in of else "" for rate in rates]
        print(f"| {method} | {' | '.join(cells)} | {best:g} |")


if __name__ == "__main__":
    main()
