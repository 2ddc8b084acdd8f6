"""Spaces of observations and actions, and their elements as numbers.

They are told apart by their attributes, so that neither gymnasium nor its predecessor is needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .refusal import Refusal
from .values import NUMBERS, refuse_masked


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


def flatten(space: Any, value: Any, beside: int = 0) -> np.ndarray:
    """An element of a space as numbers: arrays row by row, choices one-hot, parts one after another. So many parts
    `beside` those of the space, which it names, are left out.
    """
    inner = parts(space)
    if inner is not None:
        if len(value) != len(inner) + beside:
            _refuse_more(space, inner, value)
        return np.concatenate([np.zeros(0), *(flatten(part, value[key]) for key, part in inner.items())])
    if hasattr(space, "nvec"):
        return one_hot(space, np.ravel(space.nvec), value)
    if is_discrete(space):
        return one_hot(space, np.array([space.n]), value)
    return element(space, value, tuple(space.shape)).astype(np.float64).ravel()


def _refuse_more(space: Any, inner: dict[Any, Any], value: Any) -> None:
    """Refuses parts that the space has not; what is missing is found elsewhere."""
    beside = getattr(space, "beside", ())
    more = [key for key in (value if hasattr(value, "keys") else range(len(value))) if key not in inner and key not in beside]
    if more:
        raise Refusal(
            f"has {', '.join(map(repr, more))}, which its space has not, whose parts are {', '.join(map(repr, inner))}: add "
            "them to the space, or leave them out of the observation"
        )


def element(space: Any, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An element of a space of numbers as an array; of one number the shape may be any."""
    array = np.asarray(value)
    if type(value) is not np.ndarray:
        refuse_masked("", value)
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
