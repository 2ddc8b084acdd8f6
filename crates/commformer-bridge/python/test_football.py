"""Tests of the adapter of Google Research Football: python -m unittest test_football (in this directory)."""

import functools
import sys
import unittest
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from commformer_bridge import football


def raw(**changes: Any) -> dict[str, Any]:
    """What Google Research Football tells of three against two; player 1 is looked at and has the ball."""
    given = {
        "left_team": np.array([[-1.0, 0.0], [0.5, 0.1], [0.6, -0.2]]),
        "left_team_direction": np.array([[0.0, 0.0], [0.02, 0.0], [0.0, -0.01]]),
        "left_team_tired_factor": np.array([0.0, 0.25, 0.0]),
        "right_team": np.array([[1.0, 0.0], [0.75, 0.1]]),
        "right_team_direction": np.array([[0.0, 0.0], [-0.01, 0.0]]),
        "ball": np.array([0.5, 0.1, 0.4]),
        "ball_direction": np.array([0.02, 0.0, 0.0]),
        "ball_owned_team": 0,
        "ball_owned_player": 1,
        "active": 1,
        "sticky_actions": np.zeros(10, dtype=int),
        "game_mode": 0,
        "steps_left": 200,
    }
    return {**given, **changes}


class Engine:
    """A stand-in for the engine of Google Research Football: an episode ends after its length, with a score or none."""

    def __init__(self, length: int, last_score: int, number_of_left_players_agent_controls: int, **_: Any) -> None:
        self.agents, self.unwrapped, self._config = number_of_left_players_agent_controls, self, {}
        self.length, self.last_score, self.left = length, last_score, 0

    def observation(self) -> list[dict[str, Any]]:
        return [raw(active=player % 3, steps_left=self.left) for player in range(self.agents)]

    def reset(self) -> list[dict[str, Any]]:
        self.left = self.length
        return self.observation()

    def step(self, actions: list[int]) -> tuple[list[dict[str, Any]], np.ndarray, bool, dict[str, int]]:
        assert len(actions) == self.agents and self.left > 0
        self.left -= 1
        score = 0 if self.left else self.last_score
        return self.observation(), np.full(self.agents, 0.5), self.left == 0, {"score_reward": score}


def engine(length: int, last_score: int) -> Any:
    """Puts the stand-in in the place of the engine, until the patch is stopped."""
    env = ModuleType("gfootball.env")
    env.create_environment = functools.partial(Engine, length, last_score)
    return mock.patch.dict(sys.modules, {"gfootball": ModuleType("gfootball"), "gfootball.env": env})


