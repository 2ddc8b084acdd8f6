"""What an environment with PettingZoo's API has beside it: members of a task, and methods that are called like masks."""

from __future__ import annotations

import inspect
from typing import Any

from .masks import mask_name
from .refusal import Refusal, a
from .warned import warn

# Members of a task that PettingZoo's API has its own way to say.
INSTEAD = {
    "available": 'give each agent its mask as "action_mask" in its info or its observation',
    "active": "whoever is in env.agents is active",
    "departed": "whoever terminates or is truncated has left",
    "leaves": "whoever terminates or is truncated has left",
}


def pass_on(env: Any, task: Any) -> None:
    """Gives a task its environment's metrics, names of actions and pictures, and refuses what would not be asked for."""
    for name, instead in INSTEAD.items():
        member = getattr(env, name, None)
        if member is True if name == "leaves" else asks_nothing(member):
            raise Refusal(
                f"the environment has PettingZoo's API and {name}, which is not used with it: {instead}, and leave {name} out"
            )
    if hasattr(env, "metrics") and asks_nothing(getattr(env, "metric_values", None)):
        task.metrics, task.metric_values = env.metrics, env.metric_values
    names = getattr(env, "action_names", ())
    count = getattr(task, "actions", None) or task.action_dim
    if isinstance(names, (tuple, list)) and len(names) in (0, count) and all(isinstance(name, str) for name in names):
        task.action_names = names
    else:
        task.notes.append(f"action_names are not used: expected a tuple of {count} strings")
    if asks_nothing(getattr(env, "draw", None)):
        task.draw = Drawing(env)


def asks_nothing(member: Any) -> bool:
    """Whether this can be called without arguments, as the members of a task are."""
    if not callable(member):
        return False
    try:
        inspect.signature(member).bind()
    except (TypeError, ValueError):
        return False
    return True


class Drawing:
    """The pictures of an environment's `draw()`. Many draw on a screen of their own by a method of this name: one that
    returns no picture at first is not asked again, and agents are drawn on a ring, or as `instead` has it.
    """

    NOTHING = {"size": [0, 0], "agents": []}

    def __init__(self, env: Any, instead: Any = None) -> None:
        self.env, self.instead = env, instead
        self.draws: bool | None = None

    def __call__(self) -> Any:
        if self.draws is False:
            return self.instead() if self.instead else self.NOTHING
        try:
            picture = self.env.draw()
        except Exception as error:
            if self.draws:
                raise
            found = f"raised {type(error).__name__}: {error}"
        else:
            if self.draws or isinstance(picture, dict):
                self.draws = True
                return picture
            found = f"returned {a(picture)}"
        self.draws = False
        if self.instead:
            return self.instead()
        warn("draw", f"draw() {found}, so that agents are drawn on a ring: expected a picture, a dictionary with size and agents")
        return self.NOTHING


def like_masks(env: Any) -> list[str]:
    """Methods whose names are those of masks of actions."""
    found = set()
    for holder in (env, getattr(env, "unwrapped", env)):
        for name in dir(holder):
            # A property is not asked for its value: it may take long, or fail.
            method = getattr(type(holder), name, None) or getattr(holder, "__dict__", {}).get(name)
            if mask_name(name) == "sure" and not name.startswith("_") and "validat" not in name and callable(method):
                found.add(f"{name}()")
    return sorted(found)
