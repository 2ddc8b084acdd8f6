"""Tests of environments that would be misread: check and training refuse the same, and say what was expected.

python -m unittest test_strangers (in this directory)
"""

import contextlib
import io
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import threading
import types
import unittest
import warnings
from typing import Any
from unittest import mock

import numpy as np

from commformer_bridge import memory, warned
from commformer_bridge.check import check
from commformer_bridge.pettingzoo import PettingZoo
from commformer_bridge.refusal import Refusal
from commformer_bridge.worker import Worker
from fakes import Sound, Written, box, checked, two

HERE = pathlib.Path(__file__).parent


class Three(Sound):
    """A task of three agents and three actions that is told what it answers."""

    agents, obs_dim, actions = 3, 3, 3
    told: dict[str, Any] = {}

    def __init__(self, **told: Any) -> None:
        self.told = {**self.told, **told}
        for name in ("available", "active", "departed"):
            if name in self.told:
                setattr(self, name, lambda name=name: self.told[name])

    def seen(self) -> Any:
        return self.told.get("obs", np.full((3, 3), float(self.steps)))

    def step(self, actions: np.ndarray) -> tuple:
        seen, _, over, _ = super().step(actions)
        rewards, ended = self.told.get("rewards", 0.5), self.told.get("terminated", over)
        return seen, rewards, ended, self.told.get("truncated", False)


def begun(task: Any) -> Worker:
    """A worker that has made a reset of a task, with memory of its own."""
    worker = Worker(lambda: task, None)
    worker.prepare()
    agents, actions = worker.spec["agents"], worker.spec["actions"]
    arrays = {name: np.zeros((1, agents), bool) for name in ("active", "last_active", "departed", "last_departed")}
    arrays |= {name: np.zeros((1, agents, worker.spec["obs_dim"]), np.float32) for name in ("obs", "last_obs")}
    arrays |= dict.fromkeys(("state", "last_state"))
    arrays |= {"available": np.zeros((1, agents, actions), bool), "actions": np.zeros((1, agents), np.int64)}
    arrays |= {"rewards": np.zeros((1, agents), np.float32), "commands": np.array([memory.RESET], np.uint8)}
    arrays |= {"status": np.zeros(1, np.uint8), "seeds": np.zeros(1, np.int64), "metrics": np.zeros((1, 9), np.float32)}
    worker.memory, worker.steps = types.SimpleNamespace(**arrays), [0]
    worker.go(0, 1)
    worker.memory.commands[0] = memory.STEP
    return worker


def trained(task: Any) -> dict[str, np.ndarray]:
    """What a worker writes of a reset and a step of a task."""
    worker = begun(task)
    worker.go(0, 1)
    return vars(worker.memory)


class Changes(Sound):
    """Pays for each action that is not the one before, which it keeps as it was given."""

    kept: Any = np.zeros(2)

    def step(self, actions: np.ndarray) -> tuple:
        seen, _, *ends = super().step(actions)
        paid, self.kept = np.float32(actions != self.kept), actions
        return seen, paid, *ends


class Kept(unittest.TestCase):
    def test_actions_that_a_task_keeps_stay_as_they_were(self) -> None:
        worker = begun(Changes())
        for actions, paid in (([0, 1], [0, 1]), ([1, 1], [1, 0]), ([0, 0], [1, 1])):
            worker.memory.actions[0] = actions
            worker.go(0, 1)
            self.assertEqual(worker.memory.rewards[0].tolist(), paid)


