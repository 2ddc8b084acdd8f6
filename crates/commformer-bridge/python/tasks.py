"""Tasks: what environments of other libraries look like to the worker, and the check of an environment."""

import difflib
import gc
import importlib
import inspect
import os
import pkgutil
import sys
import time
import traceback
from types import ModuleType
from typing import Any, Callable

import numpy as np


class Refusal(Exception):
    """Something the user can set right. The text says what was expected, what was found and what to do."""


def make(name: str, options: dict[str, Any]) -> Any:
    """Makes the task that `env.make` names, with `env.options`.

    `pettingzoo:MODULE`, `smac:MAP`, `gfootball:SCENARIO`, or `MODULE:FUNCTION` for the user's own.
    """
    kind, colon, rest = name.partition(":")
    if not (kind and colon and rest):
        raise Refusal(
            f"env.make = {name!r}: expected pettingzoo:MODULE, smac:MAP, gfootball:SCENARIO or MODULE:FUNCTION, "
            "such as pettingzoo:mpe2.simple_spread_v3"
        )
    if kind == "smac":
        return Smac(rest, **options)
    if kind == "gfootball":
        return Football(rest, **options)
    if kind == "pettingzoo":
        return PettingZoo(call(rest, "parallel_env", options))
    made = call(kind, rest, options)
    if is_parallel(made):
        return PettingZoo(made)
    missing = [part for part in ("agents", "obs_dim", "reset", "step") if not hasattr(made, part)]
    if missing:
        raise Refusal(
            f"{name} returned {a(made)}, which has no {', '.join(missing)}: it must return a task, "
            f"or an environment with PettingZoo's parallel API{advice(made)}"
        )
    return made


def call(module_name: str, function: str, options: dict[str, Any]) -> Any:
    """Calls a function of a module with the options."""
    module = load(module_name)
    made = getattr(module, function, None)
    if not callable(made):
        near = difflib.get_close_matches(function, [n for n in dir(module) if callable(getattr(module, n))])
        hint = f"; it has {', '.join(near)}" if near else ""
        raise Refusal(f"module {module_name} ({module.__file__}) has no function {function!r}{hint}")
    try:
        inspect.signature(made).bind(**options)
    except TypeError as error:
        raise Refusal(
            f"{module_name}.{function}{inspect.signature(made)} cannot be called with "
            f"env.options = {options}: {error}"
        ) from error
    except ValueError:
        pass  # a function that is not written in Python need not tell its signature
    return made(**options)


def load(name: str) -> ModuleType:
    """Imports a module; the user's own are looked for in the current directory too."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        package, _, last = missing.rpartition(".")
        if package in sys.modules:
            there = [m.name for m in pkgutil.iter_modules(getattr(sys.modules[package], "__path__", []))]
            near = difflib.get_close_matches(last, there, n=5) or there[:5]
            raise Refusal(
                f"package {package} has no module {last!r}; it has {', '.join(near) or 'none'}"
            ) from error
        root = missing.partition(".")[0]
        raise Refusal(
            f"{sys.executable} has no module {missing!r}, which {name} needs. Install it there "
            f"({sys.executable} -m pip install {root}), name another interpreter with env.python, or, if it is "
            "your own, start in its directory or put that into PYTHONPATH"
        ) from error


def a(thing: Any) -> str:
    """What a value is, for a message."""
    return "None" if thing is None else f"a {type(thing).__module__}.{type(thing).__qualname__}"


def advice(made: Any) -> str:
    """What to do about the two usual things that are returned instead of a task."""
    if hasattr(made, "agent_iter"):
        return ". Environments where agents take turns (AEC) become parallel by pettingzoo.utils.aec_to_parallel"
    if hasattr(made, "observation_space") and hasattr(made, "action_space"):
        return ". An environment of gymnasium has one agent: it needs a class that says who its agents are"
    return ""


def is_parallel(env: Any) -> bool:
    """Whether this is an environment with PettingZoo's parallel API."""
    return (
        hasattr(env, "possible_agents")
        and callable(getattr(env, "observation_space", None))
        and callable(getattr(env, "action_space", None))
        and not hasattr(env, "agent_iter")
    )


# Spaces are told apart by their attributes, so that neither gymnasium nor its predecessor is needed.


def is_discrete(space: Any) -> bool:
    """Whether a space is `n` choices (MultiBinary has an `n` too, but a shape with it)."""
    return hasattr(space, "n") and not space.shape


def is_box(space: Any) -> bool:
    """Whether a space is an array of numbers between bounds."""
    return hasattr(space, "low") and hasattr(space, "high")


def parts(space: Any) -> dict[Any, Any] | None:
    """The spaces that a Dict or Tuple is made of, by their key or place; None for others."""
    inner = getattr(space, "spaces", None)
    if inner is None or type(space).__name__ == "OneOf":
        return None
    return dict(inner) if hasattr(inner, "keys") else dict(enumerate(inner))


