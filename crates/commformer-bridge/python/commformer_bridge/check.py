"""The check of an environment: it is played, and what is right and wrong with it is printed."""

from __future__ import annotations

import contextlib
import gc
import os
import traceback
from typing import Any

import numpy as np

from .beside import like_masks
from .making import Apart, make
from .pettingzoo import PettingZoo
from .play import Play, Seen
from .progress import begins
from .refusal import Refusal, a
from .report import Report
from .spec import gives_state, spec_of
from .warned import WARNED, WARNINGS, warnings


def check(name: str, options: dict[str, Any], resets: int = 1000, states: bool = False) -> int:
    """Plays an environment, with its global states or without, prints what is right and wrong with it, and returns the
    exit status, 0 or 1.
    """
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
        apart = Apart()
        for made in (task, twin):
            apart.add(made)
            if isinstance(made, PettingZoo):
                made.found = {}
        check_spec(task, states, report)
        where = "playing with random actions"
        play = Play(task, states)
        check_episodes(play, report)
        where = "playing the same actions again"
        check_repeats(play, Play(twin, states), report)
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
    report.say(f"{name}: {report.wrong_lines or 'nothing'} wrong")
    begins(b"x" if report.wrong_lines else b"o")
    return int(report.wrong_lines > 0)


def check_spec(task: Any, states: bool, report: Report) -> None:
    """The attributes that say what a task is. Without them nothing can be played."""
    spec = spec_of(task, states)
    for note in spec["notes"]:
        report.note(note)
    numbers = f"agents {spec['agents']}, obs_dim {spec['obs_dim']}, "
    numbers += f"{'actions' if spec['discrete'] else 'action_dim'} {spec['actions']}"
    if states:
        numbers += f", state_dim {spec['state_dim']}"
    elif gives_state(task):
        report.note(
            f"a global state of {task.state_dim} numbers is not asked for: env.global_state = true shows it to the critics of "
            "methods such as mappo (--global-state checks it)"
        )
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
        known, over = play.step(random)
        step_times.append(play.took)
        seen.look(known)
        steps += 1
        if over:
            ends += 1
            known = play.reset(ends)
            reset_times.append(play.took)
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
    elif hasattr(play.task, "actions") and not hasattr(play.task, "available"):
        if methods := like_masks(play.task):
            report.note(f"{', '.join(methods)}: not called; the method that says which actions are available is available()")
    for note in warnings().values():
        report.note(note)


def record(play: Play, seed: int, beside: Play | None = None) -> list[dict[str, np.ndarray]]:
    """What 200 steps show; actions are the same each time. Before each of them another object, `beside`, takes one of an
    episode with another seed, and begins a new one every tenth time.
    """
    random, others = np.random.default_rng(1), np.random.default_rng(3)
    shown = [play.reset(seed)]
    over_beside = True
    for step in range(200):
        if beside:
            if over_beside or step % 10 == 0:
                beside.reset(seed + 1000 + step)
            _, over_beside = beside.step(others)
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
    """The same seed and actions must give the same bytes, in one object and in another, whatever the first does meanwhile."""
    first = record(play, 7)
    begin_anew = "draw every random number from a generator that reset(seed) makes (np.random.default_rng(seed)), and begin anew"
    share_nothing = (
        f"{begin_anew}; let objects share nothing that changes, such as the generators of np.random and random, attributes "
        "of the class and variables of the module: a worker steps several in turns"
    )
    for other, beside, words, remedy in (
        (play, None, "played again in the same object", begin_anew),
        (twin, play, "played in a second object, in turns with the first", share_nothing),
    ):
        found = difference(first, record(other, 7, beside))
        if found:
            report.wrong(f"the same seed and actions, {words}, differ in {found}: {remedy}")
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
        # One that has ended since it was listed has none.
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
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
