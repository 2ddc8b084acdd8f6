"""A rendezvous: agents on a line, each sees its own place only, and all are paid for being close together.

cargo xtask train --set env.kind=python --set env.make=my_env:make      (in this directory)
"""

import numpy as np


class Rendezvous:
    """The task. `agents`, `obs_dim` and `actions` say its sizes; `reset` and `step` play it."""

    obs_dim = 1
    actions = 3
    action_names = ("left", "stay", "right")
    metrics = ("met",)

    def __init__(self, agents: int, length: int) -> None:
        self.agents, self.length = agents, length

    def reset(self, seed: int) -> np.ndarray:
        """All that is random comes from the seed, so that a run can be repeated."""
        self.places = np.random.default_rng(seed).integers(self.length, size=self.agents)
        self.steps = 0
        return self.seen()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, float, bool, bool]:
        """Observations, the reward (one for all, or one for each), terminated, truncated."""
        self.places = np.clip(self.places + actions - 1, 0, self.length - 1)
        self.steps += 1
        apart = float(np.ptp(self.places))
        return self.seen(), -apart / self.length, apart == 0, self.steps == 2 * self.length

    def seen(self) -> np.ndarray:
        """(agents, obs_dim): the own place, from 0 to 1."""
        return self.places[:, None] / self.length

    def metric_values(self) -> tuple[float]:
        """The numbers that `metrics` names, of the episode so far."""
        return (float(np.ptp(self.places) == 0),)


def make(agents: int = 3, length: int = 10) -> Rendezvous:
    """What `env.make` calls; its arguments are `env.options`."""
    return Rendezvous(agents, length)