def flat_size(space: Any) -> int:
    """How many numbers an element of a space is."""
    inner = parts(space)
    if inner is not None:
        return sum(flat_size(part) for part in inner.values())
    if hasattr(space, "nvec"):
        return int(np.sum(space.nvec))
    if is_discrete(space):
        return int(space.n)
    if is_box(space) or hasattr(space, "n"):
        return int(np.prod(space.shape))
    raise Refusal(
        f"an observation space is {space}; Box, Discrete, MultiBinary, MultiDiscrete, Dict and Tuple of them "
        "can be used: convert others in a wrapper of your own (env.make=MODULE:FUNCTION)"
    )


def flatten(space: Any, value: Any) -> np.ndarray:
    """An element of a space as numbers: arrays row by row, choices as one 1 among zeros, parts one after another."""
    inner = parts(space)
    if inner is not None:
        return np.concatenate([np.zeros(0), *(flatten(part, value[key]) for key, part in inner.items())])
    if hasattr(space, "nvec"):
        return one_hot(space, np.ravel(space.nvec), value)
    if is_discrete(space):
        return one_hot(space, np.array([space.n]), value)
    flat = np.asarray(value, dtype=np.float64).ravel()
    if flat.size != flat_size(space):
        raise Refusal(f"has the shape {np.shape(value)} where its space {space} has {tuple(space.shape)}")
    return flat


def one_hot(space: Any, counts: np.ndarray, value: Any) -> np.ndarray:
    """For each choice, as many numbers as it has possibilities, of which the chosen one is 1."""
    chosen = np.ravel(np.asarray(value) - getattr(space, "start", 0)).astype(np.int64)
    if chosen.size != counts.size or (chosen < 0).any() or (chosen >= counts).any():
        raise Refusal(f"is {value}, which is not in its space {space}")
    flat = np.zeros(int(counts.sum()))
    flat[np.cumsum(counts) - counts + chosen] = 1.0
    return flat


def span(words: str, sizes: list[int], remedy: str) -> list[str]:
    """The note that sizes are unequal, if they are."""
    return [f"{words} {min(sizes)} to {max(sizes)}: {remedy}"] if min(sizes) < max(sizes) else []


