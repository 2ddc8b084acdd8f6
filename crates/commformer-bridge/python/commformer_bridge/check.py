"""The check of an environment: it is played, and what is right and wrong with it is printed."""

from __future__ import annotations

import gc
import os
import time
import traceback
from typing import Any

import numpy as np

from .making import make
from .metrics import check_metric_names, method_of_metrics
from .pettingzoo import PettingZoo
from .play import Play, Seen
from .progress import begins
from .refusal import Refusal, a
from .report import Report, say
from .spec import spec_of
from .warned import WARNED, WARNINGS, warnings


def check(name: str, options: dict[str, Any], resets: int = 1000) -> int:
    """Plays an environment, prints what is right and wrong with it, and returns the exit status, 0 or 1."""
    report, process = Report(), os.getpid()
    where = "making the environment"
    WARNED.clear()
    WARNINGS.clear()
    Play.latest = None
    begins(b"s")
    try:
        task = make(name, options)
        begins(b"s")
        twin = make(name, options)
        if isinstance(task, PettingZoo):
            task.found = {}
        check_spec(task, report)
        where = "playing with random actions"
        play = Play(task)
        check_episodes(play, report)
        where = "playing the same actions again"
        check_repeats(play, Play(twin), report)
        where = f"resetting {resets} times"
        check_leaks(play, resets, report)
        where = "closing"
        for made in (task, twin):
            begins(b"c")
            getattr(made, "close", lambda: None)()
        report.ok("closes")
    except Refusal as refusal:
        report.wrong(f"{where}: {refusal}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever the user's code raises is what the user must see
        if os.getpid() != process:
            raise  # A child of the environment's own, which ends as it would elsewhere.
        if isinstance(error, SystemExit):
            place = f" in {Play.latest.moment()}" if Play.latest and where != "closing" else ""
            report.wrong(
                f"{where}, the environment ended the process{place}, by sys.exit({error.code!r}): expected it to return; "
                f"where it fails, raise another exception\n{traceback.format_exc()}"
            )
        else:
            report.wrong(f"{where}, the environment raised:\n{traceback.format_exc()}")
    say(f"{name}: {report.wrong_lines or 'nothing'} wrong")
    begins(b"x" if report.wrong_lines else b"o")
    return int(report.wrong_lines > 0)


def check_spec(task: Any, report: Report) -> None:
    """The attributes that say what a task is. Without them nothing can be played."""
    given = [key for key in ("actions", "action_dim") if hasattr(task, key)]
    if len(given) != 1:
        raise Refusal(
            "expected one of actions (choices) and action_dim (real numbers), "
            f"found {' and '.join(given) or 'none'}"
        )
    for key in ("agents", "obs_dim", *given):
        value = getattr(task, key)
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise Refusal(f"{key} is {value!r}: expected a whole number of at least 1")
    counts = {"agent_names": task.agents, "action_names": getattr(task, given[0]), "metrics": None}
    for key, count in counts.items():
        words = getattr(task, key, ())
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise Refusal(f"{key} is {words!r}: expected a tuple of strings")
        if words and count not in (None, len(words)):
            raise Refusal(f"{key} has {len(words)} names for {count}")
    check_metric_names(getattr(task, "metrics", ()))
    if getattr(task, "metrics", ()) and not method_of_metrics(task):
        raise Refusal(f"metrics are {task.metrics}, but there is no metric_values(), which returns their numbers")
    for note in getattr(task, "notes", ()):
        report.note(note)
    spec_of(task)
    numbers = ", ".join(f"{key} {getattr(task, key)}" for key in ("agents", "obs_dim", *given))
    ours = type(task).__module__.startswith(f"{__package__}.")
    report.ok(f"{type(task).__qualname__ if ours else a(task)[2:]}: {numbers}")


def check_episodes(play: Play, report: Report) -> None:
    """Some hundred steps, and on to the end of an episode."""
    random = np.random.default_rng(0)
    seen = Seen(play.task)
    seen.look(play.reset(0))
    ends = steps = 0
    step_times, reset_times = [], []
    while steps < 300 or (not ends and steps < 10_000):
        start = time.perf_counter()
        known, over = play.step(random)
        step_times.append(time.perf_counter() - start)
        seen.look(known)
        steps += 1
        if over:
            ends += 1
            start = time.perf_counter()
            known = play.reset(ends)
            reset_times.append(time.perf_counter() - start)
            seen.look(known)
    report.ok(f"{steps} steps with random actions: shapes, types, finite numbers, available actions")
    if ends:
        report.ok(f"episodes end: {ends} did; a reset takes {1e3 * np.median(reset_times):.3f} ms")
    else:
        report.note(f"no episode ended within {steps} steps: set env.episode_limit, which truncates them")
        play.metrics()  # Which it then asks for after any step.
    middle, most = 1e3 * np.median(step_times), 1e3 * max(step_times)
    report.ok(f"a step takes {middle:.3f} ms, {most:.3f} ms at the most")
    seen.tell(steps, report)
    if isinstance(play.task, PettingZoo):
        for note in play.task.notes_of_play():
            report.note(note)
    for note in warnings().values():
        report.note(note)


def record(play: Play, seed: int) -> list[dict[str, np.ndarray]]:
    """What 200 steps show; actions are the same each time."""
    random = np.random.default_rng(1)
    shown = [play.reset(seed)]
    for step in range(200):
        known, over = play.step(random)
        shown.append(known)
        if over:
            shown.append(play.reset(seed + step))
    return shown


def difference(one: list[dict[str, np.ndarray]], other: list[dict[str, np.ndarray]]) -> str | None:
    """Where two records differ first, byte by byte."""
    for place, (left, right) in enumerate(zip(one, other)):
        for key in left:
            if key not in right or left[key].tobytes() != right[key].tobytes():
                return f"{key} after the first reset" if place == 0 else f"{key} {place} answers later"
    return None


def check_repeats(play: Play, twin: Play, report: Report) -> None:
    """The same seed and actions must give the same bytes, in one object and in another."""
    first = record(play, 7)
    for other, words in ((play, "played again in the same object"), (twin, "played in a second object")):
        found = difference(first, record(other, 7))
        if found:
            report.wrong(
                f"the same seed and actions, {words}, differ in {found}: draw every random number from "
                "a generator that reset(seed) makes (np.random.default_rng(seed)), and begin anew"
            )
        else:
            report.ok(f"the same seed and actions, {words}, give the same bytes")
    if difference(first, record(play, 8)) is None:
        report.note("seeds 7 and 8 give the same episodes: nothing random comes from the seed")


def held() -> dict[str, float]:
    """What this process holds, as Linux tells it."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    threads = os.listdir("/proc/self/task")
    children = 0
    for thread in threads:
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            children += len(file.read().split())
    files = len(os.listdir("/proc/self/fd"))
    return {
        "MiB of memory": resident / 2**20,
        "open files": files,
        "threads": len(threads),
        "processes": children,
    }


def check_leaks(play: Play, resets: int, report: Report) -> None:
    """What is held after all resets must be about what was held after a third of them."""
    if not os.path.exists("/proc/self/statm"):
        report.note("leaks are looked for on Linux only")
        return
    random = np.random.default_rng(2)
    early = held()
    for done in range(1, resets + 1):
        play.reset(done)
        play.step(random)
        if done == max(resets // 3, 1):
            early = held()
    late = held()
    remedies = {
        "MiB of memory": "something is kept of each episode",
        "open files": "close what an episode opens",
        "threads": "join what an episode starts",
        "processes": "end and wait for what an episode starts",
    }
    allowed = {"MiB of memory": 8, "open files": 3, "threads": 3, "processes": 3}
    grown = {key: late[key] - early[key] for key in late if late[key] - early[key] > allowed[key]}
    for key, growth in grown.items():
        report.wrong(
            f"{growth:.0f} {key} more after {resets} resets than after a third of them: {remedies[key]} "
            f"({early[key]:.0f} grew to {late[key]:.0f})"
        )
    if not grown:
        report.ok(f"{resets} resets leave no memory, open files, threads or processes behind")