INF = np.inf
MISREAD = (
    ({"terminated": [False] * 3}, r"terminated is \[False, False, False\]: expected True or False, one for the episode"),
    ({"terminated": np.array([False] * 3)}, r"terminated is array\(.*expected True or False, one for the episode"),
    ({"truncated": (False, False)}, r"truncated is \(False, False\): expected True or False"),
    ({"terminated": {"a": False, "__all__": False}}, r"terminated is {'a': False.*: expected True or False, one for"),
    ({"terminated": np.nan}, "terminated is nan: expected True or False"),
    ({"terminated": None}, "terminated is None: expected True or False"),
    ({"terminated": "no"}, "terminated is 'no': expected True or False"),
    ({"terminated": 2}, "terminated is 2: expected True or False"),
    ({"terminated": [[1], [2, 3]]}, "terminated is .*: expected True or False"),
    ({"available": [[0, -INF, -INF]] * 3}, r"available\(\) returned float64 \(3, 3\): expected bool.*mask == 0"),
    ({"available": np.array([[0, -9, 0]] * 3)}, r"available\(\) returned int64 \(3, 3\): expected bool.*it is \[\[0, -9"),
    ({"available": [True, False, True]}, r"available\(\) returned bool \(3,\): expected bool \(3, 3\)"),
    ({"active": [0, 1, 2]}, r"active\(\) returned int64 \(3,\): expected bool \(3,\).*np.isin.*it is \[0, 1, 2\]"),
    ({"active": True}, r"active\(\) returned bool \(\): expected bool \(3,\)"),
    ({"departed": [0, 2, 1]}, r"departed\(\) returned int64 \(3,\): expected bool"),
    ({"departed": [[True], [False, True]]}, r"departed\(\) cannot be made an array"),
    ({"rewards": np.ones((1, 3))}, r"rewards have the shape \(1, 3\): expected \(\) or \(3,\)"),
    ({"rewards": [1.0]}, r"rewards have the shape \(1,\): expected \(\) or \(3,\)"),
    ({"rewards": np.ones((3, 1))}, r"rewards have the shape \(3, 1\)"),
    ({"rewards": "1.5"}, "rewards are of type <U3: expected numbers"),
    ({"rewards": [1.0, None, 2.0]}, "rewards are of type object"),
    ({"rewards": {"a": 1.0}}, "rewards are of type object"),
    ({"rewards": [[1.0], 2.0, 3.0]}, "rewards cannot be made an array"),
    ({"obs": np.ones((3, 3)) * 1j}, "observations are of type complex128: expected numbers"),
    ({"obs": [["1", "2", "3"]] * 3}, "observations are of type <U1: expected numbers"),
    ({"obs": np.ones((1, 3))}, r"observations have the shape \(1, 3\): expected \(3, 3\)"),
    ({"obs": np.ma.masked_equal(np.eye(3), 0)}, "observations came as an array with masked entries: .*filled"),
    ({"rewards": np.ma.array([1, 2, 3], mask=[0, 1, 0])}, "rewards came as an array with masked entries"),
    ({"active": np.ma.array([True] * 3, mask=[0, 1, 0])}, r"active\(\) came as an array with masked entries"),
    ({"terminated": np.ma.masked}, "terminated came as an array with masked entries"),
    ({"obs": [[1, 2, 3], [1, 2], [1]]}, "observations cannot be made an array"),
    ({"obs": (np.zeros((3, 3)), {})}, "return the array alone, without infos"),
)
HARMLESS = (
    {"terminated": np.bool_(False)},
    {"terminated": 0, "truncated": np.int8(0)},
    {"terminated": np.array(False), "truncated": np.array([False])},
    {"rewards": np.float32(2)},
    {"rewards": 1},
    {"rewards": [1, 2, 3]},
    {"rewards": np.ones(3, np.float32)},
    {"rewards": np.array(1.0)},
    {"active": [True, False, True], "departed": (False, True, False)},
    {"available": [[True, False, True]] * 3},
    {"available": [[1, 0, 1]] * 3},
    {"obs": np.ones((3, 3), np.uint8)},
    {"obs": [[1, 2, 3]] * 3},
    {"obs": np.ones((3, 3), bool)},
    {"obs": np.ma.array(np.ones((3, 3))), "rewards": np.ma.array([1, 2, 3], mask=False)},
)


