"""Tests of the scripts in docs/experiments that need no more than numpy: python -m unittest test_experiments (in this
directory)."""

import importlib.util
import json
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from test_football import engine

FOLDER = Path(__file__).parents[3] / "docs" / "experiments"


def script(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Nothing is to be left beside the scripts.
    with mock.patch.object(sys, "dont_write_bytecode", True):
        spec.loader.exec_module(module)
    return module


class Football(unittest.TestCase):
    """Random play and its speed, on the stand-in."""

    def setUp(self) -> None:
        # Importing a script puts the bridge's folder into the path.
        for patch in [engine(length=3, last_score=1), mock.patch.object(sys, "path", [*sys.path])]:
            patch.start()
            self.addCleanup(patch.stop)

    def test_random_play_is_scored(self) -> None:
        random = script("football-random")
        task = random.Football("academy_3_vs_1_with_keeper")
        self.assertEqual(random.episode(task, 7), (1, 1.5, 3))

    def test_engine_and_adapter_play_on_after_an_episode(self) -> None:
        speed = script("football-speed")
        for kind in (speed.Engine, speed.Adapter):
            player, draw = kind(), np.random.default_rng(1)
            for _ in range(7):
                player.play(draw)


class ComparisonTable(unittest.TestCase):
    """What a run comes to."""

    def line(self, final: dict[str, float], evaluations: list[dict[str, float]]) -> dict[str, str]:
        def estimates(metrics: dict[str, float]) -> dict[str, Any]:
            return {name: {"mean": mean} for name, mean in metrics.items()}

        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "task" / "method" / "seed-3"
            run.mkdir(parents=True)
            (run / "final.json").write_text(json.dumps(estimates(final)))
            lines = [
                {"kind": "evaluation", "steps": 100 * (at + 1), "metrics": estimates(metrics)}
                for at, metrics in enumerate(evaluations)
            ]
            (run / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
            return script("comparison-table").line_of(run)

    def test_signal_is_measured_by_its_accuracy(self) -> None:
        evaluations = [{"return": 9.0, "accuracy": 0.9}, {"return": 9.6, "accuracy": 0.96}]
        line = self.line({"return": 9.7, "accuracy": 0.97, "cued_accuracy": 0.97}, evaluations)
        self.assertEqual([line[name] for name in ("measure", "success", "solved_at")], ["accuracy", "0.97", "200"])

    def test_a_return_is_not_solved(self) -> None:
        line = self.line({"return": 30.0, "deliveries": 60.0}, [{"return": 20.0}, {"return": 30.0}])
        self.assertEqual([line[name] for name in ("measure", "success", "solved_at")], ["return", "30.0", ""])
        self.assertEqual(script("comparison-table").solved_at([line]), "")

    def test_what_was_lost_is_unknown_and_not_never(self) -> None:
        solved_at = script("comparison-table").solved_at
        lines = [{"measure": "accuracy", "solved_at": steps} for steps in ("10240", "unknown")]
        self.assertEqual(solved_at(lines), "unknown")
        self.assertEqual(solved_at(lines[:1]), "10k")
        self.assertEqual(solved_at([{"measure": "won", "solved_at": ""}]), "never")


class Table(unittest.TestCase):
    """A row of the results' tables."""

    def test_runs_of_a_comparison_are_a_row_in_the_order_of_their_seeds(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for seed, success in [(10, 0.9), (2, 1.0)]:
                run = Path(folder) / "task" / "method" / f"seed-{seed}"
                run.mkdir(parents=True)
                metrics = {"success": {"mean": success}}
                evaluation = {"kind": "evaluation", "steps": 80_000, "seconds": {"elapsed": 60}, "metrics": metrics}
                (run / "final.json").write_text(json.dumps(metrics))
                (run / "metrics.jsonl").write_text(json.dumps(evaluation))
            cells = script("table").row(Path(folder), "task/method", False)
        found = [cell for cell in cells if cell]
        self.assertEqual(found, ["task/method", "2", "0.95 (0.90 to 1.00)", "80k (1 min), never"])


if __name__ == "__main__":
    unittest.main()
