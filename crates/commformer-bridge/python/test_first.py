"""Tests of a first contact: what is wrong with a Python, a name or an environment is said in a sentence.

python -m unittest test_first (in this directory)
"""

import contextlib
import datetime
import io
import json
import math
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from typing import Any

import numpy as np

from commformer_bridge.answers import json_of
from commformer_bridge.check import check
from commformer_bridge.making import options_of
from commformer_bridge.metrics import metrics_of
from commformer_bridge.pettingzoo import PettingZoo
from commformer_bridge.refusal import Refusal
from fakes import Parallel, Sound, two

HERE = pathlib.Path(__file__).parent
PACKAGE = sorted(file.relative_to(HERE).as_posix() for file in HERE.glob("commformer_bridge/*.py"))
# As the program keeps the modules and runs the other parts, one after the other.
BOOT = f"""
sources = {{}}
for name in {["begin.py", *PACKAGE, "loader.py"]}:
    source = open({str(HERE)!r} + '/' + name, 'rb').read()
    if '/' in name:
        sources[name] = source
    else:
        exec(compile(source, name, 'exec'))
"""

TASK = """
import helper
import numpy as np

class Task:
    agents, obs_dim, actions = 2, 1, 2

    def reset(self, seed):
        self.random, self.steps = np.random.default_rng(seed), 0
        return self.random.random((2, 1))

    def step(self, actions):
        self.steps += 1
        return self.random.random((2, 1)), 0.0, self.steps == helper.LENGTH, False

def make():
    return Task()
"""


