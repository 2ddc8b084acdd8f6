"""Tests of the check: python -m unittest test_check (in this directory)."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import unicodedata
import unittest
from typing import Any
from unittest import mock

import numpy as np

from commformer_bridge.check import check
from fakes import Sound


class NotANumber(Sound):
    def seen(self) -> np.ndarray:
        return np.where(self.steps == 4, np.nan, super().seen())


class WrongShape(Sound):
    def seen(self) -> np.ndarray:
        return super().seen()[:, :2]


class NoAction(Sound):
    def available(self) -> np.ndarray:
        return np.array([[True, False], [False, self.steps < 5]])


class InfiniteReward(Sound):
    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        seen, _, *ends = super().step(actions)
        return seen, [0.0, np.inf], *ends


class Huge(Sound):
    def seen(self) -> np.ndarray:
        return np.where(self.steps == 2, np.finfo(np.float32).max, super().seen())


class Unseeded(Sound):
    def seen(self) -> np.ndarray:
        return np.random.default_rng().random((2, 3))


class NeverReset(Sound):
    steps = 0

    def reset(self, seed: int) -> np.ndarray:
        count = self.steps
        super().reset(seed)
        self.steps = count
        return self.seen()

    def seen(self) -> np.ndarray:
        return np.full((2, 3), float(self.steps))

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        seen, reward, *_ = super().step(actions)
        return seen, reward, self.steps % 9 == 0, False


class Endless(Sound):
    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        return *super().step(actions)[:2], False, False


class SeedUnused(Sound):
    def reset(self, seed: int) -> np.ndarray:
        return super().reset(0)


class GlobalGenerator(Sound):
    """Seeds the generator that all objects share, as many do."""

    def reset(self, seed: int) -> np.ndarray:
        np.random.seed(seed)
        return super().reset(seed)

    def seen(self) -> np.ndarray:
        return np.random.random((2, 3))


class OfTheClass(Sound):
    """Where the goal is is an attribute of the class."""

    goal = 0.0

    def reset(self, seed: int) -> np.ndarray:
        OfTheClass.goal = np.random.default_rng(seed).random()
        return super().reset(seed)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        seen, _, *ends = super().step(actions)
        return seen, self.goal, *ends


class Silent(Sound):
    """Puts another stream in the place of the one that is printed to."""

    def __init__(self) -> None:
        sys.stdout = io.StringIO()

    def seen(self) -> np.ndarray:
        return super().seen()[:, :2]


class Talks(Sound):
    """Prints more than fits between two lines of the check."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        print("step " * 100)
        print("step " * 100, file=sys.stderr)
        return super().step(actions)


class Raises(Sound):
    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        raise ZeroDivisionError("by the user")


class KeepsMemory(Sound):
    def reset(self, seed: int) -> np.ndarray:
        self.kept = [*getattr(self, "kept", []), np.ones(2**18)]
        return super().reset(seed)


class KeepsFiles(Sound):
    def reset(self, seed: int) -> np.ndarray:
        self.kept = [*getattr(self, "kept", []), open(os.devnull)]
        return super().reset(seed)

    def close(self) -> None:
        for file in getattr(self, "kept", []):
            file.close()


class Blind(Sound):
    def seen(self) -> np.ndarray:
        return super().seen() * [1, 0, 1] + [0, 7, 0]


class Numbered(Sound):
    def seen(self) -> np.ndarray:
        return np.column_stack([super().seen()[:, :2], [0, 1]])


class Absent(Sound):
    agent_names = ("here", "nowhere")

    def active(self) -> np.ndarray:
        return np.array([True, False])


class Deserted(Sound):
    def active(self) -> np.ndarray:
        return np.array([False, False])


class Departs(Sound):
    def departed(self) -> np.ndarray:
        return np.zeros(2)


class NoChoice(Sound):
    actions = 0


class PaidItself(Sound):
    metrics = ("won", "return")

    def metric_values(self) -> list[float]:
        return [0.0, 1e9]


class LossOfThePolicy(PaidItself):
    metrics = ("won", "losses.policy")


class Loud(Sound):
    notes = ("\x1b[2J", "\x9b31m\r")

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        raise ValueError("\x1b]0;mine\x07")


class Namesakes(PaidItself):
    metrics = ("won", "won")


class Nameless(PaidItself):
    metrics = ("won", "")


