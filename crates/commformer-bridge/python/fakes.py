"""Environments and tasks made by hand, which tests play."""

import contextlib
import copy
import io
import types
from typing import Any
from unittest import mock

import numpy as np

from commformer_bridge.check import check


def space(**attributes: Any) -> Any:
    """A space, as far as its attributes tell."""
    return types.SimpleNamespace(**attributes)


def discrete(n: int, start: int = 0) -> Any:
    return space(n=n, start=start, shape=())


def box(low: float, high: float, *shape: int) -> Any:
    return space(low=np.full(shape, low), high=np.full(shape, high), shape=shape, dtype=np.dtype(np.float32))


class Parallel:
    """A parallel environment that shows and ends what it is told, and remembers what was done."""

    def __init__(
        self, views: list[Any], acts: list[Any], shown: list[Any], infos: dict[str, Any] | None = None
    ):
        self.possible_agents = [f"a{i}" for i in range(len(views))]
        self.views, self.acts = (dict(zip(self.possible_agents, spaces)) for spaces in (views, acts))
        self.shown, self.infos = dict(zip(self.possible_agents, shown)), infos or {}
        self.terminate: set[str] = set()
        self.truncate: set[str] = set()
        self.seeds: list[int] = []

    def observation_space(self, agent: str) -> Any:
        return self.views[agent]

    def action_space(self, agent: str) -> Any:
        return self.acts[agent]

    def reset(self, seed: int | None = None) -> tuple[dict, dict]:
        self.seeds.append(seed)
        self.agents = list(self.possible_agents)
        return dict(self.shown), self.infos

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        self.done, acting = actions, self.agents
        self.agents = [name for name in acting if name not in self.terminate | self.truncate]
        return (
            {name: self.shown[name] for name in acting},
            {name: 1.0 + i for i, name in enumerate(self.possible_agents)},
            {name: name in self.terminate for name in acting},
            {name: name in self.truncate for name in acting},
            self.infos,
        )

    def close(self) -> None:
        self.closed = True


class Written(Parallel):
    """Two agents, and for each step who is listed after it, and what the terminations and truncations are."""

    def __init__(self, *steps: tuple[set[str], dict[str, bool], dict[str, bool]]):
        super().__init__([box(0, 9, 2)] * 2, [discrete(3)] * 2, [[1, 2], [3, 4]])
        self.steps = list(steps)

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        self.done = actions
        listed, terminations, truncations = self.steps.pop(0)
        self.agents = sorted(listed)
        return dict(self.shown), dict.fromkeys(self.possible_agents, 1.0), terminations, truncations, {}


def two(**changes: Any) -> Parallel:
    """Two agents with two numbers and three actions each."""
    given = {"views": [box(0, 9, 2)] * 2, "acts": [discrete(3)] * 2, "shown": [[1, 2], [3, 4]], **changes}
    return Parallel(**given)


class Sound:
    """A task without a fault; those below have one each."""

    agents, obs_dim, actions = 2, 3, 2

    def reset(self, seed: int) -> np.ndarray:
        self.random, self.steps = np.random.default_rng(seed), 0
        return self.seen()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        self.steps += 1
        return self.seen(), float(actions.sum()), self.steps == 9, False

    def seen(self) -> np.ndarray:
        return self.random.random((2, 3))


def checked(task: Any, resets: int = 3, states: bool = False) -> tuple[int, str]:
    """The exit status of a check of a task, of which it plays copies, and what it prints."""
    printed = io.StringIO()
    made = mock.patch(
        "commformer_bridge.check.make",
        lambda name, options: task() if isinstance(task, type) else copy.deepcopy(task),
    )
    with made, contextlib.redirect_stdout(printed):
        return check("a:b", {}, resets, states), printed.getvalue()