class PettingZoo:
    """An environment with PettingZoo's parallel API.

    Agents are `possible_agents` in their order. One that leaves is inactive: it sees zeros, is paid 0 and its
    action goes nowhere. The episode ends when all have left: it is truncated if the last of them were truncated
    and none of them terminated. At the end, the last of them are shown what they saw last.
    """

    def __init__(self, env: Any) -> None:
        if not is_parallel(env):
            raise Refusal(
                f"parallel_env returned {a(env)}: expected PettingZoo's parallel API "
                f"(possible_agents, observation_space(agent), action_space(agent)){advice(env)}"
            )
        self.env = env
        self.names = list(env.possible_agents)
        if not self.names:
            raise Refusal("the environment has no possible_agents: the number of agents must be known")
        self.agents = len(self.names)
        self.agent_names = [str(name) for name in self.names]
        self.live: list[Any] = []
        self.masks: dict[Any, Any] = {}
        self._read_observations()
        self._read_actions()
        if mpe_world(env) is not None:
            self.draw = self._draw

    def _read_observations(self) -> None:
        """Sizes of what is seen."""
        self.views = {}
        for name in self.names:
            space = self.env.observation_space(name)
            inner = parts(space) or {}
            masked = "observation" in inner and "action_mask" in inner
            self.views[name] = inner["observation"] if masked else space
        sizes = [flat_size(space) for space in self.views.values()]
        self.obs_dim = max(sizes)
        self.notes = span("observations have", sizes, f"the shorter are padded with zeros to {self.obs_dim} numbers")

    def _read_actions(self) -> None:
        """Kind and sizes of what is done."""
        self.spaces = {name: self.env.action_space(name) for name in self.names}
        spaces = list(self.spaces.values())
        if all(is_discrete(space) for space in spaces):
            sizes = [int(space.n) for space in spaces]
            self.actions = max(sizes)
            self.notes += span("agents have", sizes, "actions that an agent lacks are never available to it")
            self.available = self._available
        elif all(is_box(space) and np.issubdtype(space.dtype, np.floating) for space in spaces):
            sizes = [int(np.prod(space.shape)) for space in spaces]
            self.action_dim = max(sizes)
            self.notes += span("actions have", sizes, "what an agent has too many is not used")
            if not all(np.isfinite(space.low).all() and np.isfinite(space.high).all() for space in spaces):
                self.notes.append("actions have no bounds in the environment: they are passed on as they are")
        else:
            kinds = ", ".join(sorted({str(space) for space in spaces}))
            raise Refusal(
                f"action spaces are {kinds}: expected Discrete for all agents, or Box of real numbers for all; "
                "convert others in a wrapper of your own (env.make=MODULE:FUNCTION)"
            )

    def reset(self, seed: int) -> np.ndarray:
        """Begins an episode. Seeds are below 2^31, which every generator takes."""
        returned = self.env.reset(seed=int(seed) % 2**31)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise Refusal(f"reset returned {a(returned)}: expected (observations, infos), as since PettingZoo 1.23")
        self.live = list(self.env.agents)
        return self._look(*returned)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
        """One step of all who are still there."""
        acting = self.live
        chosen = {name: self._action(name, actions[self.names.index(name)]) for name in acting}
        observations, rewards, terminations, truncations, infos = self.env.step(chosen)
        absent = [name for name in acting if name not in rewards]
        if absent:
            raise Refusal(f"step returned no reward for {absent[0]}, who acted: expected one for each of {acting}")
        paid = np.array([rewards[name] if name in acting else 0.0 for name in self.names], dtype=np.float32)
        gone = {name for name in acting if terminations.get(name) or truncations.get(name)}
        left = [name for name in self.env.agents if name not in gone]
        self.live = left or [name for name in acting if name in observations]
        terminated = not left and (not gone or any(terminations.get(name) for name in gone))
        return self._look(observations, infos), paid, terminated, not left and not terminated

    def active(self) -> np.ndarray:
        """Who has not left, (N,)."""
        return np.array([name in self.live for name in self.names])

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()

    def _look(self, observations: dict[Any, Any], infos: dict[Any, Any]) -> np.ndarray:
        """What is seen, (N, O), and from it or from the infos, which actions are available."""
        seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self.masks = {}
        for row, name in enumerate(self.names):
            if name not in self.live:
                continue
            if name not in observations:
                raise Refusal(f"no observation was returned for {name}, who is in env.agents")
            value = observations[name]
            mask = infos.get(name, {}).get("action_mask")
            if isinstance(value, dict) and "observation" in value and "action_mask" in value:
                value, mask = value["observation"], value["action_mask"]
            try:
                flat = flatten(self.views[name], value)
            except (Refusal, KeyError, IndexError, TypeError, ValueError) as error:
                raise Refusal(f"the observation of {name} does not fit its space: it {error}") from error
            seen[row, : flat.size] = flat
            if mask is not None:
                self.masks[name] = mask
        return seen

    def _available(self) -> np.ndarray:
        """Which actions can be taken, (N, A); of those who left, the first."""
        table = np.zeros((self.agents, self.actions), dtype=bool)
        for row, name in enumerate(self.names):
            if name not in self.live:
                table[row, 0] = True
                continue
            count = int(self.spaces[name].n)
            mask = np.asarray(self.masks.get(name, np.ones(count))).astype(bool)
            if mask.shape != (count,):
                raise Refusal(f"the action_mask of {name} has the shape {mask.shape}; it has {count} actions")
            table[row, :count] = mask
        return table

    def _action(self, name: Any, action: Any) -> Any:
        """An action as the agent's space has it."""
        space = self.spaces[name]
        if is_discrete(space):
            return int(action) + int(getattr(space, "start", 0))
        numbers = np.asarray(action)[: int(np.prod(space.shape))].reshape(space.shape)
        return np.clip(numbers, space.low, space.high).astype(space.dtype)

    def _draw(self) -> dict[str, Any]:
        """Agents and landmarks of a particle world; its middle is 0, 0 and 1.5 is seen to each side."""
        world = mpe_world(self.env)
        discs = {str(body.name): disc(body) for body in world.agents}
        places = [discs.get(name) if there else None for name, there in zip(self.agent_names, self.active())]
        shapes = [{"role": "target", "circle": disc(body)} for body in world.landmarks]
        shapes += [{"role": {"agent": i}, "circle": place} for i, place in enumerate(places) if place]
        agents = [place[:2] if place else None for place in places]
        return {"size": [3.0, 3.0], "scenery": [], "shapes": shapes, "agents": agents}


def mpe_world(env: Any) -> Any:
    """The world of an environment of the MPE family; None for others."""
    world = getattr(getattr(env, "unwrapped", env), "world", None)
    return world if hasattr(world, "agents") and hasattr(world, "landmarks") else None


def disc(body: Any) -> list[float]:
    """Middle and radius of a body of a particle world, y downwards."""
    x, y = body.state.p_pos[:2]
    return [float(x) + 1.5, 1.5 - float(y), float(body.size)]


class Smac:
    """A map of the StarCraft Multi-Agent Challenge, by the package `smac` and an installed StarCraft II.

    SMAC takes a seed only when it is made (`seed` in the options), not at a reset: episodes are not repeatable
    by the run's seed, and the seed of `reset` is not used. The dead are inactive.
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
        cut = bool(ended and (info.get("episode_limit", False) or "battle_won" not in info))
        return np.asarray(self.env.get_obs(), dtype=np.float32), float(reward), bool(ended) and not cut, cut

    def available(self) -> np.ndarray:
        """Which actions can be taken, (N, A)."""
        return np.asarray(self.env.get_avail_actions()).astype(bool)

    def active(self) -> np.ndarray:
        """Who lives, (N,): only the dead can do nothing, which is action 0."""
        return ~self.available()[:, 0]

    def figures(self) -> tuple[float, float, float]:
        """Whether the battle is won, enemies dead, allies dead."""
        won, kills, losses = (self.last.get(key, 0) for key in ("battle_won", "dead_enemies", "dead_allies"))
        return float(won), float(kills), float(losses)

    def close(self) -> None:
        """Ends StarCraft II."""
        self.env.close()
