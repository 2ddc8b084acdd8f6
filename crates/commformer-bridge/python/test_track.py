"""Tests of docs/examples/track.py without a tracker: python -m unittest test_track (in this directory)."""

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

SCRIPT = Path(__file__).parents[3] / "docs" / "examples" / "track.py"


def track() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("track", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    # Nothing is to be left beside the script.
    with mock.patch.object(sys, "dont_write_bytecode", True):
        spec.loader.exec_module(module)
    return module


def evaluation(steps: int, **fields: Any) -> bytes:
    return json.dumps({"kind": "evaluation", "steps": steps, "seconds": {"elapsed": 1.0}, **fields}).encode()


@unittest.skipIf(sys.version_info < (3, 11), "track.py needs Python 3.11")
class Lines(unittest.TestCase):
    """What is read of a run's lines."""

    def points(self, *lines: bytes) -> tuple[dict[int, dict[str, float]], str]:
        """Numbers by steps, and what was said."""
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
            (Path(folder) / "config.toml").write_text("[run]\nseed = 1\n")
            (Path(folder) / "metrics.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
            points = {steps: numbers for steps, _, numbers in track().Run(Path(folder)).points()}
        return points, said.getvalue()

    def test_what_cannot_be_read_is_left_out_and_told(self) -> None:
        metrics = {"return": {"mean": 0.5, "low": None, "high": None}, "won": {"mean": None}}
        iteration = b'{"kind":"iteration","iteration":1,"steps":50,"return":null,"losses":{"policy":0.25},' \
            b'"seconds":{"elapsed":0.5}}'
        spoiled = [iteration[:40], b"", b"[1]", b'"\xff', b'{"kind":"evaluation","steps":70}', evaluation(80),
                   evaluation(90, metrics=[])]
        points, said = self.points(iteration, *spoiled, evaluation(100, metrics=metrics))
        expected = {50: {"train/losses/policy": 0.25, "train/seconds/elapsed": 0.5}, 100: {"eval/return": 0.5}}
        self.assertEqual(points, expected)
        self.assertIn("7 of 9 lines (the first is line 2)", said)

    def test_older_runs_have_their_metrics_under_another_name(self) -> None:
        points, said = self.points(evaluation(100, figures={"return": {"mean": 0.5}}), evaluation(200, metrics={}))
        self.assertEqual((points, said), ({100: {"eval/return": 0.5}, 200: {}}, ""))

    def test_a_name_of_any_letters_is_one_that_mlflow_takes(self) -> None:
        names = {"train/seconds/elapsed": "train/seconds/elapsed", "env.options.a+b": "env.options.a_b",
                 "eval/won (%)": "eval/won ___", "eval/../x": "eval/_/x", "eval//": "eval/_/_", "eval/成功": "eval/成功"}
        self.assertEqual({name: track().named(name) for name in names}, names)


if __name__ == "__main__":
    unittest.main()
