"""The StarCraft Multi-Agent Challenge, as a task."""

from __future__ import annotations

from typing import Any

import numpy as np

from .loading import call


class Smac:
    """A map of the StarCraft Multi-Agent Challenge, by the package `smac` and an installed StarCraft II.

    SMAC takes a seed only when it is made (`seed` in the options), not at a reset: the run's seed does not
    repeat episodes, and the seed of `reset` is not used. The dead are inactive.
    """

    metrics = ("won", "kills", "losses")
    notes = ["SMAC takes no seed at a reset: this run's seed does not repeat its battles"]

    def __init__(self, map_name: str, **options: Any) -> None:
        # A continuing episode is one that says when the limit has ended it; nothing else depends on it.
        options = {"map_name": map_name, "continuing_episode": True, **options}
        self.env = call("smac.env", "StarCraft2Env", options)
        info = self.env.get_env_info()
        self.agents = int(info["n_agents"])
        self.obs_dim = int(info["obs_shape"])
        self.actions = int(info["n_actions"])
        self.state_dim = int(info["state_shape"])
        self.last: dict[str, Any] = {}

    def reset(self, seed: int) -> np.ndarray:
        """Begins a battle; the seed is not used."""
        del seed
        self.last = {}
        self.env.reset()
        return np.asarray(self.env.get_obs(), dtype=np.float32)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, float, bool, bool]:
        """One step; a battle that the limit ends, or that is lost with StarCraft itself, is truncated."""
        reward, ended, info = self.env.step([int(action) for action in actions])
        self.last.update(info)
        truncated = bool(ended and (info.get("episode_limit", False) or "battle_won" not in info))
        return np.asarray(self.env.get_obs(), dtype=np.float32), float(reward), bool(ended) and not truncated, truncated

    def available(self) -> np.ndarray:
        """Which actions can be taken, (N, A)."""
        return np.asarray(self.env.get_avail_actions()).astype(bool)

    def state(self) -> np.ndarray:
        """The global state, (S,)."""
        return np.asarray(self.env.get_state(), dtype=np.float32)

    def active(self) -> np.ndarray:
        """Who lives, (N,): only the dead can do nothing, which is action 0."""
        return ~self.available()[:, 0]

    def metric_values(self) -> tuple[float, float, float]:
        """Whether the battle is won, and the shares of enemies and of allies that are dead, as in the built-in battles."""
        won, kills, losses = (self.last.get(key, 0) for key in ("battle_won", "dead_enemies", "dead_allies"))
        return float(won), kills / self.env.n_enemies, losses / self.agents

    def close(self) -> None:
        """Ends StarCraft II."""
        self.env.close()