class Rules(unittest.TestCase):
    def test_what_would_be_misread_is_refused_by_training_and_check(self) -> None:
        for told, words in MISREAD:
            with self.subTest(told):
                with self.assertRaisesRegex(Refusal, f"(?s){words}"):
                    trained(Three(**told))
                status, printed = checked(Three(**told))
                self.assertEqual(status, 1, printed)
                self.assertRegex(printed, f"(?s)WRONG .*{words}")
                self.assertNotIn("Traceback", printed)

    def test_what_is_harmless_is_taken(self) -> None:
        for told in HARMLESS:
            with self.subTest(told):
                found = trained(Three(**told))
                for key in told.keys() & found.keys():
                    np.testing.assert_array_equal(found[key][0], np.broadcast_to(told[key], found[key][0].shape))
                self.assertEqual(found["status"].tolist(), [memory.RUNNING])
                status, printed = checked(Three(**told))
                self.assertEqual(status, 0, printed)
        for ended in (True, np.True_, 1, 1.0, np.array([True])):
            self.assertEqual(trained(Three(terminated=ended))["status"].tolist(), [memory.TERMINATED], ended)
            self.assertEqual(trained(Three(truncated=ended))["status"].tolist(), [memory.TRUNCATED], ended)

    def test_a_description_is_held_to_the_same_rules(self) -> None:
        for key, value, words in (
            ("agents", 2.0, "agents is 2.0: expected a whole number of at least 1"),
            ("agents", True, "agents is True: expected a whole number"),
            ("obs_dim", "3", "obs_dim is '3': expected a whole number"),
            ("obs_dim", -1, "obs_dim is -1: expected a whole number of at least 1"),
            ("actions", 2.5, "actions is 2.5: expected a whole number"),
            ("action_dim", 1, "found actions and action_dim"),
            ("agent_names", "ab", "agent_names is 'ab': expected a tuple of strings"),
            ("agent_names", ("a",), "agent_names has 1 names for 2"),
            ("action_names", (0, 1), r"action_names is \(0, 1\): expected a tuple of strings"),
            ("notes", "a note", "notes is 'a note': expected a tuple of strings"),
            ("notes", {"one", "two"}, "notes is {.*}: expected a tuple of strings"),
            ("agent_names", {"a", "b"}, "agent_names is {.*}: expected a tuple of strings"),
            ("action_names", {"a": 0, "b": 1}.keys(), "action_names is dict_keys.*: expected a tuple of strings"),
            ("metrics", {"won", "kills"}, "metrics is {.*}: expected a tuple of strings"),
            ("notes", None, "notes is None: expected a tuple of strings"),
            ("metrics", ("won", "won"), "two metrics are called 'won'"),
            ("leaves", 7, "leaves is 7: expected True, if every agent that is not active has left, or False"),
            ("leaves", [False], r"leaves is \[False\]: expected True"),
            ("leaves", lambda self: False, "leaves is <bound method .*: expected True"),
            ("leaves", None, "leaves is None: expected True"),
            ("metrics", ("won",), r"there is no metric_values\(\)"),
        ):
            told = type("Told", (Sound,), {key: value})
            with self.subTest(words):
                with self.assertRaisesRegex(Refusal, words):
                    trained(told())
                status, printed = checked(told)
                self.assertEqual(status, 1, printed)
                self.assertRegex(printed, f"WRONG making the environment: .*{words}")
        moving = type("Moving", (Sound,), {"actions": property(), "action_dim": 1, "available": None})
        with self.assertRaisesRegex(Refusal, "only choices can be unavailable"):
            trained(moving())
        listed = type("Listed", (Sound,), {"agent_names": ["a", "b"], "action_names": ("a", "b"), "notes": []})
        self.assertEqual(checked(listed)[0], 0)
        sizes = type("Sizes", (Sound,), {"agents": np.int64(2)})
        self.assertEqual(checked(sizes)[0], 0)

    def test_who_has_departed_is_not_active(self) -> None:
        gone = np.array([False, True, False])
        for told, active in (
            ({"departed": gone}, ~gone),
            ({"departed": gone, "active": [True] * 3}, [True] * 3),
            ({"active": ~gone}, ~gone),
            ({}, [True] * 3),
        ):
            found = trained(Three(**told))
            self.assertEqual(found["active"][0].tolist(), list(active), told)
            # The last look at an episode has rows of its own.
            found = trained(Three(**told, truncated=True))
            self.assertEqual(found["last_active"][0].tolist(), list(active), told)
        self.assertRegex(checked(Three(departed=gone))[1], "note  never active in 300 steps: agent 1;")

    def test_numpy_may_be_told_to_raise_for_the_environment_s_own_sums(self) -> None:
        def set_up(raising: bool) -> Any:
            told = contextlib.ExitStack()
            if raising:
                told.enter_context(np.errstate(all="raise"))
            else:
                told.enter_context(warnings.catch_warnings())
                warnings.simplefilter("error")
            return told

        tiny, large = np.full((3, 3), 1e-60), np.full((3, 3), 1e60)
        for raising in (True, False):
            with set_up(raising):
                found = trained(Three(obs=tiny, rewards=np.full(3, 1e-60)))
                self.assertEqual((found["obs"].any(), found["rewards"].any()), (False, False))
                found = trained(Three(obs=large, rewards=1e60))
                self.assertTrue(np.isinf(found["obs"]).all() and np.isinf(found["rewards"]).all())
                self.assertEqual(checked(Three(obs=tiny, rewards=1e-60))[0], 0)
                env = two(shown=[[1e-60, 2], [3, 4]], views=[box(0, 9, 2)] * 2)
                step = env.step
                env.step = lambda actions: (step(actions)[0], {"a0": 1e-60, "a1": np.float64(1e60)}, {}, {}, {})
                task = PettingZoo(env)
                self.assertEqual(task.reset(0).tolist(), [[0, 2], [3, 4]])
                self.assertEqual(task.step(np.zeros(2, int))[1].tolist(), [0, INF])

    def test_after_the_end_nobody_needs_an_action(self) -> None:
        class Closed(Sound):
            def available(self) -> np.ndarray:
                return np.full((2, 2), self.steps < self.closes)

        for closes, status in ((9, 0), (8, 1)):
            found = checked(type("Closes", (Closed,), {"closes": closes}))
            self.assertEqual(found[0], status, found[1])
            self.assertEqual(found[1].count("agent 0 has no available action"), status)

    def told(self, **parts: Any) -> None:
        """A step of two agents with other parts."""
        env = two()
        step = env.step
        places = ("observations", "rewards", "terminations", "truncations", "infos")
        env.step = lambda actions: tuple(parts.get(place, given) for place, given in zip(places, step(actions)))
        task = PettingZoo(env)
        task.reset(0)
        task.step(np.zeros(2, int))

    def test_a_parallel_environment_is_read_by_the_same_rules(self) -> None:
        for parts, words in (
            ({"rewards": {"a0": np.array([1.0]), "a1": np.array([2.0])}},
             r"rewards have array\(\[1.\]\) for a0, of the shape \(1,\): expected one number"),
            ({"rewards": {"a0": "1.0", "a1": 1.0}}, "rewards have '1.0' for a0: expected one number"),
            ({"rewards": {"a0": None, "a1": 1.0}}, "rewards have None for a0: expected one number"),
            ({"terminations": {"a0": [False]}}, r"terminations have \[False\] for a0: expected True or False"),
            ({"truncations": {"a1": np.nan}}, "truncations have nan for a1: expected True or False"),
            ({"terminations": {"__all__": {"a0": False}}}, "terminations have .* for __all__: expected True or False"),
        ):
            with self.subTest(words), self.assertRaisesRegex(Refusal, words):
                self.told(**parts)
        self.told(rewards={"a0": np.float32(1), "a1": np.array(2)}, terminations={"a0": np.False_, "a1": 0})
        self.told(terminations={"a0": np.array([False])}, truncations={"__all__": 0})