class Boot(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        (self.folder / "helper.py").write_text("LENGTH = 5\n")

    def check(self, name: str, before: str = "", cwd: str = "") -> subprocess.CompletedProcess:
        """A check in a process of its own, in the folder."""
        return subprocess.run(
            [sys.executable, "-c", f"{before}\n{BOOT}", "check", name, "{}", "3"],
            capture_output=True,
            text=True,
            cwd=self.folder / cwd,
            timeout=120,
        )

    def test_an_old_python_and_a_missing_numpy_are_told_with_the_remedy(self) -> None:
        for before, words in (
            ("import sys\nsys.version_info = (3, 8, 1)", ("is Python 3.8, but", "3.10 or later", "env.python")),
            ("import sys\nsys.modules['numpy'] = None", ("cannot import numpy", "-m pip install numpy", "env.python")),
        ):
            found = self.check("a:b", before)
            self.assertNotEqual(found.returncode, 0)
            self.assertNotIn("Traceback", found.stderr)
            self.assertEqual(found.stderr.count("\n"), 1)
            for word in words:
                self.assertIn(word, found.stderr)

    def test_old_interpreters_themselves_say_it(self) -> None:
        tried = 0
        for version in ("2.7", "3.6", "3.7", "3.8", "3.9"):
            command = [f"python{version}", "-c", BOOT, "check", "a:b", "{}"]
            with contextlib.suppress(FileNotFoundError):
                works = subprocess.run([*command[:2], "pass"], capture_output=True).returncode == 0
                if works:
                    found = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
                    self.assertRegex(found.stderr, rf"is Python {version}, but commformer needs Python 3.10")
                    self.assertEqual((found.returncode, found.stderr.count("\n")), (1, 1))
                    tried += 1
        if not tried:
            self.skipTest("skipped: no Python older than 3.10 is installed")

    def test_what_runs_first_is_in_every_pythons_syntax(self) -> None:
        import ast

        tree = ast.parse((HERE / "begin.py").read_text())
        for node in ast.walk(tree):
            self.assertNotIsInstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef))
            if isinstance(node, ast.FunctionDef):
                self.assertIsNone(node.returns)

    def test_files_named_like_pythons_own_modules_shadow_nothing(self) -> None:
        names = sorted(sys.stdlib_module_names - {"__future__", "antigravity", "this"})
        for name in names:
            (self.folder / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
        (self.folder / "my_env.py").write_text(TASK)
        for before in ("", "import sys; sys.path.insert(0, '.')", f"import sys; sys.path.insert(0, {str(self.folder)!r})"):
            found = self.check("my_env:make", before)
            self.assertEqual((found.returncode, found.stderr), (0, ""), found.stdout)

    def test_the_users_own_is_found_even_under_such_a_name(self) -> None:
        for name in ("signal", "test", "my_env"):
            (self.folder / f"{name}.py").write_text(TASK)
            for made in (f"{name}", f"./{name}.py", f"{name}.py", f"./{name}", f"{self.folder}/{name}.py"):
                with self.subTest(made):
                    found = self.check(f"{made}:make")
                    self.assertEqual((found.returncode, found.stderr), (0, ""), found.stdout)

    def test_files_named_like_our_own_modules_shadow_nothing_and_are_found(self) -> None:
        names = ["begin", "guard", "loader", "commformer_bridge", *(pathlib.Path(module).stem for module in PACKAGE)]
        for name in names:
            (self.folder / f"{name}.py").write_text(TASK)
        for name in ("worker", "check", "loader", "commformer_bridge"):
            for made in (name, f"./{name}.py"):
                with self.subTest(made):
                    found = self.check(f"{made}:make")
                    self.assertEqual((found.returncode, found.stderr), (0, ""), found.stdout)

    def test_a_traceback_has_our_files_and_lines(self) -> None:
        (self.folder / "my_env.py").write_text(TASK.replace("self.steps += 1", "raise RuntimeError('stuck')"))
        found = self.check("my_env:make")
        lines = r'(.|\n)*File "commformer_bridge/play.py", line \d+, in step\n    returned = self.task.step\('
        self.assertRegex(found.stdout, rf"WRONG playing .*, the environment raised:{lines}(.|\n)*stuck")

    def test_a_file_elsewhere_finds_what_lies_beside_it(self) -> None:
        (self.folder / "my-env.py").write_text(TASK)
        (self.folder / "inner").mkdir()
        found = self.check("../my-env.py:make", cwd="inner")
        self.assertEqual((found.returncode, found.stderr), (0, ""), found.stdout)

    def test_a_file_that_is_not_there_is_told_with_those_that_are(self) -> None:
        (self.folder / "my_env.py").write_text(TASK)
        (self.folder / "inner").mkdir()
        for name, words in (
            ("./my_emv.py:make", "there is no file .*my_emv.py: .*my_env.py"),
            ("/no/such/place.py:make", "there is no file /no/such/place.py.*the current directory is"),
            ("./inner:make", "inner is a folder"),
            ("./my_env.py:mak", "has no function 'mak'; it has make"),
        ):
            found = self.check(name)
            self.assertEqual(found.returncode, 1)
            self.assertRegex(found.stdout, f"WRONG .*{words}")
            self.assertNotIn("Traceback", found.stdout)


    def test_what_was_printed_before_an_abrupt_end_is_told(self) -> None:
        (self.folder / "my_env.py").write_text("import os\n\ndef make():\n    print('no sensor')\n    os._exit(3)\n")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        for verb in ("check", "work"):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                command = [sys.executable, "-c", BOOT, verb, "./my_env.py:make", "{}", "3"]
                found = subprocess.run(
                    command, stdin=theirs, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=environment, timeout=120
                )
            self.assertEqual((found.returncode, found.stdout), (3, "no sensor\n"))


class Options(unittest.TestCase):
    def test_numbers_and_dates_arrive(self) -> None:
        dated = '{"d": [{"$toml-date": "1979-05-27T07:32:00.500000+00:00"}, {"$toml-date": "1979-05-27"}]'
        given = options_of(dated + ', "t": {"t": {"$toml-date": "07:32:00.000000"}}, "n": [NaN, -Infinity, 1.0]}')
        utc = datetime.timezone.utc
        moment = datetime.datetime(1979, 5, 27, 7, 32, 0, 500_000, utc)
        self.assertEqual(given["d"], [moment, datetime.date(1979, 5, 27)])
        self.assertEqual(given["t"], {"t": datetime.time(7, 32)})
        self.assertTrue(math.isnan(given["n"][0]) and given["n"][1:] == [-math.inf, 1.0])


class Told(Parallel):
    """Answers `reset` or `step` with something else in one place."""

    def __init__(self, at: str, place: int, answer: Any) -> None:
        plain = two()
        super().__init__(list(plain.views.values()), list(plain.acts.values()), list(plain.shown.values()))
        self.at, self.place, self.answer = at, place, answer

    def told(self, verb: str, returned: tuple) -> tuple:
        parts = list(returned)
        if self.at == verb:
            parts[self.place : self.place + 1] = self.answer
        return tuple(parts)

    def reset(self, seed: int | None = None) -> tuple:
        return self.told("reset", super().reset(seed))

    def step(self, actions: dict[str, Any]) -> tuple:
        return self.told("step", super().step(actions))


class Answers(unittest.TestCase):
    def test_what_pettingzoo_would_not_return_is_told_in_its_words(self) -> None:
        shown, paid, ends = {"a0": [1, 2], "a1": [3, 4]}, {"a0": 1.0, "a1": 1.0}, {"a0": False, "a1": False}
        for at, place, answer, words in (
            ("reset", 1, [None], "reset returned None for infos: expected a dictionary"),
            ("reset", 0, [[1, 2]], "reset returned a builtins.list for observations"),
            ("reset", 0, [shown | {"b": [1, 2]}], "reset's observations have an agent 'b', who is not in possible_agents: .*a0"),
            ("step", 4, [], r"step returned 4 values, as the old gym's does: expected 5, \(observations, rewards, term"),
            ("step", 4, [{}, {}], "step returned 6 values: expected 5"),
            ("step", 4, [None], "step returned None for infos"),
            ("step", 0, [shown | {"b": [1, 2]}], "step's observations have an agent 'b'"),
            ("step", 1, [paid | {7: 1.0}], "step's rewards have an agent 7"),
            ("step", 1, [1.0], "step returned a builtins.float for rewards"),
            ("step", 2, [ends | {"b": True}], "step's terminations have an agent 'b'"),
        ):
            with self.subTest(words), self.assertRaisesRegex(Refusal, words):
                task = PettingZoo(Told(at, place, answer))
                task.reset(1)
                task.step(np.zeros(2, int))

    def test_words_for_the_whole_team_and_no_info_of_an_agent_are_understood(self) -> None:
        ends = {"a0": False, "a1": False, "__all__": False}
        for at, place, answer in (("step", 2, [ends]), ("reset", 1, [{"a0": None}]), ("reset", 1, [{"__common__": {}}])):
            task = PettingZoo(Told(at, place, answer))
            task.reset(1)
            task.step(np.zeros(2, int))

    def test_an_agent_that_nobody_announced_is_told(self) -> None:
        env = two()
        reset = env.reset
        env.reset = lambda seed=None: (reset(seed), env.agents.append("late"))[0]
        with self.assertRaisesRegex(Refusal, "env.agents have an agent 'late'"):
            PettingZoo(env).reset(1)


class Four(Sound):
    """Its step is gymnasium's."""

    def step(self, actions: np.ndarray) -> tuple:
        return *super().step(actions), {}


class SometimesNaN(Sound):
    """Every second episode has no such number."""

    metrics = ("found",)

    def metric_values(self) -> tuple[float]:
        return (math.nan if self.seed % 2 else 1.0,)

    def reset(self, seed: int) -> np.ndarray:
        self.seed = seed
        return super().reset(seed)


class HalfALetter(Sound):
    """A name that comes of bytes which are no text."""

    agent_names = ("a", b"\xff".decode(errors="surrogateescape"))


class Tasks(unittest.TestCase):
    def check(self, kind: type) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.assertEqual(check(f"{__name__}:{kind.__name__}", {}, 3), 1)
        self.assertNotIn("Traceback", printed.getvalue())
        return printed.getvalue()

    def test_the_check_says_it_in_a_sentence(self) -> None:
        for kind, words in (
            (Four, r"step returned 5 values, as gymnasium's does: expected 4, \(obs, rewards, terminated, truncated\)"),
            (SometimesNaN, r"metric_values\(\) returned nan for the metric 'found'"),
            (HalfALetter, r"agent_names has '\\udcff', which is no text"),
        ):
            with self.subTest(kind.__name__):
                self.assertRegex(self.check(kind), f"WRONG .*{words}")

    def test_metrics_are_finite_numbers_and_as_many_as_names(self) -> None:
        class Given:
            def __init__(self, values: Any, method: str = "metric_values") -> None:
                setattr(self, method, lambda: values)

        for method in ("metric_values", "figures"):
            np.testing.assert_array_equal(metrics_of(Given((1, 2.5), method), ["a", "b"]), [1, 2.5])
            with self.assertRaisesRegex(Refusal, rf"{method}\(\) returned"):
                metrics_of(Given((1.0,), method), ["a", "b"])
        for values, words in (
            ((1.0, math.nan), "returned nan for the metric 'b'"),
            ((1e300, 0.0), "returned inf for the metric 'a'"),
            ((1.0,), "a number for each of"),
            (1.0, "a number for each of"),
            (None, "expected"),
            (("x", 1.0), "expected a number for each"),
        ):
            with self.subTest(words), self.assertRaisesRegex(Refusal, words):
                metrics_of(Given(values), ["a", "b"])

    def test_an_answer_is_text_whatever_is_in_it(self) -> None:
        line = json_of({"ok": {"text": "ü \ud800 \u2028\n"}})
        self.assertEqual(json.loads(line), {"ok": {"text": "ü ? \u2028\n"}})
        self.assertNotIn("\n", line)


if __name__ == "__main__":
    unittest.main()
