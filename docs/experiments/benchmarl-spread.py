#!/usr/bin/env python3
"""BenchMARL's MAPPO on simple_spread, for the comparison of times in docs/src/results.md.

Usage: benchmarl-spread.py SEED FRAMES [LR]; needs `pip install benchmarl "pettingzoo[mpe]==1.24.3"`.

The settings are BenchMARL's own, but for the length of an episode (25 steps, as PettingZoo's), discrete actions, and LR in
place of its learning rate. A line of JSON for each evaluation: environment steps, seconds of training without evaluations,
and the mean return of an agent over 64 episodes with the likeliest actions.
"""

import json
import sys
import time

import benchmarl
import torch
from benchmarl.algorithms import MappoConfig
from benchmarl.environments import PettingZooTask
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig


class Told(Callback):
    """Prints each evaluation. The clock stands still while it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.trained, self.since = 0.0, None

    def on_setup(self) -> None:
        self.since = time.perf_counter()

    def on_train_end(self, training_td, group: str) -> None:
        now = time.perf_counter()
        self.trained += now - self.since
        self.since = now

    def on_evaluation_end(self, rollouts: list) -> None:
        returns = [rollout["next", "agent", "reward"].mean(-2).sum().item() for rollout in rollouts]
        line = {"steps": self.experiment.total_frames, "seconds": self.trained, "episodes": len(returns)}
        print(json.dumps(line | {"return": sum(returns) / len(returns)}), flush=True)
        self.since = time.perf_counter()


def main() -> None:
    seed, frames = int(sys.argv[1]), int(sys.argv[2])
    config = ExperimentConfig.get_from_yaml()
    config.max_n_frames = frames
    config.loggers, config.create_json, config.render = [], False, False
    config.evaluation_interval, config.evaluation_episodes = 48_000, 64
    config.prefer_continuous_actions = False
    if len(sys.argv) > 3:
        config.lr = float(sys.argv[3])
    task = PettingZooTask.SIMPLE_SPREAD.get_from_yaml()
    task.config["max_cycles"] = 25
    print(json.dumps({"benchmarl": benchmarl.__version__, "torch": torch.__version__, "lr": config.lr}), flush=True)
    mlp = MlpConfig.get_from_yaml()
    Experiment(task, MappoConfig.get_from_yaml(), mlp, seed, config, mlp, callbacks=[Told()]).run()


if __name__ == "__main__":
    main()