class Shared(unittest.TestCase):
    """Functions that return one object for all environments."""

    def refused(self, make: Any) -> None:
        words = "env.make returned the same object twice"
        worker = Worker(make, None)
        worker.prepare()
        with self.assertRaisesRegex(Refusal, words), mock.patch("commformer_bridge.worker.Memory"):
            worker.open(2, 0, 0)
        with mock.patch("commformer_bridge.check.make", lambda name, options: make()):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                self.assertEqual(check("a:b", {}, 3), 1)
        self.assertRegex(printed.getvalue(), f"WRONG making the environment: {words}")

    def test_one_object_for_all_environments_is_refused(self) -> None:
        task, env = Sound(), two()
        wrapped = [two(), two()]
        for wrapper in wrapped:
            wrapper.unwrapped = env
        wrappers = itertools.cycle(wrapped)
        for make in (lambda: task, lambda: PettingZoo(env), lambda: PettingZoo(next(wrappers))):
            with self.subTest(make):
                self.refused(make)

    def test_an_object_for_each_environment_is_taken(self) -> None:
        for make in (Sound, lambda: PettingZoo(two())):
            worker = Worker(make, None)
            worker.prepare()
            with mock.patch("commformer_bridge.worker.Memory"):
                worker.open(50, 0, 0)
            self.assertEqual(len(worker.tasks), 50)


