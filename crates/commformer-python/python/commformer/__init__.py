"""Fast environments for teams of agents, the built-in ones of commformer, and its trained teams, all run in Rust.

`VectorEnv` steps many environments at once, in arrays of NumPy; `parallel_env` is one environment with PettingZoo's parallel API.
Settings are those that `[env]` has for the kind in commformer's configuration; `settings(kind)` lists them:

    envs = commformer.VectorEnv("smac", num_envs=64, seed=1, map="3m")
    env = commformer.parallel_env("predator-prey", agents=5, dim=10)

`Team` is a trained team, out of the file that `commformer export` writes, and `Agent` one agent of it, on a machine of its
own:

    team = commformer.Team("team.safetensors")
    actions = team.act(observations).actions
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _native
from ._native import KINDS
from .team import Agent, Exchange, Letter, Team, TeamStep
from .vector import RUNNING, TERMINATED, TRUNCATED, Episode, VectorEnv

if TYPE_CHECKING:
    from .parallel import ParallelEnv

__all__ = [
    "Agent",
    "KINDS",
    "RUNNING",
    "TERMINATED",
    "TRUNCATED",
    "Episode",
    "Exchange",
    "Letter",
    "Setting",
    "Team",
    "TeamStep",
    "VectorEnv",
    "parallel_env",
    "settings",
]


class Setting(NamedTuple):
    """What is known of a setting of a task."""

    name: str
    default: Any
    """None if it is left out by default."""
    choices: list[str]
    """The names that it takes; empty if it takes something else."""
    about: str


def settings(kind: str) -> list[Setting]:
    """The settings of a kind, which `VectorEnv` and `parallel_env` take as keyword arguments."""
    described = _native.settings(kind)
    return [Setting(name, json.loads(default), choices, about) for name, default, choices, about in described]


def parallel_env(kind: str, **settings: Any) -> ParallelEnv:
    """One environment with PettingZoo's parallel API; needs `pettingzoo` and `gymnasium`."""
    from .parallel import ParallelEnv

    return ParallelEnv(kind, **settings)
