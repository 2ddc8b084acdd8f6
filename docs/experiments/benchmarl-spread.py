#!/usr/bin/env python3
"""BenchMARL's MAPPO on the task of our preset `simple-spread`, for docs/src/comparison.md: return by seconds of training.

Usage: benchmarl-spread.py SEED FRAMES [LR]

Needs `pip install benchmarl==1.5.2 "pettingzoo[mpe]==1.24.3"`. The settings are BenchMARL's own, but for those of the task:
discrete actions, and episodes of 25 steps, which is PettingZoo's own limit. Prints a line of JSON for each evaluation, of 64
episodes. Seconds are those of collecting and training, without those of evaluations.
"""

import json
import sys
import tempfile
import time

import torch
from benchmarl.algorithms import MappoConfig
from benchmarl.environments import PettingZooTask
from benchmarl.experiment import Callback, Experiment, ExperimentConfig
from benchmarl.models.mlp import MlpConfig


class Clock(Callback):
    """Prints what each evaluation came to, and keeps the time that evaluations take out of the sum."""

    def on_setup(self):
        self.began, self.evaluating = time.perf_counter(), 0.0
        evaluate = self.experiment._evaluation_loop

        def timed():
            self.paused = time.perf_counter()
            evaluate()
            self.evaluating += time.perf_counter() - self.paused

        self.experiment._evaluation_loop = timed

    def on_evaluation_end(self, rollouts):
        returns = [rollout["next", "agent", "reward"].sum(0).mean().item() for rollout in rollouts]
        seconds = self.paused - self.began - self.evaluating
        line = {"frames": self.experiment.total_frames, "seconds": round(seconds, 2)}
        line |= {"return": round(sum(returns) / len(returns), 3), "episodes": len(returns)}
        print(json.dumps(line), flush=True)


def main() -> None:
    seed, frames = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(2)
    config = ExperimentConfig.get_from_yaml()
    config.max_n_frames = frames
    config.prefer_continuous_actions = False
    config.evaluation_interval, config.evaluation_episodes = 24_000, 64
    # It evaluates only if something keeps what comes of it.
    config.loggers, config.create_json, config.render = [], True, False
    config.save_folder = tempfile.mkdtemp()
    if len(sys.argv) > 3:
        config.lr = float(sys.argv[3])
    task = PettingZooTask.SIMPLE_SPREAD.get_from_yaml()
    task.config["max_cycles"] = 25
    experiment = Experiment(
        task=task,
        algorithm_config=MappoConfig.get_from_yaml(),
        model_config=MlpConfig.get_from_yaml(),
        critic_model_config=MlpConfig.get_from_yaml(),
        seed=seed,
        config=config,
        callbacks=[Clock()],
    )
    experiment.run()


if __name__ == "__main__":
    main()
