"""What the program must know of a task. Check and training hold its description to the same rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from .metrics import check_metric_names, method_of_metrics
from .refusal import Refusal


def spec_of(task: Any, states: bool = False) -> dict[str, Any]:
    """What the program must know of a task, with its global `states` or without; a description that does not hold is
    refused.
    """
    kinds = [key for key in ("actions", "action_dim") if hasattr(task, key)]
    if len(kinds) != 1:
        raise Refusal(
            "expected one of actions (how many choices) and action_dim (how many real numbers), "
            f"found {' and '.join(kinds) or 'none'}"
        )
    agents, obs_dim, actions = (_size(task, key) for key in ("agents", "obs_dim", *kinds))
    counts = {"metrics": None, "agent_names": agents, "action_names": actions, "notes": None}
    words = {key: _words(task, key, count) for key, count in counts.items()}
    check_metric_names(words["metrics"])
    if words["metrics"] and not method_of_metrics(task):
        raise Refusal(f"metrics are {words['metrics']}, but there is no metric_values(), which returns their numbers")
    if hasattr(task, "available") and kinds == ["action_dim"]:
        raise Refusal("available() is there, but actions are real numbers (action_dim): only choices can be unavailable")
    leaves = getattr(task, "leaves", False)
    if not isinstance(leaves, (bool, np.bool_)):
        raise Refusal(
            f"leaves is {leaves!r}: expected True, if every agent that is not active has left, or False; departed() says it of "
            "each agent"
        )
    return {
        "agents": agents,
        "obs_dim": obs_dim,
        "discrete": kinds == ["actions"],
        "actions": actions,
        "masked": hasattr(task, "available"),
        "state_dim": _state_dim(task) if states else 0,
        "leaves": hasattr(task, "departed") or bool(leaves),
        **words,
    }


def gives_state(task: Any) -> bool:
    """Whether a task has a global state to show."""
    return hasattr(task, "state_dim")


def _state_dim(task: Any) -> int:
    """How many numbers the global state has."""
    if not gives_state(task):
        raise Refusal(
            "env.global_state is true, but the environment gives none: expected state_dim and state(), or in PettingZoo's "
            "API state_space and state()"
        )
    size = _size(task, "state_dim")
    if not callable(getattr(task, "state", None)):
        raise Refusal(f"state_dim is {size}, but there is no state(), which returns these numbers")
    return size


def _size(task: Any, key: str) -> int:
    """One of a task's sizes."""
    value = getattr(task, key)
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise Refusal(f"{key} is {value!r}: expected a whole number of at least 1")
    return int(value)


def _words(task: Any, key: str, count: int | None) -> list[str]:
    """Names, of which there are so many or none, or notes."""
    given = getattr(task, key, ())
    # A set has another order than its author wrote.
    words = list(given) if isinstance(given, (tuple, list)) else [None]
    if not all(isinstance(word, str) for word in words):
        raise Refusal(f"{key} is {given!r}: expected a tuple of strings")
    if words and count not in (None, len(words)):
        raise Refusal(f"{key} has {len(words)} names for {count}")
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise Refusal(
                f"{key} has {word!a}, which is no text: {error.object[error.start]!a} is half of a letter "
                "(a lone surrogate), as it comes of decoding with errors='surrogateescape'"
            ) from error
    return words
