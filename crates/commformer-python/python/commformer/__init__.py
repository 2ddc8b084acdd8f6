"""Fast environments for teams of agents: the built-in ones of commformer, stepped in Rust.

`VectorEnv` steps many copies at once, in arrays of NumPy; `parallel_env` is one copy with PettingZoo's parallel API.
Settings are those of `[env]` in commformer's configuration:

    envs = commformer.VectorEnv("smac", copies=64, seed=1, map="3m")
    env = commformer.parallel_env("predator-prey", agents=5, dim=10)
"""

from ._native import KINDS
from .vector import Episode, VectorEnv

__all__ = ["KINDS", "Episode", "VectorEnv", "parallel_env"]


def parallel_env(kind: str, **settings):
    """One copy with PettingZoo's parallel API; needs `pettingzoo` and `gymnasium`."""
    from .parallel import ParallelEnv

    return ParallelEnv(kind, **settings)
