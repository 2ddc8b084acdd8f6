"""The Python side of commformer's bridge: a task as the worker sees it, what makes one, its check, and the worker.

A *task* is any object with

- `agents` (N), `obs_dim` (O), and `actions`, how many an agent chooses from (A), or `action_dim`, how many real numbers
  an action is;
- `reset(seed) -> obs`, (N, O);
- `step(actions) -> (obs, rewards, terminated, truncated)`: actions is an array (N,) of int64 or (N, action_dim) of
  float32, rewards a number for all or (N,);

and, if it likes, `available() -> (N, A)` of bool, `active() -> (N,)` of bool, `departed() -> (N,)` of bool, who has left
for good and earns nothing more, or `leaves`, true if that is everybody who is no longer active, `metrics` (names) with
`metric_values()` (numbers of the episode so far; `figures()` is its old name), `agent_names`, `action_names`, `notes`,
`draw()` and `close()`.

It needs numpy and whatever makes the environment.
"""

from __future__ import annotations

import datetime
import difflib
import faulthandler
import functools
import gc
import importlib
import importlib.util
import inspect
import json
import mmap
import os
import pkgutil
import re
import signal
import socket
import stat
import struct
import sys
import time
import traceback
import types
import unicodedata
from types import ModuleType
from typing import Any

try:
    import numpy as np
    import numpy.random  # Now, while the user's folder is not looked at: NumPy itself imports it when it is used.
except ImportError as error:
    sys.exit(
        f"{sys.executable} cannot import numpy ({str(error).strip()}), which commformer needs there: install it "
        f"({sys.executable} -m pip install numpy), or name another interpreter with env.python (--python for a check)"
    )


class Refusal(Exception):
    """Something the user can set right. The text says what was expected, what was found and what to do."""


def make(name: str, options: dict[str, Any]) -> Any:
    """Makes the task that `env.make` names, with `env.options`.

    `pettingzoo:MODULE`, `smac:MAP`, `gfootball:SCENARIO`, or `MODULE:FUNCTION` or `FILE:FUNCTION` for the user's own.
    """
    kind, colon, rest = name.partition(":")
    if not (kind and colon and rest):
        raise Refusal(
            f"env.make = {name!r}: expected pettingzoo:MODULE, smac:MAP, gfootball:SCENARIO, "
            "MODULE:FUNCTION or FILE:FUNCTION, such as pettingzoo:mpe2.simple_spread_v3 or ./my_env.py:make"
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


def options_of(text: str) -> dict[str, Any]:
    """What `options.rs` has written: JSON with NaN and Infinity, in which dates are marked."""
    kinds = (datetime.date, datetime.time, datetime.datetime)

    def read(table: dict[str, Any]) -> Any:
        if table.keys() != {"$toml-date"}:
            return table
        written = table["$toml-date"]
        kind = kinds[2 if "T" in written else 1 if ":" in written else 0]
        return kind.fromisoformat(written)

    return json.loads(text, object_hook=read)


def call(module_name: str, function: str, options: dict[str, Any]) -> Any:
    """Calls a function of a module with the options."""
    module = load(module_name)
    made = getattr(module, function, None)
    if not callable(made):
        near = difflib.get_close_matches(function, [n for n in dir(module) if callable(getattr(module, n))])
        hint = f"; it has {', '.join(near)}" if near else ""
        file = getattr(module, "__file__", "built in")
        raise Refusal(f"module {module_name} ({file}) has no function {function!r}{hint}")
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
    """Imports a module, or the file that is named by its path; the user's own are looked for in the current directory."""
    look_in(os.getcwd())
    if "/" in name or name.endswith(".py"):
        return load_file(os.path.expanduser(name))
    if "." not in name and os.path.isfile(f"{name}.py"):
        return load_file(f"{name}.py")  # Even where Python has a module of this name.
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
            f"({sys.executable} -m pip install {root}), name another interpreter with env.python, or, if it "
            "is your own, start in its directory or put that into PYTHONPATH"
        ) from error


