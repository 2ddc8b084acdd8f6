"""One environment with PettingZoo's parallel API."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv as Base

from .vector import TERMINATED, TRUNCATED, VectorEnv


class ParallelEnv(Base):
    """A built-in environment of commformer.

    All agents stay until the end of the episode; who is out of the game meanwhile (`infos[agent]["active"]`) sees zeros
    or what is left to see, and what it does has no effect. Where actions can be unavailable,
    `infos[agent]["action_mask"]` says which are available; one that is not is refused.
    """

    def __init__(self, kind: str, **settings: Any) -> None:
        self.metadata = {"name": f"commformer_{kind}", "is_parallelizable": True, "render_modes": []}
        self.render_mode = None
        self._kind, self._settings = kind, settings
        self._seeds = np.random.default_rng()
        self._vector = VectorEnv(kind, **settings)
        names = self._vector.agent_names
        self.possible_agents = [
            f"{names[agent]}_{agent}" if names else f"agent_{agent}" for agent in range(self._vector.agents)
        ]
        self.agents: list[str] = []
        size = self._vector.obs_dim
        self._observation = {a: spaces.Box(-np.inf, np.inf, (size,), np.float32) for a in self.possible_agents}
        self._action = {a: self._action_space() for a in self.possible_agents}

    def _action_space(self) -> spaces.Space:
        if self._vector.discrete:
            return spaces.Discrete(self._vector.actions)
        return spaces.Box(-np.inf, np.inf, (self._vector.actions,), np.float32)

    def observation_space(self, agent: str) -> spaces.Space:
        """Numbers, (O,)."""
        return self._observation[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """One of A, or A numbers."""
        return self._action[agent]

    def reset(self, seed: int | None = None, options: dict | None = None):
        """Begins an episode; the same seed gives the same one. Without a seed it is another one each time."""
        if seed is not None:
            self._seeds = np.random.default_rng(seed)
        seed = int(self._seeds.integers(2**63))
        self._vector = VectorEnv(self._kind, seed=seed, **self._settings)
        self.agents = list(self.possible_agents)
        seen = self._vector.reset()[0].copy()
        return self._each(seen), self._infos(self._vector.active[0])

    def step(self, actions: dict[str, Any]):
        """One step of all."""
        vector = self._vector
        given = [actions[agent] for agent in self.agents]
        if vector.available is not None:
            for row, action in enumerate(given):
                if not vector.available[0, row, action]:
                    raise ValueError(f"action {action} of {self.agents[row]} is not available now: see its action_mask")
        obs, rewards, status = vector.step(np.asarray(given)[None])
        ended = status[0] in (TERMINATED, TRUNCATED)
        seen, active = vector.final_obs(0) if ended else (obs[0].copy(), vector.active[0])
        results = (
            self._each(seen),
            {agent: float(reward) for agent, reward in zip(self.agents, rewards[0])},
            dict.fromkeys(self.agents, bool(status[0] == TERMINATED)),
            dict.fromkeys(self.agents, bool(status[0] == TRUNCATED)),
            self._infos(active),
        )
        if ended:
            for info in results[4].values():
                info["metrics"] = vector.episodes[0].metrics
            self.agents = []
        return results

    def close(self) -> None:
        """Nothing is open."""

    def _each(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self.agents, rows))

    def _infos(self, active: np.ndarray) -> dict[str, dict[str, Any]]:
        masks = self._vector.available
        infos: dict[str, dict[str, Any]] = {a: {"active": bool(is_active)} for a, is_active in zip(self.agents, active)}
        if masks is not None:
            for agent, mask in zip(self.agents, masks[0]):
                infos[agent]["action_mask"] = mask.astype(np.int8)
        return infos
