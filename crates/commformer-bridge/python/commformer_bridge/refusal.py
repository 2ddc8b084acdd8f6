"""What is told to the user who can set it right."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Something the user can set right. The text says what was expected, what was found and what to do."""


def a(thing: Any) -> str:
    """What a value is, for a message."""
    return "None" if thing is None else f"a {type(thing).__module__}.{type(thing).__qualname__}"
