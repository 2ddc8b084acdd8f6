"""What the user is warned of while an environment is stepped."""

from __future__ import annotations

# What the program is to tell the user, once in a run, by kind; and of what kinds it was told.
WARNINGS: dict[str, str] = {}
WARNED: set[str] = set()


def warn(kind: str, text: str) -> None:
    """Something that trains, but probably not what is meant."""
    if kind not in WARNED:
        WARNED.add(kind)
        WARNINGS[kind] = text


def warnings() -> dict[str, str]:
    """The warnings since the last time."""
    told = dict(WARNINGS)
    WARNINGS.clear()
    return told
