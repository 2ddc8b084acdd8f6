"""The task that the settings `env.make` and `env.options` mean."""

from __future__ import annotations

import datetime
import json
from typing import Any

from .football import Football
from .loading import call
from .pettingzoo import PettingZoo, advice, is_parallel
from .refusal import Refusal, a
from .smac import Smac


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
        if ":" in rest:
            raise Refusal(
                f"env.make = {name!r}: expected a module after pettingzoo:, whose parallel_env is called; for a function of "
                f"your own write {rest}, also if it returns an environment of PettingZoo's"
            )
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


class Apart:
    """Tasks that are stepped in turns, each with its own state."""

    def __init__(self) -> None:
        self.known: list[Any] = []
        self.numbers: set[int] = set()

    def add(self, task: Any) -> None:
        """Refuses what is, or wraps, an object that another of them is or wraps."""
        env = task.env if isinstance(task, PettingZoo) else None
        held = [thing for thing in (task, env, getattr(env, "unwrapped", None)) if thing is not None]
        if any(id(thing) in self.numbers for thing in held):
            raise Refusal(
                f"env.make returned the same object twice, {a(task if env is None else env)}: expected a new one at each "
                "call, since several are stepped in turns; make it in the function, not once in a variable of the "
                "module or under a cache"
            )
        self.known += held  # While they are kept, no other object gets their numbers.
        self.numbers.update(map(id, held))


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
