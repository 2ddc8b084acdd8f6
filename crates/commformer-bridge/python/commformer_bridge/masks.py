"""Masks of actions: what they are called, and what they say."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from .refusal import Refusal
from .values import NUMBERS, array_of

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
CONTRARY = re.compile(
    r"(in|un)(valid|avail|allowed|feasible|admissible|permitted)|illegal|impossible|forbidden|disallowed"
    r"|(not|(^|_)non?)_?(legal|valid|avail|allowed|feasible|admissible|permitted|possible)"
    r"|(?<!un)(masked|blocked|banned|disabled|excluded|prohibited)|mask_?out"
)
# What may be a mask, but may also list actions, say the contrary, or tell of the last action: it is not read, and noted.
LIKE_MASK = re.compile(
    r"(possible|feasible|admissible|permitted|blocked|banned|disabled|excluded|prohibited)\w*(action|move)"
    r"|(action|move)\w*(avail|legal|valid|allowed|possible|feasible|admissible|permitted)"
)
# What a mask that is added to scores has where an action is forbidden, at most.
FORBIDDEN = -1e4


@functools.lru_cache(maxsize=1024)
def mask_name(key: Any) -> str:
    """Whether a name is one of a mask of actions: `sure`, `plain`, or not, ``."""
    if not isinstance(key, str):
        return ""
    return "sure" if MASK.search(key.lower()) else "plain" if PLAIN_MASK.search(key.lower()) else ""


@functools.lru_cache(maxsize=1024)
def like_mask_name(key: Any) -> bool:
    """Whether a name that is none of a mask of actions could be meant as one."""
    return isinstance(key, str) and bool(LIKE_MASK.search(key.lower()))


def array_size(value: Any) -> int:
    """How many numbers an array has; 0 for what is none. Single numbers count something, or tell of the last action."""
    try:
        # Not np.size, which returns the method that tensors of PyTorch have by this name.
        shape = np.shape(value)
        return math.prod(shape) if shape else 0
    except (TypeError, ValueError):
        return 0


def is_unordered(value: Any) -> bool:
    """Whether a value is a set or a dictionary, and not empty: what is in it may be actions, by their numbers."""
    return isinstance(value, (Set, Mapping)) and len(value) > 0


def may_list(key: str, value: Any, count: int) -> bool:
    """Whether a value may also list available actions by their numbers, as OpenSpiel's legal_actions do: 0, 1 of two."""
    if count != 2 or array_size(value) != 2 or "mask" in key.lower():
        return False
    array = np.asarray(value)
    return array.dtype.kind in "iu" and sorted(array.ravel().tolist()) == [0, 1]


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
        mask = value if type(value) is np.ndarray else array_of(of, value)
        if mask.shape != (count,):
            if is_unordered(value):
                raise Refusal(
                    f"{of} is {value!r}: expected one truth value for each of its {count} actions, in their order, such as "
                    f"{[action % 2 == 0 for action in range(count)]}"
                )
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
