"""What the program asks for: a check, or a worker."""

from __future__ import annotations

import faulthandler
import os
import signal
import stat
import sys

from .check import check
from .making import options_of
from .progress import WATCHED
from .report import unbroken
from .worker import work


def main(arguments: list[str]) -> int:
    verb, name, options, *more = arguments
    states = "states" in more
    # Python keeps what goes into a pipe until it is much: it would be lost where the process hangs or ends abruptly.
    sys.stdout.reconfigure(line_buffering=True)
    if verb == "check":
        if stat.S_ISSOCK(os.fstat(0).st_mode):
            WATCHED.append(os.dup(0))
        faulthandler.register(signal.SIGUSR1, chain=False)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdout, sys.stderr = unbroken(sys.stdout), unbroken(sys.stderr)
        return check(name, options_of(options), int(more[0]), states)
    work(name, options_of(options), states)
    return 0
