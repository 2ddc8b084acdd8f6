"""What a check tells the program of its progress."""

from __future__ import annotations

import os

# Where a check tells the program that it has begun something: the descriptor, if there is one.
WATCHED: list[int] = []


def begins(what: bytes) -> None:
    """Something begins that the program waits for as in training: `s`, making the environment; `r`, a reset; `w`, a step;
    `c`, closing it. Last comes the verdict: `o`, nothing is wrong, or `x`. An end without it is no verdict.
    """
    for descriptor in WATCHED:
        os.write(descriptor, what)
