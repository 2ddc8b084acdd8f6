"""What a check prints."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from typing import Any


class Unbroken(io.FileIO):
    """An output that is written on when nobody reads it any more, as in `check ... | head -1`: the rest goes nowhere."""

    def write(self, data: Any) -> int:
        """Takes all of it where the pipe is closed."""
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


def unbroken(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """A standard stream whose writers, the environment too, never learn that nobody reads it."""
    raw = Unbroken(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=stream.line_buffering
    )


def few(kind: str, words: list[str]) -> str:
    """The first of some things, and how many more there are."""
    more = f" and {len(words) - 5} more" if len(words) > 5 else ""
    return f"{kind}{'s' if len(words) > 1 else ''} {', '.join(words[:5])}{more}"


class Report:
    """What a check says, a line at a time, and whether anything was wrong."""

    def __init__(self) -> None:
        self.wrong_lines = 0
        # The stream as it is now: an environment may put another in its place.
        self.stream = sys.stdout

    def say(self, text: str) -> None:
        """Prints a line without control characters, which an environment's words may hold: they are written out."""
        shown = (c if c in "\n\t" or unicodedata.category(c) != "Cc" else f"\\u{ord(c):04x}" for c in text)
        print("".join(shown), file=self.stream, flush=True)

    def ok(self, text: str) -> None:
        """Something that is as it must be."""
        self.say(f"ok    {text}")

    def note(self, text: str) -> None:
        """Something to know."""
        self.say(f"note  {text}")

    def wrong(self, text: str) -> None:
        """Something to set right."""
        self.wrong_lines += 1
        self.say(f"WRONG {text}")