class Example(unittest.TestCase):
    """The task that the documentation shows, where the repository is around this file."""

    DOCS = pathlib.Path(__file__).parents[3] / "docs"

    @unittest.skipUnless(DOCS.is_dir(), "no documentation here")
    def test_the_documented_task_is_sound_and_shown_as_it_is(self) -> None:
        code = (self.DOCS / "examples/my_env.py").read_text()
        self.assertIn(f"```python\n{code}```", (self.DOCS / "src/python.md").read_text())
        sys.path.insert(0, str(self.DOCS / "examples"))
        self.addCleanup(sys.path.remove, str(self.DOCS / "examples"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = check("my_env:make", {"agents": 4}, resets=100)
        self.assertEqual(status, 0, printed.getvalue())


class Check(unittest.TestCase):
    def check(self, kind: type, resets: int = 30) -> tuple[int, str]:
        """The exit status of a check of a class of this file, and what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = check(f"{__name__}:{kind.__name__}", {}, resets)
        return status, printed.getvalue()

    def test_a_sound_task_passes(self) -> None:
        status, printed = self.check(Sound)
        self.assertEqual((status, "WRONG" in printed, "note" in printed), (0, False, False), printed)

    def test_a_number_that_tells_agents_apart_is_none_that_never_varies(self) -> None:
        status, printed = self.check(Numbered)
        self.assertEqual((status, "note" in printed), (0, False), printed)

    def test_every_fault_is_found_and_named(self) -> None:
        for kind, words in (
            (NotANumber, r"observations have nan at \(0, 0\).*step 4 after reset\(0\)"),
            (WrongShape, r"observations have the shape \(2, 2\): expected \(2, 3\)"),
            (NoAction, r"agent 1 has no available action.*step 5"),
            (InfiniteReward, r"rewards have inf at \(1,\)"),
            (Huge, r"observations have 3\.4028\d*e\+38 at \(0, 0\): expected numbers within 1e15"),
            (Unseeded, r"same object, differ in observations after the first reset"),
            (NeverReset, r"same object, differ in observations"),
            (GlobalGenerator, r"in turns with the first, differ in .*np.random and random, attributes of the class"),
            (OfTheClass, r"in turns with the first, differ in rewards"),
            (Silent, r"observations have the shape \(2, 2\)"),
            (Raises, r"ZeroDivisionError: by the user"),
            (KeepsMemory, r"MiB of memory more after 30 resets"),
            (KeepsFiles, r"open files more after 30 resets"),
            (NoChoice, r"actions is 0"),
            (Deserted, r"nobody was active in 300 steps"),
            (PaidItself, r"called 'return'.*not return, steps, .*settings"),
            (LossOfThePolicy, r"called 'losses.policy'.*begins with losses\., "),
            (Namesakes, r"two metrics are called 'won'"),
            (Nameless, r"metric 1 has an empty name"),
            (Departs, r"departed\(\) returned float64 \(2,\): expected bool"),
        ):
            with self.subTest(kind.__name__):
                status, printed = self.check(kind)
                self.assertEqual(status, 1, printed)
                self.assertRegex(printed, f"WRONG (.|\n)*{words}")

    def test_a_thread_that_ends_while_it_is_looked_at_has_no_children(self) -> None:
        there = os.listdir
        gone = mock.patch("os.listdir", lambda path: [*there(path), "0"] if path == "/proc/self/task" else there(path))
        with gone:
            status, printed = self.check(Sound)
        self.assertEqual(status, 0, printed)

    def test_an_environments_words_do_not_act_on_a_terminal(self) -> None:
        _, printed = self.check(Loud)
        self.assertEqual([c for c in printed if unicodedata.category(c) == "Cc" and c != "\n"], [])
        for shown in (r"\u001b[2J", r"\u009b31m\u000d", r"\u001b]0;mine\u0007"):
            self.assertIn(shown, printed)

    def test_a_check_that_nobody_reads_to_its_end_has_the_same_result(self) -> None:
        code = "import sys; from commformer_bridge.main import main; sys.exit(main(sys.argv[1:]))"
        for kind, expected in ((Sound, 0), (Talks, 0), (NotANumber, 1)):
            read, write = os.pipe()
            os.close(read)
            name = f"{pathlib.Path(__file__).stem}:{kind.__name__}"
            with open(write, "wb") as closed:
                ended = subprocess.run(
                    [sys.executable, "-c", code, "check", name, "{}", "30"],
                    cwd=pathlib.Path(__file__).parent,
                    stdin=subprocess.DEVNULL,
                    stdout=closed,
                    stderr=closed,
                    timeout=60,
                )
            self.assertEqual(ended.returncode, expected, kind)

    def test_what_is_unusual_is_noted_and_not_wrong(self) -> None:
        for kind, words in (
            (Endless, "env.episode_limit"),
            (SeedUnused, "seeds 7 and 8"),
            (Blind, r"1 of 3 numbers that never varied.*number 1 \(always 7\)"),
            (Absent, "never active in 300 steps: agent nowhere"),
        ):
            status, printed = self.check(kind)
            self.assertEqual(status, 0, printed)
            self.assertRegex(printed, f"note .*{words}")


if __name__ == "__main__":
    unittest.main()