class Lost(Sound):
    """Has lost what is at the other end of a pipe of its own."""

    def __init__(self, error: str) -> None:
        raise {"pipe": BrokenPipeError, "reset": ConnectionResetError}[error]("the engine is gone")


class Engines(unittest.TestCase):
    def works(self, options: dict[str, str], hangs_up: bool) -> tuple[str, int, str]:
        """What a worker in a process of its own answers first, its exit status, and what it prints."""
        ours, theirs = socket.socketpair()
        code = f"from commformer_bridge.worker import work; work('test_strangers:{'Lost' if options else 'Sound'}', {options})"
        if hangs_up:
            ours.close()
        with theirs, ours:
            command = [sys.executable, "-c", code]
            worker = subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE, text=True, cwd=HERE)
            theirs.close()
            said = "" if hangs_up else ours.makefile("r").readline()
        return said, worker.wait(120), worker.communicate()[1]

    def test_an_engine_that_is_gone_is_told_with_its_traceback(self) -> None:
        for error, name in (("pipe", "BrokenPipeError"), ("reset", "ConnectionResetError")):
            said, status, printed = self.works({"error": error}, False)
            self.assertRegex(said, rf"(?s)^0 .*Traceback.*{name}: the engine is gone")
            self.assertEqual((status, printed), (0, ""))

    def test_a_program_that_is_gone_ends_the_worker_in_silence(self) -> None:
        for options in ({}, {"error": "pipe"}):
            self.assertEqual(self.works(options, True), ("", 0, ""))


BOTH: set[str] = {"a0", "a1"}


class Again(Written):
    """`a0` ends in the first step, and is listed for ever; `a1` is truncated in the ninth."""

    def reset(self, seed: int | None = None) -> tuple[dict, dict]:
        self.steps = [(BOTH, {"a0": True}, {}), *[(BOTH, {}, {})] * 7, (BOTH, {}, {"a1": True})]
        return super().reset(seed)


