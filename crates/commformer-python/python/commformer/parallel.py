"""One environment with PettingZoo's parallel API."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv as Base

from .arguments import text, whole
from .vector import TERMINATED, TRUNCATED, VectorEnv


class ParallelEnv(Base):
    """A built-in environment of commformer.

    All agents stay until the end of the episode; who is out of the game meanwhile (`infos[agent]["active"]`) sees zeros
    or what is left to see, and what it does has no effect. Where actions can be unavailable, what an agent sees is
    PettingZoo's dictionary of "observation" and "action_mask"; an action that is not available is refused. Beside
    "active" and "departed", whether the agent left in this step, every info has the metrics of the episode so far, by
    their names. It can be pickled and copied.
    """

    def __init__(self, kind: str, **settings: Any) -> None:
        kind = text("kind", kind)
        for reserved in ("num_envs", "copies", "seed", "threads"):
            if reserved in settings:
                raise TypeError(f"{reserved} is no setting of parallel_env: it is one environment, and reset(seed) takes the seed")
        self.metadata = {"name": f"commformer_{kind}", "is_parallelizable": True, "render_modes": []}
        self.render_mode = None
        self._kind, self._settings = kind, settings
        self._seeds = np.random.default_rng()
        self._vector = VectorEnv(kind, **settings)
        names = self._vector.agent_names or [f"agent {agent}" for agent in range(self._vector.agents)]
        self.possible_agents = [name.replace(" ", "_") for name in names]
        self.agents: list[str] = []
        self._observation = {a: self._observation_space() for a in self.possible_agents}
        self._action = {a: spaces.Discrete(self._vector.actions) for a in self.possible_agents}

    def _observation_space(self) -> spaces.Space:
        seen = spaces.Box(-np.inf, np.inf, (self._vector.obs_dim,), np.float32)
        if self._vector.available is None:
            return seen
        return spaces.Dict({"observation": seen, "action_mask": spaces.Box(0, 1, (self._vector.actions,), np.int8)})

    def observation_space(self, agent: str) -> spaces.Space:
        """Numbers, (O,); beside a mask, (A,), where actions can be unavailable."""
        return self._observation[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """One of A."""
        return self._action[agent]

    def reset(self, seed: int | None = None, options: dict | None = None):
        """Begins an episode; the same seed gives the same one. Without a seed it is another one each time."""
        if seed is not None:
            self._seeds = np.random.default_rng(whole("seed", seed, 0, 2**128 - 1))
        seed = int(self._seeds.integers(2**63))
        self._vector = VectorEnv(self._kind, seed=seed, **self._settings)
        self.agents = list(self.possible_agents)
        seen = self._vector.reset()[0].copy()
        return self._observations(seen, self._masks()), self._infos(self._vector.active[0], self._vector.episode_metrics(0))

    def step(self, actions: dict[str, Any]):
        """One step of all."""
        vector = self._vector
        if not self.agents:
            raise ValueError("there is no episode to step: call reset first")
        lacking = [agent for agent in self.agents if agent not in actions]
        if lacking:
            raise ValueError(f"actions lack {', '.join(lacking)}: expected one for each of {', '.join(self.agents)}")
        given = [actions[agent] for agent in self.agents]
        if vector.available is not None:
            for row, action in enumerate(given):
                action = whole(f"the action of {self.agents[row]}", action, 0, vector.actions - 1)
                if not vector.available[0, row, action]:
                    raise ValueError(f"action {action} of {self.agents[row]} is not available now: see its action_mask")
        obs, rewards, status = vector.step(np.asarray(given)[None])
        ended = status[0] in (TERMINATED, TRUNCATED)
        if ended:
            seen, active = vector.final_obs(0)
            masks, metrics = vector.final_available(0), vector.episodes[0].metrics
        else:
            seen, active = obs[0].copy(), vector.active[0]
            masks, metrics = self._masks(), vector.episode_metrics(0)
        results = (
            self._observations(seen, masks),
            {agent: float(reward) for agent, reward in zip(self.agents, rewards[0])},
            dict.fromkeys(self.agents, bool(status[0] == TERMINATED)),
            dict.fromkeys(self.agents, bool(status[0] == TRUNCATED)),
            self._infos(active, metrics),
        )
        if ended:
            self.agents = []
        return results

    def close(self) -> None:
        """Nothing is open."""

    def _masks(self) -> np.ndarray | None:
        return None if self._vector.available is None else self._vector.available[0]

    def _observations(self, seen: np.ndarray, masks: np.ndarray | None) -> dict[str, Any]:
        if masks is None:
            return dict(zip(self.agents, seen))
        return {
            agent: {"observation": row, "action_mask": mask.astype(np.int8)}
            for agent, row, mask in zip(self.agents, seen, masks)
        }

    def _infos(self, active: np.ndarray, metrics: dict[str, float]) -> dict[str, dict[str, Any]]:
        # The same flat numbers in every step: wrappers such as TorchRL's learn their names from the first.
        departed = self._vector.departed[0]
        return {
            agent: {"active": bool(is_active), "departed": bool(left), **metrics}
            for agent, is_active, left in zip(self.agents, active, departed)
        }
