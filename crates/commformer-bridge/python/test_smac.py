"""Tests of the adapter of SMAC: python -m unittest test_smac (in this directory).

It is tested against a fake of SMAC's interface: nothing here has met StarCraft II.
"""

import sys
import types
import unittest
from typing import Any

import numpy as np

from commformer_bridge.making import make


class StarCraft2Env:
    """A fake of SMAC's class: two agents, of which the first dies at once, against four; the limit is at step 3."""

    n_enemies = 4

    def __init__(self, map_name: str, continuing_episode: bool = False, crash: bool = False):
        self.limit_is_told, self.crash = continuing_episode, crash

    def get_env_info(self) -> dict[str, int]:
        return {"n_agents": 2, "obs_shape": 2, "n_actions": 3, "state_shape": 4, "episode_limit": 3}

    def reset(self) -> None:
        self.steps = 0

    def get_obs(self) -> list[np.ndarray]:
        return [np.zeros(2), np.ones(2)]

    def get_state(self) -> list[int]:
        return [9, 8, 7, 6]

    def get_avail_actions(self) -> list[list[int]]:
        return [[1, 0, 0] if self.steps else [0, 1, 1], [0, 1, 1]]

    def step(self, actions: list[int]) -> tuple[float, bool, dict[str, Any]]:
        self.steps += 1
        if self.crash:
            return 0, True, {}
        info = {"battle_won": actions[1] == 2, "dead_allies": 1, "dead_enemies": self.steps}
        if self.steps == 3 and self.limit_is_told:
            info["episode_limit"] = True
        return 0.5, self.steps == 3 or info["battle_won"], info

    def close(self) -> None:
        pass


class SmacFake(unittest.TestCase):
    def setUp(self) -> None:
        fake = types.ModuleType("smac.env")
        fake.StarCraft2Env = StarCraft2Env
        sys.modules.update({"smac": types.ModuleType("smac"), "smac.env": fake})
        self.addCleanup(lambda: [sys.modules.pop(name) for name in ("smac", "smac.env")])

    def test_the_dead_are_inactive_and_metrics_are_counted(self) -> None:
        task = make("smac:3m", {})
        self.assertEqual((task.agents, task.obs_dim, task.actions), (2, 2, 3))
        self.assertEqual(task.reset(0).tolist(), [[0, 0], [1, 1]])
        self.assertEqual((task.state_dim, task.state().tolist()), (4, [9, 8, 7, 6]))
        self.assertEqual(task.active().tolist(), [True, True])
        _, reward, terminated, truncated = task.step(np.array([1, 2]))
        self.assertEqual((reward, terminated, truncated), (0.5, True, False))
        self.assertEqual((task.active().tolist(), task.metric_values()), ([False, True], (1, 0.25, 0.5)))
        task.reset(0)
        self.assertEqual(task.metric_values(), (0, 0, 0))

    def test_the_limit_and_a_crash_of_starcraft_truncate(self) -> None:
        task = make("smac:3m", {})
        task.reset(0)
        ends = [task.step(np.array([0, 1]))[2:] for _ in range(3)]
        self.assertEqual(ends, [(False, False), (False, False), (False, True)])
        task = make("smac:3m", {"crash": True})
        task.reset(0)
        self.assertEqual(task.step(np.array([0, 1]))[2:], (False, True))


if __name__ == "__main__":
    unittest.main()
