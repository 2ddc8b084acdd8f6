"""Copies a run into MLflow or Weights & Biases: its settings, its numbers and its files. Each call makes a new run there.

pip install mlflow-skinny    MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python track.py mlflow runs/signal-1
pip install wandb            WANDB_MODE=offline python track.py wandb runs/signal-1
"""

import argparse
import json
import math
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Iterator


class Run:
    """What lies in the folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.resolve().name
        self.settings = dict(flat(tomllib.loads((folder / "config.toml").read_text("utf-8")), "."))
        # The configuration is written when the run begins, and never again.
        self.start = (folder / "config.toml").stat().st_mtime
        # Not the lock, nor what a link leads to.
        self.files = [path for path in sorted(folder.iterdir())
                      if path.is_file() and not path.is_symlink() and not path.name.startswith(".")]
        # JSON leaves other characters that break lines as they are. What a kill has cut has no line break.
        *lines, _cut = (folder / "metrics.jsonl").read_text("utf-8", errors="replace").split("\n")
        read = [known(line) for line in lines]
        self.lines = [line for line in read if line]
        if unreadable := [number for number, line in enumerate(read, 1) if not line]:
            print(f"{folder / 'metrics.jsonl'}: left out what cannot be read, {len(unreadable)} of {len(read)} lines "
                  f"(the first is line {unreadable[0]})", file=sys.stderr)
        self.steps = max((line["steps"] for line in self.lines), default=0)
        final = folder / "final.json"
        self.final = dict(means("final", json.loads(final.read_text("utf-8")))) if final.is_file() else {}
        self.failed = (folder / "failure.json").is_file() and not self.final

    def points(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Of each line the steps of training, the time in seconds since 1970, and the numbers by name."""
        for line in self.lines:
            time = self.start + line["seconds"]["elapsed"]
            if line["kind"] == "evaluation":
                yield line["steps"], time, dict(means("eval", line["metrics"]))
            else:
                numbers = {name: value for name, value in flat(line, "/") if number(value)}
                yield line["steps"], time, {f"train/{name}": value for name, value in numbers.items()
                                            if name not in ("steps", "iteration")}


def known(text: str) -> dict[str, Any] | None:
    """A line of the metrics; none if it is spoiled, or of another layout."""
    try:
        line = json.loads(text)
        if line["kind"] == "evaluation":
            # Older runs have their metrics under another name.
            line["metrics"] = line["metrics"] if "metrics" in line else line["figures"]
            dict(means("eval", line["metrics"]))
        return line if number(line["steps"]) and number(line["seconds"]["elapsed"]) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def flat(table: dict[str, Any], between: str) -> Iterator[tuple[str, Any]]:
    """Every value of a table and of the tables in it, under the names of all tables around it."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{name}{between}{inner}", value) for inner, value in flat(value, between))
        else:
            yield name, value


def means(group: str, metrics: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The mean of every metric of an evaluation."""
    for name, metric in metrics.items():
        if isinstance(metric, dict) and number(metric.get("mean")):
            yield f"{group}/{name}", metric["mean"]


def number(value: Any) -> bool:
    """Whether a tracker can show it. JSON has null for what is not finite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def named(name: str) -> str:
    """A name as MLflow takes it: letters, digits, `_-. /`, and no way up or out of folders."""
    parts = (re.sub(r"[^\w.\- ]", "_", part) for part in name.split("/"))
    return "/".join("_" if part in ("", ".", "..") else part for part in parts)


def to_mlflow(run: Run, project: str) -> str:
    """Copies a run to the server that MLFLOW_TRACKING_URI names."""
    try:
        import mlflow
        from mlflow.entities import Metric, Param
    except ImportError as missing:
        raise SystemExit(f"{missing}: pip install mlflow-skinny") from None

    client = mlflow.MlflowClient()
    experiment = mlflow.set_experiment(project).experiment_id
    copy = client.create_run(experiment, int(1000 * run.start), run_name=run.name).info.run_id
    points = [*run.points()]
    end = points[-1][1] if points else run.start
    metrics = [Metric(named(name), value, int(1000 * time), steps)
               for steps, time, numbers in [*points, (run.steps, end, run.final)] for name, value in numbers.items()]
    params = [Param(named(name), str(value)) for name, value in run.settings.items()]
    # What the server takes at once.
    for at in range(0, len(params), 100):
        client.log_batch(copy, params=params[at:at + 100])
    for at in range(0, len(metrics), 1000):
        client.log_batch(copy, metrics=metrics[at:at + 1000])
    for path in run.files:
        client.log_artifact(copy, str(path))
    status = "FINISHED" if run.final else "FAILED" if run.failed else "KILLED"
    client.set_terminated(copy, status, int(1000 * end))
    return f"{project}, run {copy}"


def to_wandb(run: Run, project: str) -> str:
    """Copies a run to Weights & Biases; with WANDB_MODE=offline into the folder wandb/, for `wandb sync`."""
    try:
        import wandb
    except ImportError as missing:
        raise SystemExit(f"{missing}: pip install wandb") from None

    copy = wandb.init(project=project, name=run.name, config=run.settings)
    for steps, time, numbers in run.points():
        copy.log({**numbers, "time": time}, step=steps)
    copy.summary.update(run.final)
    files = wandb.Artifact(f"{run.name}-files", type="run")
    for path in run.files:
        files.add_file(str(path))
    copy.log_artifact(files)
    copy.finish(exit_code=int(run.failed))
    return f"{project}, run {copy.id}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tracker", choices=["mlflow", "wandb"])
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--project", default="commformer", help="the experiment of MLflow, or the project of W&B")
    options = parser.parse_args()
    if not (options.run / "metrics.jsonl").is_file():
        parser.error(f"{options.run} holds no run: metrics.jsonl is missing; name a folder such as runs/signal-1")
    copied = {"mlflow": to_mlflow, "wandb": to_wandb}[options.tracker](Run(options.run), options.project)
    print(f"copied to {options.tracker}: {copied}")
