"""Many environments of one task, in arrays of NumPy."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ._native import Native
from .arguments import encoded, text, whole

# Of what a pickled `VectorEnv` consists.
FORMAT = 2
RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


class Episode(NamedTuple):
    """An episode that has ended."""

    env: int
    steps: int
    team_return: float
    metrics: dict[str, float]


class VectorEnv:
    """C environments of a task with N agents each, which step together on some threads (0: one for each core).

    An environment whose episode ends begins the next one in the same step. What follows is a function of the seed, on any number
    of threads. The arrays are the same ones in every step, written anew: copy what is to last.

    It can be pickled and copied (`copy.deepcopy`), also in the middle of episodes: both go on with the same. A process
    that was forked from this one has threads of its own.
    """

    obs: np.ndarray
    """What agents see, (C, N, O), float32."""
    available: np.ndarray | None
    """Which actions they can take, (C, N, A), bool; None if all, always."""
    active: np.ndarray
    """Who is active, (C, N), bool."""
    departed: np.ndarray
    """Who left in the last step, (C, N), bool, also if the episode ended then: its return ends there, though another may have
    its place already. Who is not active and did not leave is fallen, and still earns what its team does."""
    rewards: np.ndarray
    """Of the last step, (C, N), float32."""
    status: np.ndarray
    """How each episode stood after it, (C,), uint8: RUNNING (0), TERMINATED (1) or TRUNCATED (2)."""
    episodes: list[Episode]
    """Those that ended in it."""

    def __init__(self, kind: str, num_envs: int = 1, seed: int = 0, threads: int = 1, **settings: Any) -> None:
        if "copies" in settings:
            warnings.warn("copies is called num_envs now", DeprecationWarning, stacklevel=2)
            num_envs = settings.pop("copies")
        arguments = (
            text("kind", kind),
            encoded(settings),
            whole("num_envs", num_envs, 0, 2**63 - 1),
            whole("seed", seed, 0, 2**64 - 1),
            whole("threads", threads, 0, 1024),
        )
        self._make(arguments)

    def _make(self, arguments: tuple[str, str, int, int, int]) -> None:
        before = dict(self.__dict__)
        self._arguments = arguments
        self._native = Native(*arguments)
        self._started = False
        # What environments saw last in episodes that had ended when this was pickled; a restored one knows it no more.
        self._ends: dict[int, tuple[np.ndarray, np.ndarray | None, np.ndarray]] = {}
        self.num_envs = num_envs = arguments[2]
        self.agents, self.obs_dim, self.actions, masked = self._native.sizes
        self.obs_version: int = self._native.obs_version
        self.metrics: list[str] = self._native.metrics
        self.agent_names, self.action_names = self._native.names
        rows = num_envs * self.agents
        flat = np.zeros(rows * self.obs_dim, np.float32)
        mask = np.zeros(rows * self.actions if masked else 0, np.bool_)
        active = np.zeros(rows, np.bool_)
        self._seen = (flat, mask, active)
        self._departed = np.zeros(rows, np.bool_)
        self._rewards, self.status = np.zeros(rows, np.float32), np.zeros(num_envs, np.uint8)
        self.obs = flat.reshape(num_envs, self.agents, self.obs_dim)
        self.available = mask.reshape(num_envs, self.agents, self.actions) if masked else None
        self.active = active.reshape(num_envs, self.agents)
        self.departed = self._departed.reshape(num_envs, self.agents)
        self.rewards = self._rewards.reshape(num_envs, self.agents)
        self.episodes = []
        # What a class of the user's own had set before is not among it.
        missing = object()
        self._made = frozenset(name for name, value in self.__dict__.items() if before.get(name, missing) is not value)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "arguments": self._arguments,
            "envs": self._native.save() if self._started else None,
            "departed": self._departed.copy(),
            "rewards": self._rewards.copy(),
            "status": self.status.copy(),
            "episodes": list(self.episodes),
            "ends": {episode.env: self._end(episode.env) for episode in self.episodes},
            # What a class of the user's own has added.
            "more": {name: value for name, value in self.__dict__.items() if name not in (*self._made, "_made")},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("format") != FORMAT:
            raise ValueError(
                f"this VectorEnv was pickled in format {state.get('format')}, but this version of commformer reads "
                f"format {FORMAT} only: make it anew, or read it with the version that wrote it"
            )
        # First: what is made here goes before what a class of the user's own has under the same name.
        self.__dict__.update(state["more"])
        self._make(state["arguments"])
        if state["envs"] is not None:
            self._native.restore(state["envs"], self._seen)
            self._started = True
        self._departed[:], self._rewards[:], self.status[:] = state["departed"], state["rewards"], state["status"]
        self.episodes, self._ends = state["episodes"], state["ends"]

    def reset(self) -> np.ndarray:
        """Begins an episode in every environment and gives what is seen."""
        self._native.reset(self._seen)
        self._departed[:] = False
        self._started, self.episodes, self._ends = True, [], {}
        return self.obs

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step of every environment; `actions` is (C, N) of whole numbers.

        Gives observations, rewards and status.
        """
        shape = (self.num_envs, self.agents)
        actions = np.asarray(actions)
        if actions.shape != shape:
            raise ValueError(f"actions have shape {actions.shape}, but must have {shape}")
        if not np.issubdtype(actions.dtype, np.integer):
            raise ValueError(f"actions are {actions.dtype}, but must be whole numbers")
        flat = np.ascontiguousarray(actions, np.int64).ravel()
        ended = self._native.step(flat, self._seen, self._rewards, self.status, self._departed)
        self._ends = {}
        self.episodes = [
            Episode(env, steps, team_return, dict(zip(self.metrics, metrics)))
            for env, steps, team_return, metrics in ended
        ]
        return self.obs, self.rewards, self.status

    def final_obs(self, env: int) -> tuple[np.ndarray, np.ndarray]:
        """What was seen, (N, O), and who was active, (N,), at the end of an environment's episode.

        Raises ValueError unless that episode ended in the last step.
        """
        obs, _, active = self._end(env)
        return obs, active

    def final_available(self, env: int) -> np.ndarray | None:
        """Which actions could be taken there, (N, A); None if all, always. Raises as `final_obs` does."""
        return self._end(env)[1]

    def episode_metrics(self, env: int) -> dict[str, float]:
        """The metrics of the episode of an environment that is under way, so far."""
        env = self._number(env)
        if not self._started:
            raise ValueError("there is no episode yet: call reset first")
        return dict(zip(self.metrics, self._native.metric_values(env)))

    def _number(self, env: int) -> int:
        return whole("env", env, 0, self.num_envs - 1)

    def _end(self, env: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        env = self._number(env)
        if env in self._ends:
            seen, mask, there = self._ends[env]
            return seen.copy(), None if mask is None else mask.copy(), there.copy()
        obs, available, active = self._native.last(env)
        if not obs:
            raise ValueError(f"no episode of environment {env} ended in the last step")
        return (
            np.array(obs, np.float32).reshape(self.agents, self.obs_dim),
            None if self.available is None else np.array(available, np.bool_).reshape(self.agents, self.actions),
            np.array(active, np.bool_),
        )
