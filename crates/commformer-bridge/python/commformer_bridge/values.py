"""What an environment answers, as numbers and truth values. Check and training ask the same of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .refusal import Refusal, a

# Kinds of NumPy's types that are numbers. Others it converts where it can: text, complex numbers, None.
NUMBERS = "fiub"
# What a task's step returns.
STEP_OF_A_TASK = ("obs", "rewards", "terminated", "truncated")


def expect(verb: str, expected: tuple[str, ...], returned: Any) -> None:
    """Refuses an answer of another number of values."""
    found = len(returned) if isinstance(returned, (tuple, list)) else None
    if found != len(expected):
        what = a(returned) if found is None else f"{found} values"
        others = {4: ", as the old gym's does", 5: ", as gymnasium's does"}
        hint = others.get(found or 0, "") if verb == "step" else ""
        raise Refusal(f"{verb} returned {what}{hint}: expected {len(expected)}, ({', '.join(expected)})")


def array_of(what: str, value: Any) -> np.ndarray:
    """A value as an array; what is none is refused."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        infos = "; return the array alone, without infos" if isinstance(value, tuple) and isinstance(value[-1], dict) else ""
        raise Refusal(f"{what} cannot be made an array of NumPy: {error}{infos}") from error
    refuse_masked(what, value)
    return array


def refuse_masked(what: str, value: Any) -> None:
    """Refuses an array of NumPy's in which entries are masked: what is behind them would be read."""
    if hasattr(value, "filled") and np.any(getattr(value, "mask", False)):
        came = f"{what} came as an array with masked entries".lstrip()
        raise Refusal(f"{came}: expected one without; say what is to be read there, such as by filled(0)")


def put(to: np.ndarray, at: Any, numbers: Any) -> None:
    """Writes numbers to where they are of 32 bits. What is too large becomes infinite and what is too small 0, whatever
    the environment has told NumPy or Python to do about that: it is no mistake of its own.
    """
    try:
        to[at] = numbers
    except (FloatingPointError, RuntimeWarning):
        with np.errstate(all="ignore"):
            to[at] = numbers


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
