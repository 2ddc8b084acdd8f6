"""The guard of a worker: its parent, which ends it and whatever it has started when the program is gone, or the worker.

It is a process of its own so that it works whatever the environment does: hold Python's lock, block signals, hang, leave
its group or session. It runs before anything else is imported, so that it forks without threads and takes little memory.
Descriptor 0 is the socket to the program; that it hangs up is how the program's end is known.
"""

import os
import select
import signal
import sys
import time

try:
    import ctypes
except ImportError:  # A Python that was built without it.
    ctypes = None

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Seconds that a worker has to close down by itself, and that what is killed has to end.
TO_CLOSE, TO_END = 2.0, 2.0


def prctl(option: int, value: int) -> None:
    """Where there is none, only what has left its parents is not found."""
    try:
        ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0)))
    except (AttributeError, OSError):
        pass


def guard() -> None:
    """Forks; returns in the worker, and stays behind as its guard, which ends as the worker did."""
    # Descendants whose parents have ended become children of this process, not of the system's first.
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    me = os.getpid()
    worker = os.fork()
    if worker == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != me:
            os._exit(1)
        if sys.platform == "linux":
            # Who signals the own group means it, not the guard.
            os.setpgid(0, 0)
        return
    try:
        status = watch(worker)
    except BaseException:
        status = None
    end_descendants()
    if status is None or not hasattr(os, "WTERMSIG"):
        end_group()
        os._exit(1)
    if os.WIFSIGNALED(status):
        end_like(os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def watch(worker: int) -> "int | None":
    """Waits for the worker's end, and gives its status; None if the program went and the worker did not follow."""
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    told, tell = os.pipe()
    os.set_blocking(told, False)
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGUSR1, lambda *_: ask_where(worker))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    ends = select.poll()
    ends.register(0, 0)  # Only its end is told.
    ends.register(told, select.POLLIN)
    until = None
    while True:
        status = reap(worker)
        left = None if until is None else until - time.monotonic()
        if status is not None or (left is not None and left <= 0):
            return status
        for descriptor, _ in ends.poll(None if left is None else 1000 * left):
            if descriptor == told:
                os.read(told, 4096)
            else:
                ends.unregister(0)
                until = time.monotonic() + TO_CLOSE


def ask_where(worker: int) -> None:
    """Lets the worker say where it is: the program knows the guard's number only."""
    try:
        os.kill(worker, signal.SIGUSR1)
    except OSError:
        pass


def reap(worker: int) -> "int | None":
    """Takes note of children that have ended; the worker's status, if it is one of them."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if child == worker:
            return status
        if child == 0:
            return None


def end_descendants() -> None:
    """Kills all that run below this process. As `kin.rs` does, for when the program cannot."""
    until = time.monotonic() + TO_END
    while time.monotonic() < until:
        found = descendants(os.getpid())
        if not found:
            return
        for process, began in found:
            kill(process, began)
        time.sleep(0.002)
        reap(0)


def running(process: int) -> "tuple[int, str] | None":
    """A process's parent and when it began; None if it does not run."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            state, parent, *fields = file.read().rpartition(b")")[2].decode().split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else (int(parent), fields[17])


def descendants(root: int) -> "list[tuple[int, str]]":
    """All that run below a process, with when they began."""
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    others = {number: found for number in numbers if (found := running(number))}
    known, all_found = {root}, []
    while True:
        below = {number: began for number, (parent, began) in others.items() if parent in known}
        if not below:
            return all_found
        all_found += below.items()
        known |= below.keys()
        others = {number: found for number, found in others.items() if number not in below}


def kill(process: int, began: str) -> None:
    """Kills a process, if the number is still that of the one that was found."""
    try:
        held = os.pidfd_open(process) if hasattr(os, "pidfd_open") else None
    except OSError:
        held = None
    try:
        found = running(process)
        if found is None or found[1] != began:
            return
        if held is None:
            os.kill(process, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(held, signal.SIGKILL)
    except OSError:
        pass
    finally:
        if held is not None:
            os.close(held)


def end_group() -> None:
    """Where there is no /proc: all in this process's group, which it leads; itself, too."""
    if sys.platform != "linux":
        os.killpg(0, signal.SIGKILL)


def end_like(number: int) -> None:
    """Ends by the signal that ended the worker, and leaves no core of its own."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        signal.signal(number, signal.SIG_DFL)
    except OSError:
        pass  # One that cannot be handled.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    time.sleep(1)


if __name__ == "__main__":
    guard()