class Listed(unittest.TestCase):
    WORDS = "a0 is in env.agents after it ended: its observations and rewards are ignored"

    def test_a_check_notes_who_is_listed_after_its_end(self) -> None:
        status, printed = checked(PettingZoo(Again()))
        self.assertEqual((status, printed.count(self.WORDS)), (0, 1), printed)
        self.assertIn(f"note  {self.WORDS}", printed)
        # In the step of its end it may still be there.
        env = two()
        env.truncate = BOTH
        self.assertNotIn("after it ended", checked(PettingZoo(env))[1])

    def test_a_worker_warns_of_it_once(self) -> None:
        warned.WARNED.clear()
        warned.WARNINGS.clear()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            task = PettingZoo(Again())
            worker = Worker(lambda: task, theirs)
            said = []
            worker.go = lambda first, last: (task.reset(0) if first else task.step(np.zeros(2, int)), None)[1]
            serving = threading.Thread(target=worker.serve)
            serving.start()
            lines = ours.makefile("r")
            lines.readline()
            for number, first in enumerate((1, 0, 0, 0, 1, 0, 0)):
                ours.sendall(f"go {number} {first} 1\n".encode())
                said.append(lines.readline())
            ours.shutdown(socket.SHUT_WR)
            serving.join()
        told = [line.split(" ", 2)[2] for line in said if " done {" in line]
        self.assertEqual(told, [f'{{"again": "{self.WORDS}"}}\n'], said)
        self.assertEqual([line for line in said if " done {" not in line], [f"{n} done\n" for n in (0, 1, 3, 4, 5, 6)])


class Leaves(Sound):
    """Ends the process in a step, a reset or at the end."""

    def __init__(self, when: str, code: Any) -> None:
        self.when, self.code = when, code

    def leave(self, when: str) -> None:
        if when == self.when:
            sys.exit(self.code)

    def step(self, actions: np.ndarray) -> tuple:
        self.leave(f"step {self.steps + 1}")
        return super().step(actions)

    def reset(self, seed: int) -> np.ndarray:
        self.leave(f"reset {seed}")
        return super().reset(seed)

    def close(self) -> None:
        self.leave("close")


class ChildLeaves(Sound):
    """A child of its own ends by `sys.exit`."""

    def reset(self, seed: int) -> np.ndarray:
        if seed == 0:
            if not os.fork():
                sys.exit(7)
            os.wait()
        return super().reset(seed)


class Exits(unittest.TestCase):
    def test_a_check_says_that_the_environment_ended_the_process(self) -> None:
        for when, code, words in (
            ("step 5", 0, r"ended the process in step 5 after reset\(0\), by sys.exit\(0\)"),
            ("step 5", 3, r"in step 5 after reset\(0\), by sys.exit\(3\)"),
            ("reset 3", None, r"ended the process in reset\(3\), by sys.exit\(None\)"),
            ("close", "good bye", r"closing, the environment ended the process, by sys.exit\('good bye'\)"),
        ):
            status, printed = checked(Leaves(when, code))
            self.assertEqual(status, 1, printed)
            self.assertRegex(printed, f"WRONG .*{words}")

    def test_the_end_of_a_child_is_its_own_affair(self) -> None:
        code = (
            "import sys\nfrom commformer_bridge.check import check\n"
            "sys.exit(check('test_strangers:ChildLeaves', {}, 3))"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE, timeout=120)
        self.assertEqual((found.returncode, found.stderr), (0, ""), found.stdout)
        self.assertEqual(found.stdout.count("nothing wrong"), 1, found.stdout)


class Measured(Sound):
    """A metric that there is only at the end."""

    metrics = ("share",)

    def __init__(self, last: Any = 1.0) -> None:
        self.last = last

    def metric_values(self) -> tuple[Any]:
        return (self.last if self.steps == 9 else np.nan,)


class Endless(Measured):
    def step(self, actions: np.ndarray) -> tuple:
        return *super().step(actions)[:2], False, False


class Metrics(unittest.TestCase):
    def test_metrics_are_asked_for_where_episodes_end(self) -> None:
        status, printed = checked(Measured)
        self.assertEqual(status, 0, printed)
        for task, words in (
            (Measured(INF), r"metric_values\(\) returned inf for the metric 'share' .*step 9 after reset\(0\)"),
            (Measured("1.0"), r"metric_values\(\) returned \('1.0',\): expected a number for each"),
            # What env.episode_limit ends can end anywhere.
            (Endless(), r"metric_values\(\) returned nan .*step 10000"),
        ):
            status, printed = checked(task)
            self.assertEqual(status, 1, printed)
            self.assertRegex(printed, f"WRONG .*{words}")


if __name__ == "__main__":
    unittest.main()
