"""Pictures that tasks draw for replays. Check and training hold them to the same rules."""

from __future__ import annotations

import json
from typing import Any

from .answers import LONGEST, json_of
from .refusal import Refusal, a

# What a shape can stand for: `Role` in commformer-env/src/frame.rs.
ROLES = "ground grid wall cliff road dead target enemy shot heal health shield empty good bad note".split()
ROLES_OF_AN_AGENT = ("agent", "sight")
# How many numbers a form has.
FORMS = {"rectangle": 4, "circle": 3, "line": 4}
# Bytes that an answer has beside the picture in it, at most.
BESIDE = 64


def drawn(task: Any) -> str:
    """What a task draws now, as JSON; what no replay can show is refused."""
    given = task.draw()
    if not isinstance(given, dict):
        raise Refusal(f"draw() returned {a(given)}: expected a dictionary with size and agents")
    try:
        text = json_of(given)
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"draw() returned what cannot be sent ({error}): expected finite numbers, text and lists of them"
        ) from error
    picture = json.loads(text)
    size = picture.get("size")
    if not _numbers(size, 2) or not (min(size) > 0 or size == [0, 0]):
        raise Refusal(
            f"draw() has the size {size!r}: expected [width, height], both above 0, or [0, 0] for agents on a ring"
        )
    places = picture.get("agents")
    if not isinstance(places, list) or not all(place is None or _numbers(place, 2) for place in places):
        raise Refusal(f"draw() has the agents {places!r}: expected a list with [x, y] of each, or None for who is not there")
    for key in ("scenery", "shapes"):
        shapes = picture.get(key, [])
        if not isinstance(shapes, list):
            raise Refusal(f"draw() has the {key} {shapes!r}: expected a list of dictionaries")
        for shape in shapes:
            _check_shape(f"draw() has in {key} {shape!r}", shape, task.agents)
    length = len(text.encode())
    if length > LONGEST - BESIDE:
        raise Refusal(f"draw() returned a picture of {length} bytes: expected less than {LONGEST}; draw fewer shapes")
    return text


def _check_shape(found: str, shape: Any, agents: int) -> None:
    """Refuses a shape without a role or a form that is known."""
    if not isinstance(shape, dict):
        raise Refusal(f"{found}: expected a dictionary with a role and a form")
    role = shape.get("role")
    if isinstance(role, dict) and len(role) == 1:
        ((kind, agent),) = role.items()
        known = kind in ROLES_OF_AN_AGENT and type(agent) is int and 0 <= agent < agents
    else:
        known = isinstance(role, str) and role in ROLES
    if not known:
        raise Refusal(
            f"{found}: expected a role, one of {', '.join(ROLES)}, or {{'agent': number}} or {{'sight': number}} with a "
            f"number below {agents}"
        )
    forms = [key for key in (*FORMS, "polygon", "text") if key in shape]
    if len(forms) != 1 or not _is_form(forms[0], shape[forms[0]]):
        raise Refusal(
            f"{found}: expected one form: a rectangle of x, y, width, height, a circle of x, y, radius, a line of x, y, x, "
            "y, a polygon of [x, y] for each corner, or a text of x, y, height and the words"
        )


def _is_form(form: str, value: Any) -> bool:
    if form == "polygon":
        return isinstance(value, list) and all(_numbers(corner, 2) for corner in value)
    if form == "text":
        return isinstance(value, list) and len(value) == 4 and _numbers(value[:3], 3) and isinstance(value[3], str)
    return _numbers(value, FORMS[form])


def _numbers(value: Any, count: int) -> bool:
    """Whether this is a list of so many numbers."""
    return isinstance(value, list) and len(value) == count and all(type(number) in (int, float) for number in value)
