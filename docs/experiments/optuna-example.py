"""Tunes two settings with Optuna. A trial is a comparison: the tasks and seeds of a file, with the settings of the trial.

pip install optuna
python docs/experiments/optuna-example.py docs/experiments/optuna-example.toml runs/tuned

The study lies in FOLDER/study.log: the same command goes on with it. A trial without hope is stopped early.
"""

import argparse
import json
import shlex
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def settings(trial: optuna.Trial) -> dict[str, float]:
    """What is tuned. Any key of a run's configuration can stand here."""
    return {
        "ppo.lr": trial.suggest_float("ppo.lr", 1e-4, 1e-2, log=True),
        "ppo.clip": trial.suggest_float("ppo.clip", 0.05, 0.4),
    }


class Objective:
    """The mean of a metric over all runs of a trial."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments

    def __call__(self, trial: optuna.Trial) -> float:
        folder = self.arguments.folder / f"trial-{trial.number}"
        # JSON's strings and numbers are TOML's.
        method = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings(trial).items())
        file = folder.with_suffix(".toml")
        head = f"folder = {json.dumps(str(folder))}\n"
        file.write_text(f"{head}{self.arguments.file.read_text()}\n[methods.trial]\n{method}")
        command = [*shlex.split(self.arguments.program), "compare", str(file), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as comparison:
            try:
                finals = self.follow(trial, comparison, self.runs(command))
            finally:
                # Its runs stop, too. It has ended already where nothing went wrong.
                comparison.terminate()
        if comparison.returncode != 0:
            raise RuntimeError(f"{file} ended with {comparison.returncode}; what failed is said above")
        return fmean(finals)

    def runs(self, command: list[str]) -> int:
        """How many runs a trial has."""
        listed = subprocess.run([*command, "--dry-run"], stdout=subprocess.PIPE, text=True, check=True)
        return len(listed.stdout.splitlines())

    def follow(self, trial: optuna.Trial, comparison: subprocess.Popen[str], runs: int) -> list[float]:
        """Reads what happens until the end. Tells Optuna of each evaluation that all runs have."""
        evaluated: dict[int, list[float]] = defaultdict(list)
        finals: list[float] = []
        assert comparison.stdout is not None
        for line in comparison.stdout:
            event = json.loads(line)
            if event["event"] == "finished":
                finals.append(event["metrics"][self.arguments.metric]["mean"])
            if event["event"] != "evaluated":
                continue
            values = evaluated[event["steps"]]
            values.append(event["metrics"][self.arguments.metric]["mean"])
            if len(values) == runs:
                trial.report(fmean(values), event["steps"])
                if trial.should_prune():
                    raise optuna.TrialPruned()
        comparison.wait()
        return finals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a comparison without `folder` and methods")
    parser.add_argument("folder", type=Path, help="where the study and its runs are")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--metric", default="return", help="what is to be high")
    parser.add_argument("--program", default="cargo xtask")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="commformer",
        storage=JournalStorage(JournalFileBackend(str(arguments.folder / "study.log"))),
        sampler=optuna.samplers.TPESampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        direction="maximize",
        load_if_exists=True,
    )
    # A trial that fails is noted, and the study goes on.
    study.optimize(Objective(arguments), n_trials=arguments.trials, catch=(RuntimeError,))
    print(json.dumps({"value": study.best_value, "settings": study.best_params, "trial": study.best_trial.number}))


if __name__ == "__main__":
    main()