def load_file(path: str) -> ModuleType:
    """Runs a file as a module; what lies beside it can be imported by it."""
    path = os.path.abspath(path)
    folder, file = os.path.split(path)
    if not os.path.isfile(path):
        if os.path.isfile(f"{path}.py"):
            return load_file(f"{path}.py")
        there = sorted(found for found in os.listdir(folder) if found.endswith(".py")) if os.path.isdir(folder) else []
        near = difflib.get_close_matches(file, there, n=5) or there[:5]
        kind = f"{path} is a folder" if os.path.isdir(path) else f"there is no file {path}"
        raise Refusal(
            f"env.make: {kind}: expected a file such as ./my_env.py:make"
            + (f"; {folder} has {', '.join(near)}" if near else "")
            + (f" (the current directory is {os.getcwd()})" if folder != os.getcwd() else "")
        )
    look_in(folder)
    name = os.path.splitext(file)[0]
    if not name.isidentifier() or name in sys.stdlib_module_names:
        name = f"commformer_{name}"
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == path:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refusal(f"env.make: {path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def look_in(folder: str) -> None:
    """Lets modules be found in a folder: before installed packages, but not in the place of Python's own modules."""
    if folder not in sys.path:
        installed = (place for place, entry in enumerate(sys.path) if "-packages" in entry)
        sys.path.insert(next(installed, len(sys.path)), folder)


def a(thing: Any) -> str:
    """What a value is, for a message."""
    return "None" if thing is None else f"a {type(thing).__module__}.{type(thing).__qualname__}"


def advice(made: Any) -> str:
    """What to do about the two usual things that are returned instead of a task."""
    if hasattr(made, "agent_iter"):
        return ". Environments where agents take turns (AEC): see pettingzoo.utils.aec_to_parallel"
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
    """An element of a space as numbers: arrays row by row, choices one-hot, parts one after another."""
    inner = parts(space)
    if inner is not None:
        return np.concatenate([np.zeros(0), *(flatten(part, value[key]) for key, part in inner.items())])
    if hasattr(space, "nvec"):
        return one_hot(space, np.ravel(space.nvec), value)
    if is_discrete(space):
        return one_hot(space, np.array([space.n]), value)
    return element(space, value, tuple(space.shape)).astype(np.float64).ravel()


def element(space: Any, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An element of a space of numbers as an array; of one number the shape may be any."""
    array = np.asarray(value)
    if array.dtype.kind not in NUMBERS:
        raise Refusal(f"is of type {array.dtype}: expected numbers of its space {space}")
    if array.shape != shape and not array.size == 1 == np.prod(shape):
        raise Refusal(f"has the shape {array.shape} where its space {space} has {shape}: reshape it in the environment")
    return array


def one_hot(space: Any, counts: np.ndarray, value: Any) -> np.ndarray:
    """For each choice, as many numbers as it has possibilities, of which the chosen one is 1."""
    numbers = element(space, value, np.shape(getattr(space, "nvec", 0))).ravel()
    with np.errstate(invalid="ignore"):
        chosen = numbers.astype(np.int64)
    whole = (chosen == numbers).all()
    chosen = chosen - np.ravel(getattr(space, "start", 0))
    if not whole or (chosen < 0).any() or (chosen >= counts).any():
        raise Refusal(f"is {value}, which is not in its space {space}: expected whole numbers within its bounds")
    flat = np.zeros(int(counts.sum()))
    flat[np.cumsum(counts) - counts + chosen] = 1.0
    return flat


def expect(verb: str, expected: tuple[str, ...], returned: Any) -> None:
    """Refuses an answer of another number of values."""
    found = len(returned) if isinstance(returned, (tuple, list)) else None
    if found != len(expected):
        what = a(returned) if found is None else f"{found} values"
        others = {4: ", as the old gym's does", 5: ", as gymnasium's does"}
        hint = others.get(found or 0, "") if verb == "step" else ""
        raise Refusal(f"{verb} returned {what}{hint}: expected {len(expected)}, ({', '.join(expected)})")


# What check and training ask of an answer is the same.

# Kinds of NumPy's types that are numbers. Others it converts where it can: text, complex numbers, None.
NUMBERS = "fiub"


def array_of(what: str, value: Any) -> np.ndarray:
    """A value as an array; what is none is refused."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise Refusal(f"{what} cannot be made an array of NumPy: {error}") from error


def numbers_of(what: str, value: Any, *shapes: tuple[int, ...]) -> np.ndarray:
    """Numbers of one of these shapes."""
    array = value if type(value) is np.ndarray else array_of(what, value)
    if array.dtype.kind not in NUMBERS:
        raise Refusal(f"{what} are of type {array.dtype}: expected numbers")
    if array.shape not in shapes:
        raise Refusal(f"{what} have the shape {array.shape}: expected {' or '.join(map(str, shapes))}")
    return array


def rewards_of(value: Any, agents: int) -> np.ndarray:
    """A number for all, or one for each agent."""
    return numbers_of("rewards", value, (), (agents,))


def flags_of(what: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Truth values of agents, (N,), or of their actions, (N, A): these can also be whole numbers, 1 and 0."""
    array = value if type(value) is np.ndarray else array_of(what, value)
    if array.shape == shape:
        if array.dtype.kind == "b":
            return array
        if len(shape) == 2 and array.dtype.kind in "iu" and ((array == 0) | (array == 1)).all():
            return array != 0
    remedy = (
        "one truth value for each action of each agent (of a mask that is added to scores: mask == 0)"
        if len(shape) == 2
        else "one truth value for each agent (of a list of their numbers: np.isin(np.arange(agents), numbers))"
    )
    shown = f"; it is {array.tolist()}" if array.size <= 32 else ""
    raise Refusal(f"{what} returned {array.dtype} {array.shape}: expected bool {shape}, {remedy}{shown}")


def truth(what: str, value: Any, of: Any = None) -> bool:
    """Whether an end has come: a truth value, or 1 or 0. Python takes others, too, but not as they are meant."""
    if value is True or value is False:
        return value
    if isinstance(value, (bool, np.bool_, int, float, np.number, np.ndarray)) or hasattr(value, "__array__"):
        array = array_of(what, value)
        if array.size == 1 and array.dtype.kind in NUMBERS and array.item() in (0, 1):
            return bool(array.item())
    if of is not None:
        raise Refusal(f"step's {what} have {value!r} for {of}: expected True or False")
    hint = ""
    if isinstance(value, (dict, list, tuple)) or getattr(value, "ndim", 0):
        hint = (
            ", one for the episode of all agents; where each agent has an end of its own, return whether all have ended, "
            "and say in active() who has not"
        )
    raise Refusal(f"{what} is {value!r}: expected True or False{hint}")


def span(words: str, sizes: list[int], remedy: str) -> list[str]:
    """The note that sizes are unequal, if they are."""
    return [f"{words.format(f'{min(sizes)} to {max(sizes)}')}: {remedy}"] if min(sizes) < max(sizes) else []


# Masks of actions go by many names. Some say the contrary, and would be read upside down.
MASK = re.compile(
    r"(action|move)s?_?mask|mask\w*(action|move)|avail\w*(action|move)"
    r"|(legal|valid|allowed|forbidden)\w*(actions|moves)"
)
# What is called so plainly is one of actions if it has their size, and else of something else.
PLAIN_MASK = re.compile(
    r"^masks?$|^avail(able)?$|(^|_)acts?_?masks?$"
    r"|(legal|valid|avail(able)?|allowed|forbidden)_?(masks?|acts?|action|move)$"
)
CONTRARY = re.compile(r"invalid|illegal|unavail|forbidden|disallowed|not_allowed")
# What a mask that is added to scores has where an action is forbidden, at most.
FORBIDDEN = -1e4
# Bounds beyond this are no bounds: the largest number of 32 bits is a usual way to say so.
UNBOUNDED = 1e30


@functools.lru_cache(maxsize=1024)
def mask_name(key: Any) -> str:
    """Whether a name is one of a mask of actions: `sure`, `plain`, or not, ``."""
    if not isinstance(key, str):
        return ""
    return "sure" if MASK.search(key.lower()) else "plain" if PLAIN_MASK.search(key.lower()) else ""


def array_size(value: Any) -> int:
    """How many numbers an array has; 0 for what is none. Single numbers count something, or tell of the last action."""
    try:
        return np.size(value) if np.ndim(value) else 0
    except ValueError:
        return 0


def looks_like_mask(value: Any, count: int) -> bool:
    """Whether a value could say which of `count` actions are available."""
    if array_size(value) != count:
        return False
    array = np.asarray(value)
    if array.shape != (count,) or array.dtype.kind not in NUMBERS:
        return False
    return array.dtype == bool or bool(
        array.any() and (((array == 0) | (array == 1)).all() or ((array == 0) | (array <= FORBIDDEN)).all())
    )


class Masks:
    """What masks of actions say, whichever of three kinds they are.

    Booleans; 1 for what can be done and 0 for what cannot; or numbers that are added to scores: 0 for what can be done
    and -inf, or far below 0, for what cannot. An environment keeps to one of the last two.
    """

    def __init__(self) -> None:
        self.additive: bool | None = None

    def read(self, of: str, value: Any, count: int) -> np.ndarray:
        """Which of `count` actions can be taken; what is not clear is refused."""
        mask = np.asarray(value)
        if mask.shape != (count,):
            raise Refusal(f"{of} has the shape {mask.shape}; it has {count} actions: expected one truth value for each")
        if mask.dtype == bool:
            able = mask
        elif mask.dtype.kind not in "iuf":
            raise Refusal(f"{of} is of type {mask.dtype}: expected truth values")
        elif not mask.any() and self.additive is None and mask.dtype.kind == "f":
            raise Refusal(
                f"{of} is {mask.tolist()}: all actions if it is to be added to scores, none if 1 means available. "
                "Give truth values (dtype bool)"
            )
        else:
            additive = self._kind(of, mask)
            able = mask == 0 if additive else mask != 0
        if not able.any():
            raise Refusal(f"{of} is {mask.tolist()}, which leaves no action: each agent that is there needs one")
        return able

    def _kind(self, of: str, mask: np.ndarray) -> bool:
        """Whether a mask of numbers is one that is added to scores."""
        ones = np.isin(mask, (0, 1)).all()
        if not ones and not ((mask == 0) | (mask <= FORBIDDEN)).all():
            raise Refusal(
                f"{of} is {mask.tolist()}: expected truth values, or 1 for available and 0 for not, or 0 for available "
                "and -inf for not"
            )
        if mask.any() or self.additive is None:
            if self.additive not in (None, not ones):
                raise Refusal(f"{of} is {mask.tolist()}, but masks before it were of the other kind: give truth values (dtype bool)")
            self.additive = not ones
        return self.additive


class PettingZoo:
    """An environment with PettingZoo's parallel API.

    Agents are `possible_agents` in their order. One that terminates or is truncated is out for the episode, whoever
    lists it afterwards. One that is not listed for a while pauses: it comes back. Both are inactive: they see zeros, and
    their actions go nowhere; who pauses is paid what the rewards name it. The episode ends when all are out, or nobody
    is listed any more. It is truncated if somebody was truncated in its last step: these are shown what they saw last,
    and those that terminated have departed.
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
        # Who acts, in the environment's order; who has left for good; who has been there.
        self.live: list[Any] = []
        self.gone: set[Any] = set()
        self.came: set[Any] = set()
        self.masks: dict[Any, np.ndarray] = {}
        # Of which kind masks are; those of infos beside others in the observations can be of another.
        self.kinds, self.second_kinds = Masks(), Masks()
        # In a check: where masks were found, and what could have been one, by its place, with what is said of it.
        self.found: dict[str, str] | None = None
        self.unused: dict[Any, str] = {}
        self.spaces = {name: env.action_space(name) for name in self.names}
        self._read_observations()
        self._read_actions()
        if mpe_world(env) is not None:
            self.draw = self._draw

    def _read_observations(self) -> None:
        """Sizes of what is seen, without masks of actions."""
        self.views, self.masked = {}, {}
        for name in self.names:
            space = self.env.observation_space(name)
            inner = parts(space) or {}
            key, only = self.masked[name] = self._split(name, inner, flat_size)
            if key is not None:
                rest = types.SimpleNamespace(spaces={part: inner[part] for part in inner if part != key})
                space = rest if only is None else inner[only]
            self.views[name] = space
        sizes = [flat_size(space) for space in self.views.values()]
        self.obs_dim = max(sizes)
        # What was seen last, for those that are truncated without another look.
        self.seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self.notes = span("observations have {} numbers", sizes, "the shorter are padded with zeros")

    def _split(self, name: Any, inner: Any, size: Any) -> tuple[Any, Any]:
        """Among the parts of an observation, or of its space: the key of the mask, and that of the rest if it is one."""
        key = self._mask_key(name, inner, size)
        rest = [part for part in inner if part != key]
        if key is None or not rest:
            return None, None
        return key, rest[0] if len(rest) == 1 else None

    def _mask_key(self, name: Any, holder: Any, size: Any) -> Any:
        """The key of the mask of actions in an info or an observation, if there is one."""
        space = self.spaces[name]
        if not is_discrete(space):
            return None
        names = ((key, mask_name(key)) for key in holder)
        keys = [key for key, kind in names if kind == "sure" or (kind and size(holder[key]) == int(space.n))]
        contrary = [key for key in keys if CONTRARY.search(key.lower())]
        if contrary or len(keys) > 1:
            raise Refusal(
                f"{name} is given {' and '.join(map(repr, contrary or keys))}: expected one mask that says which actions "
                "are available, such as action_mask of truth values"
            )
        return keys[0] if keys else None

    def _read_actions(self) -> None:
        """Kind and sizes of what is done."""
        spaces = list(self.spaces.values())
        if all(is_discrete(space) for space in spaces):
            sizes = [int(space.n) for space in spaces]
            self.actions = max(sizes)
            self.notes += span("agents have {} actions", sizes, "those an agent lacks are never available")
            self.available = self._available
        elif all(is_box(space) and np.issubdtype(space.dtype, np.floating) for space in spaces):
            sizes = [int(np.prod(space.shape)) for space in spaces]
            self.action_dim = max(sizes)
            self.notes += span("actions have {} numbers", sizes, "what an agent has too many is not used")
            self._read_bounds()
        else:
            kinds = ", ".join(sorted({str(space) for space in spaces}))
            raise Refusal(
                f"action spaces are {kinds}: expected Discrete for all agents, or Box of real numbers for "
                "all; convert others in a wrapper of your own (env.make=MODULE:FUNCTION)"
            )

    def _read_bounds(self) -> None:
        """What the numbers of an action are made of: the policy's are about -1 to 1."""
        self.bounds = {}
        stretched: set[tuple[float, float]] = set()
        unbounded = half = False
        for name, space in self.spaces.items():
            low, high = (np.broadcast_to(np.asarray(bound, dtype=np.float64), space.shape) for bound in (space.low, space.high))
            if not (low <= high).all():
                raise Refusal(f"the actions of {name} have bounds {space.low} to {space.high}: expected low below high")
            finite = [np.abs(bound) < UNBOUNDED for bound in (low, high)]
            both = finite[0] & finite[1]
            stretch = both & ((low != -1) | (high != 1))
            stretched |= set(zip(low[stretch].tolist(), high[stretch].tolist()))
            unbounded |= bool((~finite[0] & ~finite[1]).any())
            half |= bool((finite[0] ^ finite[1]).any())
            self.bounds[name] = (low, high, stretch)
        if stretched:
            few = ", ".join(f"{low:g} to {high:g}" for low, high in sorted(stretched)[:3])
            more = ", ..." if len(stretched) > 3 else ""
            self.notes.append(f"actions have bounds {few}{more}: the policy's -1 to 1 is stretched onto them")
        if half:
            self.notes.append("actions have a bound on one side only: they are cut there, and not stretched")
        if unbounded:
            self.notes.append("actions have no bounds in the environment: they are passed on as they are")

    def reset(self, seed: int) -> np.ndarray:
        """Begins an episode. Seeds are below 2^31, which every generator takes."""
        returned = self.env.reset(seed=int(seed) % 2**31)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise Refusal(f"reset returned {a(returned)}: expected (observations, infos), see PettingZoo")
        self.live, self.gone = list(self.env.agents), set()
        self.came = set(self.live)
        self.seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self._known("env.agents", self.live)
        self._named("reset", ("observations", "infos"), returned)
        return self._look(*returned)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
        """One step of all who are there."""
        acting = self.live
        chosen = {name: self._action(name, actions[self.names.index(name)]) for name in acting}
        returned = self.env.step(chosen)
        parts_of_it = ("observations", "rewards", "terminations", "truncations", "infos")
        expect("step", parts_of_it, returned)
        self._named("step", parts_of_it, returned)
        self._known("env.agents", self.env.agents)
        observations, rewards, terminations, truncations, infos = returned
        absent = [name for name in acting if name not in rewards]
        if absent:
            raise Refusal(f"step returned no reward for {absent[0]}, who acted: expected one for {acting}")
        playing = [name for name in self.names if name not in self.gone]
        paid = np.array([self._paid(rewards, name) if name in playing else 0.0 for name in self.names], dtype=np.float32)
        ended = self._ended("terminations", terminations, playing)
        truncated = self._ended("truncations", truncations, playing)
        if self.gone and not self.gone.isdisjoint(self.env.agents):
            again = next(name for name in self.env.agents if name in self.gone)
            warn("again", f"{again} is in env.agents after it ended: its observations and rewards are ignored")
        truncated -= ended
        out = self.gone | ended | truncated
        left = [name for name in self.env.agents if name not in out]
        self.came.update(left)
        if left or (self.env.agents and self.came - out):
            self.live, self.gone = left, out
            return self._look(observations, infos), paid, False, False
        # Who was truncated before has left. Where somebody is truncated now, so is who pauses; these have something ahead.
        ahead = [name for name in playing if truncated and name in self.came - ended]
        self.live = ahead or acting
        self.gone.update(name for name in playing if name not in ahead)
        seen = self._look(observations, infos, last=True)
        self.masks = {}  # after the end nobody acts, and some environments mask everything then
        return seen, paid, not ahead, bool(ahead)

    @staticmethod
    def _paid(rewards: dict[Any, Any], name: Any) -> Any:
        """An agent's reward, one number."""
        reward = rewards.get(name, 0.0)
        if type(reward) is not float:
            array = array_of(f"the reward of {name}", reward)
            if array.ndim or array.dtype.kind not in NUMBERS:
                shape = f", of the shape {array.shape}" if array.ndim else ""
                raise Refusal(f"step's rewards have {reward!r} for {name}{shape}: expected one number, such as 1.0")
        return reward

    @staticmethod
    def _ended(what: str, ends: dict[Any, Any], playing: list[Any]) -> set[Any]:
        """Whose end these say has come. `__all__` is RLlib's way to name everybody."""
        if truth(what, ends.get("__all__", False), "__all__"):
            return set(playing)
        return {name for name in playing if truth(what, ends.get(name, False), name)}

    def _named(self, verb: str, expected: tuple[str, ...], returned: Any) -> None:
        """Refuses what is no dictionary of agents."""
        for what, part in zip(expected, returned):
            if not hasattr(part, "keys"):
                raise Refusal(f"{verb} returned {a(part)} for {what}: expected a dictionary with an entry for each agent")
            # "__all__" and "__common__" are other people's words for the whole team.
            names = [name for name in part if not (isinstance(name, str) and name.startswith("__"))]
            if what != "infos":
                self._known(f"{verb}'s {what}", names)

    def _known(self, what: str, names: Any) -> None:
        """Refuses agents that were never announced."""
        for name in names:
            if name not in self.names:
                raise Refusal(f"{what} have an agent {name!r}, who is not in possible_agents: {self.names}")

    def active(self) -> np.ndarray:
        """Who is there, (N,)."""
        return np.array([name in self.live for name in self.names])

    def departed(self) -> np.ndarray:
        """Who has left for good, (N,)."""
        return np.array([name in self.gone for name in self.names])

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()

    def _look(self, observations: dict[Any, Any], infos: dict[Any, Any], last: bool = False) -> np.ndarray:
        """What is seen, (N, O), and from it or from the infos, which actions are available.

        At the last look, who is not shown anything sees what it saw before.
        """
        seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self.masks = {}
        for row, name in enumerate(self.names):
            if name not in self.live:
                continue
            if name not in observations:
                if last:
                    seen[row] = self.seen[row]
                    continue
                raise Refusal(f"no observation was returned for {name}, who is in env.agents")
            value = observations[name]
            key, only = self.masked[name]
            try:
                if isinstance(value, dict) and parts(self.views[name]) is None and key is None:
                    key, only = self._split(name, value, np.size)
                whole, value = value, value if only is None else value[only]
                flat = flatten(self.views[name], value)
            except Refusal as error:
                raise Refusal(f"the observation of {name} {error}") from error
            except (KeyError, IndexError, TypeError, ValueError) as error:
                problem = traceback.format_exception_only(error)[-1].strip()
                raise Refusal(
                    f"the observation of {name} is {value}, not in its space {self.views[name]}: {problem}"
                ) from error
            seen[row, : flat.size] = self.seen[row, : flat.size] = flat
            if not last and is_discrete(self.spaces[name]):
                self._read_mask(name, whole, key, infos.get(name) or {})
        return seen

    def _read_mask(self, name: Any, whole: Any, key: Any, info: dict[Any, Any]) -> None:
        """Keeps which actions an agent can take, if its observation or its info says so."""
        count, second = int(self.spaces[name].n), None
        if key is not None:
            self.masks[name] = self.kinds.read(f"the {key} of {name}", whole[key], count)
            for second in info:
                if mask_name(second) and not CONTRARY.search(second.lower()) and looks_like_mask(info[second], count):
                    self._compare(name, key, second, info[second])
        elif any(map(mask_name, info)):
            arrays = {named: value for named, value in info.items() if mask_name(named) and array_size(value)}
            second = self._mask_key(name, arrays, np.size)
            if second is not None:
                self.masks[name] = self.kinds.read(f"the {second} of {name}", info[second], count)
        if self.found is not None:
            self._note_masks(name, key, second if key is None else None, info)

    def _compare(self, name: Any, key: Any, second: Any, value: Any) -> None:
        """Refuses a mask in an info that is not the one in the observation."""
        mask = self.masks[name]
        other = self.second_kinds.read(f"the {second} of {name}", value, len(mask))
        if (mask != other).any():
            raise Refusal(
                f"{name} is given two masks of actions that differ: {key} of its observation is {mask.tolist()}, {second} "
                f"of its info is {other.tolist()} (true: available). Expected one, or two that are the same: leave one out"
            )

    def _note_masks(self, name: Any, in_observation: Any, in_info: Any, info: dict[Any, Any]) -> None:
        """In a check: keeps where a mask is, and what in the infos could be one and is not used."""
        for key, place in ((in_observation, "observations"), (in_info, "infos")):
            if key is not None:
                self.found[f"`{key}` of the {place}"] = ""
        count = int(self.spaces[name].n)
        for key, value in info.items():
            used = key == in_info or (in_observation is not None and mask_name(key))
            if not used and key not in self.unused and count > 1 and looks_like_mask(value, count):
                self.unused[key] = (
                    f"the infos have {key!r}, {count} truth values or numbers for the {count} actions of {name}, which "
                    "are not used: if they say which actions are available, call them action_mask"
                )

    def notes_of_play(self) -> list[str]:
        """What a check tells of the masks that it met."""
        if self.found is None or not hasattr(self, "actions"):
            return []
        where = ", ".join(self.found) or "none was found, so that every agent can always take each of its actions"
        return [f"masks of actions: {where}", *self.unused.values()]

    def _available(self) -> np.ndarray:
        """Which actions can be taken, (N, A); of those who are not there, the first."""
        table = np.zeros((self.agents, self.actions), dtype=bool)
        for row, name in enumerate(self.names):
            if name not in self.live:
                table[row, 0] = True
                continue
            count = int(self.spaces[name].n)
            table[row, :count] = self.masks.get(name, True)
        return table

    def _action(self, name: Any, action: Any) -> Any:
        """An action as the agent's space has it."""
        space = self.spaces[name]
        if is_discrete(space):
            return int(action) + int(getattr(space, "start", 0))
        numbers = np.asarray(action)[: int(np.prod(space.shape))].reshape(space.shape)
        low, high, stretch = self.bounds[name]
        if stretch.any():
            # From -1 to 1 onto low to high; without a difference of bounds, which may be beyond what a number can be.
            share = (np.clip(numbers, -1, 1).astype(np.float64) + 1) / 2
            numbers = np.where(stretch, low * (1 - share) + high * share, numbers)
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

    def active(self) -> np.ndarray:
        """Who lives, (N,): only the dead can do nothing, which is action 0."""
        return ~self.available()[:, 0]

    def metric_values(self) -> tuple[float, float, float]:
        """Whether the battle is won, enemies dead, allies dead."""
        won, kills, losses = (self.last.get(key, 0) for key in ("battle_won", "dead_enemies", "dead_allies"))
        return float(won), float(kills), float(losses)

    def close(self) -> None:
        """Ends StarCraft II."""
        self.env.close()


class Football:
    """A scenario of Google Research Football, on its real engine (gfootball).

    `observation` is `encoded`, described at `encode`, with the actions that make sense now available, or
    `simple115v2`, the engine's own, with all of them. `reward` is `scoring,checkpoints` (the engine's: a goal is 1, and
    0.1 for each tenth of the way to it once an episode) or `scoring`. The engine may let a slot change its player, so
    an agent is a slot, not a person.
    """

    # How many players of the left team agents control: those of multi-agent research, the keeper never.
    CONTROLLED = {
        "academy_3_vs_1_with_keeper": 3,
        "academy_pass_and_shoot_with_keeper": 2,
        "academy_run_pass_and_shoot_with_keeper": 2,
        "academy_counterattack_easy": 4,
        "academy_counterattack_hard": 4,
    }
    DIRECTIONS = ("left", "top left", "top", "top right", "right", "bottom right", "bottom", "bottom left")
    action_names = ("idle", *DIRECTIONS, "long pass", "high pass", "short pass", "shot", "sprint", "stop moving",
                    "stop sprinting", "slide", "dribble", "stop dribbling")
    actions = len(action_names)
    metrics = ("score", "goals", "conceded")

    def __init__(self, scenario: str, agents: int = 0, observation: str = "encoded",
                 reward: str = "scoring,checkpoints") -> None:
        if observation not in ("encoded", "simple115v2"):
            raise Refusal(f"observation is {observation!r}: expected encoded or simple115v2")
        if reward not in ("scoring,checkpoints", "scoring"):
            raise Refusal(f"reward is {reward!r}: expected scoring,checkpoints or scoring")
        self.agents = agents or self.CONTROLLED.get(scenario, 0)
        if not self.agents:
            raise Refusal(f"how many players of {scenario} agents control is not known here: set the option agents")
        self.env = load("gfootball.env").create_environment(
            env_name=scenario,
            representation="raw" if observation == "encoded" else observation,
            rewards=reward,
            number_of_left_players_agent_controls=self.agents,
        )
        self.encodes = observation == "encoded"
        if self.encodes:
            self.available = self._available
        self.obs_dim = self.reset(0).shape[1]
        self.agent_names = [f"player {slot}" for slot in range(self.agents)]

    def reset(self, seed: int) -> np.ndarray:
        """Begins an episode: the engine's whole randomness comes from the seed."""
        # The engine derives the second from the first seed that it sees, and keeps it.
        settings = {"game_engine_random_seed": int(seed) % 2**31, "reverse_team_processing": bool(seed % 2)}
        self.env.unwrapped._config.update(settings)
        self.goals = self.conceded = 0
        seen = self._look(self.env.reset())
        self.length = max(self.raw[0]["steps_left"], 1)
        return seen

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
        """One of the engine's steps, a tenth of a second."""
        observation, rewards, over, info = self.env.step(actions.tolist())
        score = int(info["score_reward"])
        self.goals += score > 0
        self.conceded += score < 0
        seen = self._look(observation)
        timed_out = over and self.raw[0]["steps_left"] <= 0
        return seen, np.asarray(rewards, dtype=np.float32), over and not timed_out, timed_out

    def metric_values(self) -> tuple[float, float, float]:
        """Goals for less those against, and both."""
        return self.goals - self.conceded, self.goals, self.conceded

    def close(self) -> None:
        """Ends the engine."""
        self.env.close()

    def _look(self, observation: Any) -> np.ndarray:
        """What is seen, (N, O); keeps the engine's own description."""
        self.raw = self.env.unwrapped.observation()
        if not self.encodes:
            return np.asarray(observation, dtype=np.float32).reshape(self.agents, -1)
        return np.stack([self.encode(player) for player in self.raw])

    @staticmethod
    def encode(raw: dict[str, Any]) -> np.ndarray:
        """What one player sees, about -1 to 1; everything but the first two numbers is as seen from it.

        Itself: place (2), direction (2), tiredness, whether it has the ball, what it keeps doing (10). The way to the
        middle of the other goal (2). The ball: way to it (2), its distance, height, direction (3), whether nobody, its own or
        the other team has it (3). Each other of its own team, in the engine's order: way to it (2), direction (2), whether it
        has the ball. Each of the other team: the same. The kind of play (7), and the share of the time that is left.
        """
        own, fast = raw["active"], 50.0  # Who runs at full speed moves 0.02 in a step.
        place = raw["left_team"][own]
        owner = (raw["ball_owned_team"], raw["ball_owned_player"])
        ball = raw["ball"][:2] - place

        def team(name: str, number: int, without: int | None = None) -> np.ndarray:
            has_ball = np.zeros(len(raw[name]))
            if owner[0] == number and owner[1] >= 0:
                has_ball[owner[1]] = 1.0
            rows = np.column_stack([raw[name] - place, raw[f"{name}_direction"] * fast, has_ball])
            return np.delete(rows, without, axis=0).ravel() if without is not None else rows.ravel()

        play = np.zeros(7)
        play[raw["game_mode"]] = 1.0
        parts_of_it = (
            place,
            raw["left_team_direction"][own] * fast,
            [raw["left_team_tired_factor"][own], owner == (0, own)],
            raw["sticky_actions"],
            np.array([1.0, 0.0]) - place,
            ball,
            [np.hypot(*ball), raw["ball"][2] / 4.0],
            raw["ball_direction"] * fast / 2.0,
            [owner[0] == -1, owner[0] == 0, owner[0] == 1],
            team("left_team", 0, own),
            team("right_team", 1),
            play,
            [raw["steps_left"] / 400.0],
        )
        return np.concatenate(parts_of_it).astype(np.float32)

    def _available(self) -> np.ndarray:
        """Which actions make sense now, (N, 19)."""
        return np.stack([self.sensible(player) for player in self.raw])

    @staticmethod
    def sensible(raw: dict[str, Any]) -> np.ndarray:
        """Which actions make sense for one player, (19,): to idle and to move always do.

        Passing, shooting and dribbling, for who has the ball or is next to it while nobody has; shooting not from one's own
        half; sliding, while the other team has the ball; to stop what one does.
        """
        sensible = np.ones(19, dtype=bool)
        own, sticky = raw["active"], raw["sticky_actions"]
        team, player = raw["ball_owned_team"], raw["ball_owned_player"]
        near = np.hypot(*(raw["ball"][:2] - raw["left_team"][own])) < 0.03
        plays = (team, player) == (0, own) or (team == -1 and near)
        sensible[9:13] = plays
        sensible[12] &= raw["ball"][0] > 0.0
        sensible[13] = not sticky[8]
        sensible[14] = sticky[:8].any()
        sensible[15] = bool(sticky[8])
        sensible[16] = team == 1
        sensible[17] = plays and not sticky[9]
        sensible[18] = bool(sticky[9])
        return sensible

    def draw(self) -> dict[str, Any]:
        """The pitch, 2 x 0.84 of the engine's lengths, 50 of ours to one of its."""
        raw, scale = self.raw[0], 50.0

        def at(x: float, y: float) -> list[float]:
            return [(float(x) + 1.08) * scale, (float(y) + 0.5) * scale]

        slots = {player["active"]: slot for slot, player in enumerate(self.raw)}
        shapes, agents = [], [None] * self.agents
        for person, place in enumerate(raw["left_team"]):
            slot = slots.get(person)
            role = "note" if slot is None else {"agent": slot}
            shapes.append({"role": role, "circle": [*at(*place), 1.2]})
            if slot is not None:
                agents[slot] = at(*place)
                shapes.append({"role": role, "text": [*at(*place), 1.2, str(slot)]})
        shapes += [{"role": "enemy", "circle": [*at(*place), 1.2]} for place in raw["right_team"]]
        shapes.append({"role": "target", "circle": [*at(*raw["ball"][:2]), 0.6]})
        left, top = at(-1, -0.42)
        lines = [(-1, -0.42, 1, -0.42), (-1, 0.42, 1, 0.42), (-1, -0.42, -1, 0.42), (1, -0.42, 1, 0.42), (0, -0.42, 0, 0.42)]
        goals = [{"role": "wall", "rectangle": [*at(x, -0.044), 2.0, 0.088 * scale]} for x in (-1.04, 1.0)]
        return {
            "size": [2.16 * scale, scale],
            "scenery": [
                {"role": "ground", "rectangle": [left, top, 2 * scale, 0.84 * scale]},
                *({"role": "grid", "line": [*at(*line[:2]), *at(*line[2:])]} for line in lines),
                *goals,
            ],
            "shapes": shapes,
            "agents": agents,
        }


def say(text: str) -> None:
    """Prints a line without control characters, which an environment's words may hold: they are written out."""
    shown = (c if c in "\n\t" or unicodedata.category(c) != "Cc" else f"\\u{ord(c):04x}" for c in text)
    print("".join(shown), flush=True)


class Report:
    """What a check says, a line at a time, and whether anything was wrong."""

    def __init__(self) -> None:
        self.wrong_lines = 0

    def ok(self, text: str) -> None:
        """Something that is as it must be."""
        say(f"ok    {text}")

    def note(self, text: str) -> None:
        """Something to know."""
        say(f"note  {text}")

    def wrong(self, text: str) -> None:
        """Something to set right."""
        self.wrong_lines += 1
        say(f"WRONG {text}")


# Where a check tells the program that it has begun something: the descriptor, if there is one.
WATCHED: list[int] = []


# What the program is to tell the user, once in a run, by kind; and of what kinds it was told.
WARNINGS: dict[str, str] = {}
WARNED: set[str] = set()


def warn(kind: str, text: str) -> None:
    """Something that trains, but probably not what is meant."""
    if kind not in WARNED:
        WARNED.add(kind)
        WARNINGS[kind] = text


def warnings() -> dict[str, str]:
    """The warnings since the last time."""
    told = dict(WARNINGS)
    WARNINGS.clear()
    return told


def begins(what: bytes) -> None:
    """Something begins that the program waits for as in training: `s`, making the environment; `r`, a reset; `w`, a step;
    `c`, closing it. Last comes the verdict: `o`, nothing is wrong, or `x`. An end without it is no verdict.
    """
    for descriptor in WATCHED:
        os.write(descriptor, what)


def check(name: str, options: dict[str, Any], resets: int = 1000) -> int:
    """Plays an environment, prints what is right and wrong with it, and returns the exit status, 0 or 1."""
    report, process = Report(), os.getpid()
    where = "making the environment"
    WARNED.clear()
    WARNINGS.clear()
    Play.latest = None
    begins(b"s")
    try:
        task = make(name, options)
        begins(b"s")
        twin = make(name, options)
        if isinstance(task, PettingZoo):
            task.found = {}
        check_spec(task, report)
        where = "playing with random actions"
        play = Play(task)
        check_episodes(play, report)
        where = "playing the same actions again"
        check_repeats(play, Play(twin), report)
        where = f"resetting {resets} times"
        check_leaks(play, resets, report)
        where = "closing"
        for made in (task, twin):
            begins(b"c")
            getattr(made, "close", lambda: None)()
        report.ok("closes")
    except Refusal as refusal:
        report.wrong(f"{where}: {refusal}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's code raises is what the user must see
        if os.getpid() != process:
            raise  # A child of the environment's own, which ends as it would elsewhere.
        if isinstance(error, SystemExit):
            place = f" in {Play.latest.moment()}" if Play.latest and where != "closing" else ""
            report.wrong(
                f"{where}, the environment ended the process{place}, by sys.exit({error.code!r}): expected it to return; "
                f"where it fails, raise another exception\n{traceback.format_exc()}"
            )
        else:
            report.wrong(f"{where}, the environment raised:\n{traceback.format_exc()}")
    say(f"{name}: {report.wrong_lines or 'nothing'} wrong")
    begins(b"x" if report.wrong_lines else b"o")
    return int(report.wrong_lines > 0)


# Metrics of the program's own, which no metric may pass for: as in commformer-env/src/metric_names.rs.
RESERVED_METRICS = (
    "return steps episode_steps messages bytes traffic message_rounds open_rate gates_right sources graph_changes "
    "step_count checkpoint trained_steps episodes each_episode seed sampled graph decentralised settings"
).split()
RESERVED_METRIC_GROUPS = "losses receiving seconds metrics".split()


def check_metric_names(names: tuple[str, ...]) -> None:
    """A metric has a name, of its own, that is not the program's."""
    for index, name in enumerate(names):
        group = name.partition(".")[0] if "." in name else None
        if not name:
            raise Refusal(f"metric {index} has an empty name; give it one")
        if name in RESERVED_METRICS or group in RESERVED_METRIC_GROUPS:
            groups = ", ".join(f"{group}." for group in RESERVED_METRIC_GROUPS)
            raise Refusal(
                f"a metric is called {name!r}, which is a metric of the program's own; call it otherwise, not "
                f"{', '.join(RESERVED_METRICS)} and nothing that begins with {groups}"
            )
        if name in names[:index]:
            raise Refusal(f"two metrics are called {name!r}; give each a name of its own")


def check_spec(task: Any, report: Report) -> None:
    """The attributes that say what a task is. Without them nothing can be played."""
    given = [key for key in ("actions", "action_dim") if hasattr(task, key)]
    if len(given) != 1:
        raise Refusal(
            "expected one of actions (choices) and action_dim (real numbers), "
            f"found {' and '.join(given) or 'none'}"
        )
    for key in ("agents", "obs_dim", *given):
        value = getattr(task, key)
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise Refusal(f"{key} is {value!r}: expected a whole number of at least 1")
    counts = {"agent_names": task.agents, "action_names": getattr(task, given[0]), "metrics": None}
    for key, count in counts.items():
        words = getattr(task, key, ())
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise Refusal(f"{key} is {words!r}: expected a tuple of strings")
        if words and count not in (None, len(words)):
            raise Refusal(f"{key} has {len(words)} names for {count}")
    check_metric_names(getattr(task, "metrics", ()))
    if getattr(task, "metrics", ()) and not method_of_metrics(task):
        raise Refusal(f"metrics are {task.metrics}, but there is no metric_values(), which returns their numbers")
    for note in getattr(task, "notes", ()):
        report.note(note)
    spec_of(task)
    numbers = ", ".join(f"{key} {getattr(task, key)}" for key in ("agents", "obs_dim", *given))
    report.ok(f"{a(task)[2:].removeprefix('__main__.')}: {numbers}")


# What a task's step returns.
STEP_OF_A_TASK = ("obs", "rewards", "terminated", "truncated")


class Play:
    """A task that is played, and whose every answer is looked at; what does not fit is refused."""

    # The one that began an episode last.
    latest: Play | None = None

    def __init__(self, task: Any) -> None:
        self.task = task
        self.seed = self.steps = 0

    def reset(self, seed: int) -> dict[str, np.ndarray]:
        """Begins an episode; returns what is known then, by name."""
        self.seed, self.steps = seed, 0
        Play.latest = self
        begins(b"r")
        return self._known(self.task.reset(seed))

    def step(self, random: np.random.Generator) -> tuple[dict[str, np.ndarray], bool]:
        """A step with random available actions; returns what is known then, and whether it was the last."""
        self.steps += 1
        begins(b"w")
        returned = self.task.step(self._actions(random))
        expect("step", STEP_OF_A_TASK, returned)
        observations, rewards, *ends = returned
        ends = [self._told(truth, key, end) for key, end in zip(("terminated", "truncated"), ends)]
        known = self._known(observations)
        known["rewards"] = self._finite("rewards", self._told(rewards_of, rewards, self.task.agents))
        known["ends"] = np.array(ends)
        if any(ends):
            known |= self.metrics()
        return known, any(ends)

    def metrics(self) -> dict[str, np.ndarray]:
        """The metrics of an episode that ends here, as training asks for them."""
        names = list(getattr(self.task, "metrics", ()))
        return {f"{method_of_metrics(self.task)}()": self._told(metrics_of, self.task, names)} if names else {}

    def _known(self, observations: Any) -> dict[str, np.ndarray]:
        """What can be asked of a task after a reset or a step."""
        task = self.task
        seen = self._told(numbers_of, "observations", observations, (task.agents, task.obs_dim))
        known = {"observations": self._finite("observations", seen)}
        if hasattr(task, "available"):
            table = self._flags("available()", task.available(), (task.agents, task.actions))
            for agent in np.flatnonzero(~table.any(axis=1)):
                self._refuse(f"agent {agent} has no available action: each needs one, an inactive one too")
            known["available()"] = table
        if hasattr(task, "active"):
            known["active()"] = self._flags("active()", task.active(), (task.agents,))
        if hasattr(task, "departed"):
            known["departed()"] = self._flags("departed()", task.departed(), (task.agents,))
        if hasattr(task, "draw") and not {"size", "agents"} <= task.draw().keys():
            self._refuse("draw() must return a dict with at least size and agents")
        return known

    def _actions(self, random: np.random.Generator) -> np.ndarray:
        """An available action for each agent, or numbers about 0."""
        task = self.task
        if not hasattr(task, "actions"):
            return random.normal(size=(task.agents, task.action_dim)).astype(np.float32)
        if not hasattr(task, "available"):
            return random.integers(task.actions, size=task.agents)
        table = self._flags("available()", task.available(), (task.agents, task.actions))
        return np.array([random.choice(np.flatnonzero(row)) for row in table])

    def _finite(self, what: str, array: np.ndarray) -> np.ndarray:
        """Numbers that are finite with 32 bits, too."""
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float32)
        if not np.isfinite(numbers).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
            self._refuse(f"{what} have {numbers[at]} at {at}: expected finite numbers of 32 bits")
        return numbers

    def _flags(self, what: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Truth values of a shape."""
        return self._told(flags_of, what, value, shape).copy()

    def _told(self, rule: Any, *given: Any) -> Any:
        """What a rule makes of an answer; where it refuses it, with the place."""
        try:
            return rule(*given)
        except Refusal as refusal:
            self._refuse(str(refusal))

    def _refuse(self, text: str) -> None:
        raise Refusal(f"{text} ({self.place()})")

    def place(self) -> str:
        """How far the play is."""
        return f"step {self.steps} after reset({self.seed})"

    def moment(self) -> str:
        """What is being done."""
        return self.place() if self.steps else f"reset({self.seed})"


class Seen:
    """What the agents of a task have seen: of each number of the observation the least and the most."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.least, self.most = np.full(task.obs_dim, np.inf), np.full(task.obs_dim, -np.inf)
        self.active = np.zeros(task.agents, dtype=bool)

    def look(self, known: dict[str, np.ndarray]) -> None:
        """Adds what the active agents see now."""
        active = known.get("active()", np.ones(self.task.agents, dtype=bool))
        self.active |= active
        if active.any():
            self.least = np.minimum(self.least, known["observations"][active].min(axis=0))
            self.most = np.maximum(self.most, known["observations"][active].max(axis=0))

    def tell(self, steps: int, report: Report) -> None:
        """Notes what never varied, and who was never there."""
        names = getattr(self.task, "agent_names", ()) or [str(agent) for agent in range(self.task.agents)]
        never = [names[agent] for agent in np.flatnonzero(~self.active)]
        if never:
            report.note(f"never active in {steps} steps: {few('agent', never)}; nothing is learned for them")
        same = np.flatnonzero(self.least == self.most)
        if same.size:
            places = few("number", [f"{place} (always {self.least[place]:g})" for place in same])
            report.note(
                f"observations have {same.size} of {self.task.obs_dim} numbers that never varied, for any agent, in {steps} "
                f"steps with random actions: {places}. Nothing can be learned from those: leave them out, or look at how "
                "they are made"
            )


def few(kind: str, words: list[str]) -> str:
    """The first of some things, and how many more there are."""
    more = f" and {len(words) - 5} more" if len(words) > 5 else ""
    return f"{kind}{'s' if len(words) > 1 else ''} {', '.join(words[:5])}{more}"


def check_episodes(play: Play, report: Report) -> None:
    """Some hundred steps, and on to the end of an episode."""
    random = np.random.default_rng(0)
    seen = Seen(play.task)
    seen.look(play.reset(0))
    ends = steps = 0
    step_times, reset_times = [], []
    while steps < 300 or (not ends and steps < 10_000):
        start = time.perf_counter()
        known, over = play.step(random)
        step_times.append(time.perf_counter() - start)
        seen.look(known)
        steps += 1
        if over:
            ends += 1
            start = time.perf_counter()
            known = play.reset(ends)
            reset_times.append(time.perf_counter() - start)
            seen.look(known)
    report.ok(f"{steps} steps with random actions: shapes, types, finite numbers, available actions")
    if ends:
        report.ok(f"episodes end: {ends} did; a reset takes {1e3 * np.median(reset_times):.3f} ms")
    else:
        report.note(f"no episode ended within {steps} steps: set env.episode_limit, which truncates them")
        play.metrics()  # Which it then asks for after any step.
    middle, most = 1e3 * np.median(step_times), 1e3 * max(step_times)
    report.ok(f"a step takes {middle:.3f} ms, {most:.3f} ms at the most")
    seen.tell(steps, report)
    if isinstance(play.task, PettingZoo):
        for note in play.task.notes_of_play():
            report.note(note)
    for note in warnings().values():
        report.note(note)


def record(play: Play, seed: int) -> list[dict[str, np.ndarray]]:
    """What 200 steps show; actions are the same each time."""
    random = np.random.default_rng(1)
    shown = [play.reset(seed)]
    for step in range(200):
        known, over = play.step(random)
        shown.append(known)
        if over:
            shown.append(play.reset(seed + step))
    return shown


def difference(one: list[dict[str, np.ndarray]], other: list[dict[str, np.ndarray]]) -> str | None:
    """Where two records differ first, byte by byte."""
    for place, (left, right) in enumerate(zip(one, other)):
        for key in left:
            if key not in right or left[key].tobytes() != right[key].tobytes():
                return f"{key} after the first reset" if place == 0 else f"{key} {place} answers later"
    return None


def check_repeats(play: Play, twin: Play, report: Report) -> None:
    """The same seed and actions must give the same bytes, in one object and in another."""
    first = record(play, 7)
    for other, words in ((play, "played again in the same object"), (twin, "played in a second object")):
        found = difference(first, record(other, 7))
        if found:
            report.wrong(
                f"the same seed and actions, {words}, differ in {found}: draw every random number from "
                "a generator that reset(seed) makes (np.random.default_rng(seed)), and begin anew"
            )
        else:
            report.ok(f"the same seed and actions, {words}, give the same bytes")
    if difference(first, record(play, 8)) is None:
        report.note("seeds 7 and 8 give the same episodes: nothing random comes from the seed")


def held() -> dict[str, float]:
    """What this process holds, as Linux tells it."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    threads = os.listdir("/proc/self/task")
    children = 0
    for thread in threads:
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            children += len(file.read().split())
    files = len(os.listdir("/proc/self/fd"))
    return {
        "MiB of memory": resident / 2**20,
        "open files": files,
        "threads": len(threads),
        "processes": children,
    }


def check_leaks(play: Play, resets: int, report: Report) -> None:
    """What is held after all resets must be about what was held after a third of them."""
    if not os.path.exists("/proc/self/statm"):
        report.note("leaks are looked for on Linux only")
        return
    random = np.random.default_rng(2)
    early = held()
    for done in range(1, resets + 1):
        play.reset(done)
        play.step(random)
        if done == max(resets // 3, 1):
            early = held()
    late = held()
    remedies = {
        "MiB of memory": "something is kept of each episode",
        "open files": "close what an episode opens",
        "threads": "join what an episode starts",
        "processes": "end and wait for what an episode starts",
    }
    allowed = {"MiB of memory": 8, "open files": 3, "threads": 3, "processes": 3}
    grown = {key: late[key] - early[key] for key in late if late[key] - early[key] > allowed[key]}
    for key, growth in grown.items():
        report.wrong(
            f"{growth:.0f} {key} more after {resets} resets than after a third of them: {remedies[key]} "
            f"({early[key]:.0f} grew to {late[key]:.0f})"
        )
    if not grown:
        report.ok(f"{resets} resets leave no memory, open files, threads or processes behind")


# --- The worker: environments of a task, stepped for a parent process -------------------------------------------

MAGIC = b"commbrdg"
VERSION = 2
RUNNING, TERMINATED, TRUNCATED = 0, 1, 2
STEP, RESET = 0, 1


# Bytes of the longest answer; the parent takes no more.
LONGEST = 4 << 20


class Forked(Refusal):
    """The environment has forked, and this is the child."""


def spec_of(task) -> dict:
    """What the parent must know of a task."""
    discrete = hasattr(task, "actions")
    if discrete == hasattr(task, "action_dim"):
        raise Refusal("a task has either `actions`, how many there are, or `action_dim`, how many numbers one has")
    for key in ("metrics", "agent_names", "action_names", "notes"):
        for word in getattr(task, key, ()):
            try:
                str(word).encode()
            except UnicodeEncodeError as error:
                raise Refusal(
                    f"{key} has {str(word)!a}, which is no text: {error.object[error.start]!a} is half of a letter "
                    "(a lone surrogate), as it comes of decoding with errors='surrogateescape'"
                ) from error
    return {
        "agents": int(task.agents),
        "obs_dim": int(task.obs_dim),
        "discrete": discrete,
        "actions": int(task.actions if discrete else task.action_dim),
        "masked": hasattr(task, "available"),
        "leaves": hasattr(task, "departed") or bool(getattr(task, "leaves", False)),
        "metrics": [str(name) for name in getattr(task, "metrics", ())],
        "agent_names": [str(name) for name in getattr(task, "agent_names", ())],
        "action_names": [str(name) for name in getattr(task, "action_names", ())],
        "notes": [str(note) for note in getattr(task, "notes", ())],
    }


def method_of_metrics(task: Any) -> str | None:
    """What a task calls the method that returns the numbers of its metrics."""
    return next((name for name in ("metric_values", "figures") if hasattr(task, name)), None)


def metric_values(task: Any) -> Any:
    """The numbers of the episode so far, as the task gives them."""
    return getattr(task, method_of_metrics(task) or "metric_values")()


def metrics_of(task: Any, metrics: list[str]) -> np.ndarray:
    """The metrics of an episode that has ended: finite numbers, so that there is a mean of them."""
    given, method = metric_values(task), method_of_metrics(task)
    try:
        given_values = np.asarray(given)
    except ValueError as error:
        raise Refusal(f"{method}() returned {given!r}: expected a number for each of {metrics}") from error
    if given_values.dtype.kind not in NUMBERS:
        raise Refusal(f"{method}() returned {given!r}: expected a number for each of {metrics}")
    with np.errstate(over="ignore"):
        values = given_values.astype(np.float32)
    if values.shape != (len(metrics),):
        raise Refusal(f"{method}() returned {given!r}: expected {len(metrics)} numbers, for {metrics}")
    for name, value in zip(metrics, values):
        if not np.isfinite(value):
            raise Refusal(
                f"{method}() returned {value} for the metric {name!r} of an episode: expected a finite number for every "
                "episode, since their mean is taken; where an episode has none, return 0 and count those that have one "
                "in a metric of their own"
            )
    return values


class Memory:
    """The memory shared with the parent: a header, then arrays at multiples of 64 bytes.

    The header is 64 bytes, little-endian: magic, version, bytes in all, then C environments, N agents, O numbers of
    observation, A actions (or numbers of one), M metrics, and whether actions are discrete and masked.
    The parent lays it out (`layout.rs`); a difference between the two ends here.
    """

    HEADER = struct.Struct("<8sIQIIIIIBB")

    def __init__(self, file: int, spec: dict):
        self.map = mmap.mmap(file, 0)
        os.close(file)
        magic, version, size, *sizes, discrete, masked = self.HEADER.unpack_from(self.map)
        expected = [spec["agents"], spec["obs_dim"], spec["actions"], len(spec["metrics"])]
        if (magic, version) != (MAGIC, VERSION) or size != len(self.map) or sizes[1:] != expected:
            raise Refusal(f"the shared memory is of another version or task: {version}, {size} bytes, {sizes}")
        num_envs, agents, obs, actions, metrics = sizes
        at = 64

        def array(kind, *shape):
            nonlocal at
            made = np.ndarray(shape, kind, self.map, at)
            at += -(-made.nbytes // 64) * 64
            return made

        self.obs = array(np.float32, num_envs, agents, obs)
        self.last_obs = array(np.float32, num_envs, agents, obs)
        self.actions = array(np.int64, num_envs, agents) if discrete else array(np.float32, num_envs, agents, actions)
        self.rewards = array(np.float32, num_envs, agents)
        self.metrics = array(np.float32, num_envs, metrics)
        self.seeds = array(np.int64, num_envs)
        self.available = array(np.bool_, num_envs, agents, actions if masked else 0)
        self.active = array(np.bool_, num_envs, agents)
        self.last_active = array(np.bool_, num_envs, agents)
        self.departed = array(np.bool_, num_envs, agents)
        self.last_departed = array(np.bool_, num_envs, agents)
        self.commands = array(np.uint8, num_envs)
        self.status = array(np.uint8, num_envs)
        if at != size:
            raise Refusal(f"the shared memory has {size} bytes, but its arrays take {at}")


def json_of(answer: dict) -> str:
    """An answer as JSON. Halves of letters, which are no text, become question marks."""
    return json.dumps(answer, ensure_ascii=False).encode(errors="replace").decode()


class Worker:
    """Answers the parent: `open`, `go` and `draw`, a line each, with a number that the answer repeats."""

    def __init__(self, make_task, control: socket.socket):
        self.make_task = make_task
        self.control = control
        self.process = os.getpid()
        self.number = 0
        self.files: list[int] = []
        self.memory, self.limit, self.doing = None, 0, "its beginning"
        self.steps: list[int] = []
        self.pictures: dict = {}

    def prepare(self) -> None:
        """Makes the first environment."""
        self.tasks = [self.make_task()]
        self.spec = spec_of(self.tasks[0])
        self.shape = (self.spec["agents"], self.spec["obs_dim"])
        self.has_active, self.has_departed = (hasattr(self.tasks[0], name) for name in ("active", "departed"))

    def serve(self) -> None:
        self.prepare()
        self.answer(self.spec)
        for line in self.requests():
            verb, number, *words = line.decode().split()
            self.number = int(number)
            if verb == "go":
                self.go(int(words[0]), int(words[1]))
                self.say(f"done {json_of(warnings())}" if WARNINGS else "done")
            elif verb == "open":
                self.open(int(words[0]), int(words[1]), self.files.pop())
                self.answer(None)
            elif verb == "draw":
                self.answer(self.draw(int(words[0])))
        for task in self.tasks:
            if hasattr(task, "close"):
                task.close()

    def requests(self):
        """Lines, until the parent hangs up. A file that comes with one is kept."""
        rest, flags = b"", getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        while True:
            part, files, _, _ = socket.recv_fds(self.control, 4096, 1, flags)
            if not part:
                return
            self.files += files
            *lines, rest = (rest + part).split(b"\n")
            yield from lines

    def alone(self) -> None:
        """Ends a child of this process that has come back from the environment like its parent."""
        if os.getpid() != self.process:
            raise Forked(
                "the environment has forked, and both processes returned from it: a child process must end by itself, "
                "such as by os._exit, and never return to its caller"
            )

    def answer(self, what) -> None:
        self.say(json_of({"ok": what}))

    def say(self, text: str) -> None:
        self.alone()
        line = f"{self.number} {text}\n".encode()
        if len(line) >= LONGEST:
            raise Refusal(f"the answer takes {len(line)} bytes, but must take less than {LONGEST}")
        self.control.sendall(line)

    def open(self, num_envs: int, limit: int, file: int) -> None:
        self.doing = "making its environments"
        self.memory, self.limit = Memory(file, self.spec), limit
        while len(self.tasks) < num_envs:
            task = self.make_task()
            if spec_of(task) != self.spec:
                raise Refusal(f"its environments differ: {spec_of(task)} after {self.spec}")
            self.tasks.append(task)
        self.steps, self.pictures = [0] * num_envs, {}

    def go(self, first: int, last: int) -> None:
        memory, commands = self.memory, self.memory.commands[first:last].tolist()
        for env, command in zip(range(first, last), commands):
            if command == RESET:
                self.reset(env)
                continue
            task = self.tasks[env]
            self.doing = ("step", env)
            self.steps[env] += 1
            returned = task.step(memory.actions[env])
            self.alone()
            expect("step", STEP_OF_A_TASK, returned)
            obs, rewards, terminated, truncated = returned
            memory.rewards[env] = rewards if type(rewards) is float else rewards_of(rewards, self.shape[0])
            if type(terminated) is not bool or type(truncated) is not bool:
                terminated, truncated = truth("terminated", terminated), truth("truncated", truncated)
            if terminated or truncated or self.steps[env] == self.limit:
                self.end(env, obs, TERMINATED if terminated else TRUNCATED)
            else:
                self.write(env, obs, memory.obs, memory.active, memory.departed)
                memory.status[env] = RUNNING

    def end(self, env: int, obs, status: int) -> None:
        """Keeps how an episode ended, and begins the next one: the parent will ask for it."""
        memory, task = self.memory, self.tasks[env]
        self.write(env, obs, memory.last_obs, memory.last_active, memory.last_departed)
        memory.status[env] = status
        if self.spec["metrics"]:
            memory.metrics[env] = metrics_of(task, self.spec["metrics"])
        if env in self.pictures:
            self.pictures[env] = task.draw()
        self.reset(env)

    def reset(self, env: int) -> None:
        self.doing = ("reset", env)
        obs = self.tasks[env].reset(int(self.memory.seeds[env]))
        self.alone()
        self.steps[env] = 0
        self.write(env, obs, self.memory.obs, self.memory.active, self.memory.departed)

    def write(self, env: int, obs, to_obs, to_active, to_departed) -> None:
        # A number that is too large becomes infinite, which the program finds.
        to_obs[env] = numbers_of("observations", obs, self.shape)
        task, agents = self.tasks[env], self.shape[:1]
        to_active[env] = flags_of("active()", task.active(), agents) if self.has_active else True
        if self.has_departed:
            to_departed[env] = flags_of("departed()", task.departed(), agents)
        elif self.spec["leaves"]:
            to_departed[env] = ~to_active[env]
        if self.spec["masked"]:
            self.memory.available[env] = flags_of("available()", task.available(), (agents[0], self.spec["actions"]))

    def draw(self, env: int):
        """The present picture, or the last one of an episode that has just ended; None where there is none."""
        task = self.tasks[env]
        if not hasattr(task, "draw"):
            return None
        ended = self.pictures.get(env)
        self.pictures[env] = None
        return ended or task.draw()

    def where(self) -> str:
        if isinstance(self.doing, str):
            return self.doing
        verb, env = self.doing
        return f"a reset of its environment {env}" if verb == "reset" else f"step {self.steps[env]} of its environment {env}"


def work(name: str, options: dict) -> None:
    """Serves the parent on descriptor 0 until it is gone."""
    control = socket.socket(fileno=os.dup(0))
    faulthandler.register(signal.SIGUSR1, chain=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worker = Worker(lambda: make(name, options), control)
    try:
        worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        pass
    except BaseException as error:
        if os.getpid() != worker.process and not isinstance(error, Forked):
            raise  # A child of the environment's own, which ends as it would elsewhere.
        told = str(error) if isinstance(error, Refusal) else traceback.format_exc()
        # The end is what matters, and what is not text arrives as well.
        told = told.strip()[-(LONGEST >> 8) :].encode(errors="backslashreplace").decode()
        refusal = json_of({"error": told, "where": worker.where()})
        control.sendall(f"{worker.number} {refusal}\n".encode())


def main(arguments: list[str]) -> int:
    verb, name, options = arguments[:3]
    if verb == "check":
        if stat.S_ISSOCK(os.fstat(0).st_mode):
            WATCHED.append(os.dup(0))
        faulthandler.register(signal.SIGUSR1, chain=False)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        return check(name, options_of(options), int(arguments[3]))
    work(name, options_of(options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