class Football(unittest.TestCase):
    """What is computed from the engine's description; the engine itself is not asked."""

    def test_who_is_looked_at_is_where_everything_is_seen_from(self) -> None:
        seen = football.Football.encode(raw(), 400)
        parts = {"place": 2, "direction": 2, "tired, ball": 2, "keeps doing": 10, "goal": 2, "to the ball": 2}
        parts |= {"its distance, height": 2, "its direction": 3, "whose": 3, "own": 10, "other": 10, "play": 7, "time": 1}
        self.assertEqual(len(seen), sum(parts.values()))
        found = {}
        for name, size in parts.items():
            found[name], seen = seen[:size], seen[size:]
        expected = {
            "place": [0.5, 0.1],
            "direction": [1, 0],
            "tired, ball": [0.25, 1],
            "goal": [0.5, -0.1],
            "to the ball": [0, 0],
            "its distance, height": [0, 0.1],
            "its direction": [0.5, 0, 0],
            "whose": [0, 1, 0],
            "own": [-1.5, -0.1, 0, 0, 0, 0.1, -0.3, 0, -0.5, 0],
            "other": [0.5, -0.1, 0, 0, 0, 0.25, 0, -0.5, 0, 0],
            "play": [1, 0, 0, 0, 0, 0, 0],
            "time": [0.5],
        }
        for name, numbers in expected.items():
            np.testing.assert_allclose(found[name], numbers, atol=1e-6, err_msg=name)

    def test_the_time_that_is_left_is_a_share_of_the_episode(self) -> None:
        for length in (400, 3000):
            with engine(length, last_score=0):
                task = football.Football("academy_3_vs_1_with_keeper")
                seen = [task.reset(0), task.step(np.zeros(3, dtype=int))[0]]
            expected = [np.float32(1), np.float32((length - 1) / length)]
            for rows, share in zip(seen, expected):
                self.assertEqual(rows[:, -1].tolist(), [share] * 3, f"of {length} steps")

    def test_a_goal_in_the_last_step_is_an_end_and_no_time_out(self) -> None:
        for score, ends in [(0, (False, True)), (1, (True, False)), (-1, (True, False))]:
            with engine(1, score):
                task = football.Football("academy_3_vs_1_with_keeper")
                task.reset(0)
                _, _, terminated, truncated = task.step(np.zeros(3, dtype=int))
            self.assertEqual((terminated, truncated), ends, f"score {score}")

    def test_another_who_has_the_ball_is_marked(self) -> None:
        whole = football.Football.encode(raw(), 400)
        for changes, place in [
            ({"ball_owned_player": 2}, -8 - 10 - 1),
            ({"ball_owned_team": 1, "ball_owned_player": 0}, -8 - 10 + 4),
        ]:
            seen = football.Football.encode(raw(**changes), 400)
            self.assertEqual((whole[place], seen[place]), (0, 1))
            self.assertEqual(seen[5], 0, "it has none itself")

    def test_actions_make_sense_by_who_has_the_ball(self) -> None:
        passes, shot, slide, dribble = slice(9, 12), 12, 16, 17

        def open_to(**changes: Any) -> tuple[bool, ...]:
            mask = football.Football.sensible(raw(**changes))
            self.assertTrue(mask[:9].all(), "to idle and to move always make sense")
            return bool(mask[passes].all()), bool(mask[shot]), bool(mask[slide]), bool(mask[dribble])

        nobody = {"ball_owned_team": -1, "ball_owned_player": -1}
        other = {"ball_owned_team": 1, "ball_owned_player": 1}
        own_half = {"ball": np.array([-0.5, 0.1, 0.0]), "left_team": np.array([[-1, 0], [-0.5, 0.1], [0, 0]])}
        self.assertEqual(open_to(), (True, True, False, True))
        self.assertEqual(open_to(**own_half), (True, False, False, True))
        self.assertEqual(open_to(active=2), (False, False, False, False))
        self.assertEqual(open_to(**nobody), (True, True, False, True), "the ball is at its feet")
        self.assertEqual(open_to(**nobody, active=2), (False, False, False, False))
        self.assertEqual(open_to(**other), (False, False, True, False))

    def test_what_is_kept_doing_can_be_stopped(self) -> None:
        stop_moving, sprint, stop_sprinting, dribble, stop_dribbling = 14, 13, 15, 17, 18
        idle = football.Football.sensible(raw())
        self.assertTrue(idle[sprint] and idle[dribble])
        self.assertFalse(idle[[stop_moving, stop_sprinting, stop_dribbling]].any())
        busy = football.Football.sensible(raw(sticky_actions=np.ones(10, dtype=int)))
        self.assertFalse(busy[sprint] or busy[dribble])
        self.assertTrue(busy[[stop_moving, stop_sprinting, stop_dribbling]].all())

    def test_the_pitch_is_drawn_with_everybody_on_it(self) -> None:
        task = object.__new__(football.Football)
        task.raw, task.agents = [raw(), raw(active=2)], 2
        picture = task.draw()
        self.assertEqual([len(picture["agents"]), sum("circle" in shape for shape in picture["shapes"])], [2, 6])
        for x, y in picture["agents"]:
            self.assertTrue(0 < x < picture["size"][0] and 0 < y < picture["size"][1])


if __name__ == "__main__":
    unittest.main()
