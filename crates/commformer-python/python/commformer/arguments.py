"""Arguments as Rust takes them, and what is said of those that it does not take."""

from __future__ import annotations

import json
import operator
from typing import Any

import numpy as np


def whole(name: str, value: Any, lowest: int, highest: int) -> int:
    """A whole number of any type, such as numpy.int64, between bounds."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}), but must be a whole number") from None
    if not lowest <= number <= highest:
        raise ValueError(f"{name} is {number}, but must be {lowest} to {highest}")
    return number


def text(name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}), but must be a string")
    return str(value)


def encoded(settings: dict[str, Any]) -> str:
    """Settings as JSON; one that cannot be is named."""
    for name, value in settings.items():
        try:
            json.dumps(value, default=plain, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise type(error)(
                f"setting {name} is {value!r} ({error}): expected strings, booleans, finite numbers, or lists or "
                "dictionaries of them"
            ) from None
    return json.dumps(settings, default=plain)


def plain(value: Any) -> Any:
    """What NumPy's numbers and arrays, and other things that count as whole numbers, are in JSON."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if hasattr(value, "__index__"):
        return operator.index(value)
    raise TypeError(f"of type {type(value).__name__}")
