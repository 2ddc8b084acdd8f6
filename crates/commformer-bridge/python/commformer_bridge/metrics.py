"""Metrics of a task: what they may be called, and their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .refusal import Refusal
from .values import numbers_of

# Metrics of the program's own, which no metric may pass for: as in commformer-env/src/metric_names.rs.
RESERVED_METRICS = (
    "return steps episode_steps messages bytes traffic message_rounds open_rate gates_right sources graph_changes "
    "graph_agreement step_count checkpoint trained_steps episodes each_episode seed sampled graph decentralised settings"
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


def method_of_metrics(task: Any) -> str | None:
    """What a task calls the method that returns the numbers of its metrics."""
    return next((name for name in ("metric_values", "figures") if hasattr(task, name)), None)


def metrics_of(task: Any, metrics: list[str]) -> np.ndarray:
    """The metrics of an episode that has ended: finite numbers, so that there is a mean of them."""
    method = method_of_metrics(task) or "metric_values"
    given = getattr(task, method)()
    try:
        numbers = numbers_of("metrics", given, (len(metrics),))
    except Refusal as error:
        raise Refusal(f"{method}() returned {given!r}: expected a number for each of {metrics}") from error
    with np.errstate(all="ignore"):
        values = numbers.astype(np.float32)
    for name, value in zip(metrics, values):
        if not np.isfinite(value):
            raise Refusal(
                f"{method}() returned {value} for the metric {name!r} of an episode: expected a finite number for every "
                "episode, since their mean is taken; where an episode has none, return 0 and count those that have one "
                "in a metric of their own"
            )
    return values
