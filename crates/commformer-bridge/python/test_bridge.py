"""Tests of the tasks: python -m unittest test_bridge (in this directory).

Environments are made by hand here. SMAC is tested against a fake of its interface: nothing here has met StarCraft II.
Those with the real MPE environments are skipped where `mpe2` is missing.
"""

import contextlib
import importlib.util
import io
import os
import pathlib
import sys
import types
import unicodedata
import unittest
from typing import Any

import numpy as np

import bridge


def space(**attributes: Any) -> Any:
    """A space, as far as its attributes tell."""
    return types.SimpleNamespace(**attributes)


def discrete(n: int, start: int = 0) -> Any:
    return space(n=n, start=start, shape=())


def box(low: float, high: float, *shape: int) -> Any:
    return space(low=np.full(shape, low), high=np.full(shape, high), shape=shape, dtype=np.dtype(np.float32))


class Parallel:
    """A parallel environment that shows and ends what it is told, and remembers what was done."""

    def __init__(
        self, views: list[Any], acts: list[Any], shown: list[Any], infos: dict[str, Any] | None = None
    ):
        self.possible_agents = [f"a{i}" for i in range(len(views))]
        self.views, self.acts = (dict(zip(self.possible_agents, spaces)) for spaces in (views, acts))
        self.shown, self.infos = dict(zip(self.possible_agents, shown)), infos or {}
        self.terminate: set[str] = set()
        self.truncate: set[str] = set()
        self.seeds: list[int] = []

    def observation_space(self, agent: str) -> Any:
        return self.views[agent]

    def action_space(self, agent: str) -> Any:
        return self.acts[agent]

    def reset(self, seed: int | None = None) -> tuple[dict, dict]:
        self.seeds.append(seed)
        self.agents = list(self.possible_agents)
        return dict(self.shown), self.infos

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        self.done, acting = actions, self.agents
        self.agents = [name for name in acting if name not in self.terminate | self.truncate]
        return (
            {name: self.shown[name] for name in acting},
            {name: 1.0 + i for i, name in enumerate(self.possible_agents)},
            {name: name in self.terminate for name in acting},
            {name: name in self.truncate for name in acting},
            self.infos,
        )

    def close(self) -> None:
        self.closed = True


class Written(Parallel):
    """Two agents, and for each step who is listed after it, and what the terminations and truncations are."""

    def __init__(self, *steps: tuple[set[str], dict[str, bool], dict[str, bool]]):
        super().__init__([box(0, 9, 2)] * 2, [discrete(3)] * 2, [[1, 2], [3, 4]])
        self.steps = list(steps)

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        self.done = actions
        listed, terminations, truncations = self.steps.pop(0)
        self.agents = sorted(listed)
        return dict(self.shown), dict.fromkeys(self.possible_agents, 1.0), terminations, truncations, {}


def two(**changes: Any) -> Parallel:
    """Two agents with two numbers and three actions each."""
    given = {"views": [box(0, 9, 2)] * 2, "acts": [discrete(3)] * 2, "shown": [[1, 2], [3, 4]], **changes}
    return Parallel(**given)


class Agents(unittest.TestCase):
    def test_an_agent_that_leaves_is_inactive_and_its_action_goes_nowhere(self) -> None:
        env = two()
        task = bridge.PettingZoo(env)
        task.reset(0)
        env.terminate = {"a0"}
        seen, rewards, terminated, truncated = task.step(np.array([1, 2]))
        self.assertEqual((seen.tolist(), rewards.tolist()), ([[0, 0], [3, 4]], [1, 2]))
        self.assertEqual((terminated, truncated, task.active().tolist()), (False, False, [False, True]))
        self.assertEqual(task.available().tolist(), [[True, False, False], [True, True, True]])
        _, rewards, _, _ = task.step(np.array([1, 2]))
        self.assertEqual((rewards.tolist(), env.done), ([0, 2], {"a1": 2}))

    def test_an_episode_terminates_or_is_truncated_as_the_last_who_leave(self) -> None:
        for first, terminate, truncate, ends in (
            ({"a0"}, {"a1"}, set(), (True, False)),
            ({"a0"}, set(), {"a1"}, (False, True)),
            (set(), set(), {"a0", "a1"}, (False, True)),
            (set(), {"a0"}, {"a1"}, (False, True)),
        ):
            env = two()
            task = bridge.PettingZoo(env)
            task.reset(0)
            env.terminate = first
            task.step(np.array([0, 0]))
            env.terminate, env.truncate = terminate, truncate
            seen, _, *found = task.step(np.array([0, 0]))
            self.assertEqual(tuple(found), ends)
            self.assertEqual(seen[1].tolist(), [3, 4], "the last observation is shown")

    def test_ends_are_each_agent_s_own(self) -> None:
        env = two()
        task = bridge.PettingZoo(env)
        task.reset(0)
        env.terminate, env.truncate = {"a0"}, {"a1"}
        seen, _, terminated, truncated = task.step(np.array([0, 0]))
        self.assertEqual((terminated, truncated), (False, True))
        self.assertEqual((task.departed().tolist(), task.active().tolist()), ([True, False], [False, True]))
        self.assertEqual(seen.tolist(), [[0, 0], [3, 4]], "what lies ahead is told from the last observation")
        task.reset(0)
        self.assertEqual((task.departed().tolist(), task.active().tolist()), ([False] * 2, [True] * 2))

    def test_who_both_terminates_and_is_truncated_has_nothing_ahead(self) -> None:
        env = two()
        task = bridge.PettingZoo(env)
        task.reset(0)
        env.terminate = env.truncate = {"a0", "a1"}
        self.assertEqual(task.step(np.array([0, 0]))[2:], (True, False))

    def test_all_is_everybody(self) -> None:
        for terminated, truncated, ends, departed in (
            ({"__all__": True}, {"__all__": False}, (True, False), [True, True]),
            ({"__all__": False}, {"__all__": True}, (False, True), [False, False]),
            ({"a0": True, "__all__": False}, {"__all__": True}, (False, True), [True, False]),
            ({"a0": False, "a1": False, "__all__": False}, {}, (False, False), [False, False]),
        ):
            env = Written(({"a0", "a1"}, terminated, truncated))
            task = bridge.PettingZoo(env)
            task.reset(0)
            found = task.step(np.array([0, 0]))[2:]
            self.assertEqual((found, task.departed().tolist()), (ends, departed))

    def test_who_is_out_stays_out_whoever_lists_it(self) -> None:
        both, none = {"a0", "a1"}, {}
        env = Written((both, {"a0": True}, none), (both, none, none), (both, none, none), (both, {"a1": True}, none))
        task = bridge.PettingZoo(env)
        task.reset(0)
        for step in range(3):
            seen, paid, *ends = task.step(np.array([1, 2]))
            self.assertEqual((ends, task.active().tolist()), ([False, False], [False, True]), step)
            self.assertEqual((task.departed().tolist(), seen[0].tolist()), ([True, False], [0, 0]))
            self.assertEqual((env.done, paid.tolist()), ({"a0": 1, "a1": 2}, [1, 1]) if not step else ({"a1": 2}, [0, 1]))
        self.assertEqual(task.step(np.array([1, 2]))[2:], (True, False), "all are out, though both are listed")
        self.assertEqual(task.departed().tolist(), [True, True])

    def test_who_was_out_before_has_left_when_the_others_are_cut(self) -> None:
        for first in ({"a0": True}, {}), ({}, {"a0": True}):
            env = Written(({"a1"}, *first), ({"a1"}, {}, {"a1": True}))
            task = bridge.PettingZoo(env)
            task.reset(0)
            task.step(np.array([0, 0]))
            self.assertEqual(task.step(np.array([0, 0]))[2:], (False, True))
            self.assertEqual((task.departed().tolist(), task.active().tolist()), ([True, False], [False, True]))

    def test_who_pauses_is_inactive_and_has_not_left(self) -> None:
        env = Written(({"a1"}, {}, {}), ({"a0", "a1"}, {}, {}), ({"a1"}, {}, {}))
        task = bridge.PettingZoo(env)
        task.reset(0)
        for there in (False, True, False):
            acted = task.active().tolist()
            seen, paid, *ends = task.step(np.array([1, 2]))
            self.assertEqual((ends, task.active().tolist()), ([False, False], [there, True]))
            self.assertEqual((task.departed().tolist(), "a0" in env.done), ([False, False], acted[0]))
            self.assertEqual((seen[0].any(), paid.tolist()), (there, [1, 1]), "what rewards name is paid in a pause too")

    def test_an_episode_can_go_on_while_all_who_are_left_pause(self) -> None:
        # The dead stay listed here, so that somebody is.
        env = Written(({"a0", "a1"}, {"a0": True}, {}), ({"a0"}, {}, {}), ({"a0", "a1"}, {}, {}))
        task = bridge.PettingZoo(env)
        task.reset(0)
        found = []
        for _ in range(3):
            self.assertEqual(task.step(np.array([0, 0]))[2:], (False, False))
            found.append(task.active().tolist())
        self.assertEqual(found, [[False, True], [False, False], [False, True]])

    def test_a_pause_is_cut_with_the_others_and_shown_what_it_saw_last(self) -> None:
        env = Written(({"a1"}, {}, {}), (set(), {}, {"a1": True}))
        task = bridge.PettingZoo(env)
        task.reset(0)
        task.step(np.array([0, 0]))
        env.shown = {"a1": [7, 8]}
        seen, _, *ends = task.step(np.array([0, 0]))
        self.assertEqual((seen.tolist(), ends), ([[1, 2], [7, 8]], [False, True]))
        self.assertEqual((task.active().tolist(), task.departed().tolist()), ([True, True], [False, False]))

    def test_where_nobody_is_listed_the_episode_is_over(self) -> None:
        task = bridge.PettingZoo(Written((set(), {}, {})))
        task.reset(0)
        self.assertEqual(task.step(np.array([0, 0]))[2:], (True, False))

    def test_a_seed_is_one_that_every_generator_takes(self) -> None:
        env = two()
        bridge.PettingZoo(env).reset(2**63 + 5)
        self.assertEqual(env.seeds, [5])

    def test_what_is_missing_is_named(self) -> None:
        env = two()
        task = bridge.PettingZoo(env)
        del env.shown["a1"]
        with self.assertRaisesRegex(bridge.Refusal, "no observation was returned for a1"):
            task.reset(0)
        with self.assertRaisesRegex(bridge.Refusal, "aec_to_parallel"):
            bridge.PettingZoo(types.SimpleNamespace(agent_iter=None))


class Observations(unittest.TestCase):
    def test_shorter_observations_are_padded_and_the_user_is_told(self) -> None:
        task = bridge.PettingZoo(two(views=[box(0, 9, 1), box(0, 9, 3)], shown=[[7], [1, 2, 3]]))
        self.assertEqual(task.reset(0).tolist(), [[7, 0, 0], [1, 2, 3]])
        self.assertEqual(task.notes, ["observations have 1 to 3 numbers: the shorter are padded with zeros"])

    def test_every_kind_of_space_is_flattened(self) -> None:
        bits, choices = space(n=2, shape=(2,)), space(nvec=np.array([2, 3]), shape=(2,))
        pair = space(spaces=(discrete(3, start=5), box(0, 9, 2, 1)))
        whole = space(spaces={"bits": bits, "choices": choices, "pair": pair})
        flat = bridge.flatten(whole, {"bits": [1, 0], "choices": [1, 2], "pair": (6, [[8], [9]])})
        self.assertEqual(flat.tolist(), [1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 8, 9])
        self.assertEqual(bridge.flat_size(whole), 12)

    def test_what_is_not_in_its_space_is_refused(self) -> None:
        for value in ([1, 2, 3], None, [1]):
            with self.assertRaisesRegex(bridge.Refusal, "observation of a0"):
                bridge.PettingZoo(two(shown=[value, [3, 4]])).reset(0)
        with self.assertRaisesRegex(bridge.Refusal, "not in its space"):
            bridge.PettingZoo(two(views=[discrete(3)] * 2, shown=[3, 0])).reset(0)
        with self.assertRaisesRegex(bridge.Refusal, "convert others"):
            bridge.PettingZoo(two(views=[space(characters="ab", shape=None)] * 2))


class Actions(unittest.TestCase):
    def test_actions_that_an_agent_lacks_are_masked_and_the_user_is_told(self) -> None:
        task = bridge.PettingZoo(two(acts=[discrete(2), discrete(3)]))
        task.reset(0)
        self.assertEqual(task.available().tolist(), [[True, True, False], [True, True, True]])
        self.assertEqual(task.notes, ["agents have 2 to 3 actions: those an agent lacks are never available"])

    def test_masks_are_taken_from_observations_and_infos(self) -> None:
        view = space(spaces={"observation": box(0, 9, 2), "action_mask": box(0, 1, 3)})
        shown = [{"observation": [1, 2], "action_mask": np.array([0, 1, 0], dtype=np.int8)}, [3, 4]]
        infos = {"a1": {"action_mask": np.array([1, 0, 1])}}
        task = bridge.PettingZoo(two(views=[view, box(0, 9, 2)], shown=shown, infos=infos))
        self.assertEqual(task.reset(0).tolist(), [[1, 2], [3, 4]])
        self.assertEqual(task.available().tolist(), [[False, True, False], [True, False, True]])

    def masked(self, *masks: Any, key: str = "action_mask") -> list[list[bool]]:
        """What a0 can do, by masks in its infos, each shown after another step."""
        env = two()
        task = bridge.PettingZoo(env)
        found = []
        for step, mask in enumerate(masks):
            env.infos = {"a0": {key: mask, "count_of_actions": 3}}
            task.step(np.array([0, 0])) if step else task.reset(0)
            found.append(task.available()[0].tolist())
        return found

    def test_masks_have_many_names(self) -> None:
        for key in ("action_mask", "action_masks", "actions_mask", "mask", "available", "avail_actions", "available_actions",
                    "legal_actions", "legal_moves", "valid_actions", "valid_action_mask", "mask_actions"):
            self.assertEqual(self.masked(np.array([False, True, False]), key=key), [[False, True, False]], key)
            view = space(spaces={"obs": box(0, 9, 2), key: box(0, 1, 3)})
            shown = {"obs": [5, 6], key: np.array([0, 1, 0], dtype=np.int8)}
            task = bridge.PettingZoo(two(views=[view] * 2, shown=[shown] * 2))
            self.assertEqual((task.obs_dim, task.reset(0).tolist()), (2, [[5, 6]] * 2), key)
            self.assertEqual(task.available().tolist(), [[False, True, False]] * 2, key)
        view = space(spaces={"x": box(0, 9, 1), "action_mask": box(0, 1, 3), "y": box(0, 9, 1)})
        task = bridge.PettingZoo(two(views=[view] * 2, shown=[{"x": [5], "action_mask": [1, 0, 0], "y": [6]}] * 2))
        self.assertEqual(task.reset(0).tolist(), [[5, 6]] * 2)

    def test_what_is_no_mask_of_actions_is_left_alone(self) -> None:
        for key, value in (("mask", [1, 0]), ("illegal_move", True), ("invalid_actions", 3), ("action_mask", None),
                           ("available", [1, 0, 0, 0]), ("last_action", [0, 1, 0])):
            self.assertEqual(self.masked(value, key=key), [[True] * 3], key)
        view = space(spaces={"map": box(0, 9, 2), "mask": box(0, 1, 2)})
        task = bridge.PettingZoo(two(views=[view] * 2, shown=[{"map": [1, 2], "mask": [0, 1]}] * 2))
        self.assertEqual(task.reset(0).tolist(), [[1, 2, 0, 1]] * 2)

    def test_masks_are_read_by_their_kind(self) -> None:
        inf = np.inf
        for masks, able in (
            ([np.array([0, 1, 0])], ["010"]),
            ([[1, 1, 1]], ["111"]),
            ([[True, False, True]], ["101"]),
            ([[1.0, 0.0, 0.0]], ["100"]),
            ([[0, -inf, 0]], ["101"]),
            ([np.array([-1e9, 0, 0], dtype=np.float32), np.zeros(3), [0, -1e9, 0]], ["011", "111", "101"]),
        ):
            found = ["".join(str(int(flag)) for flag in row) for row in self.masked(*masks)]
            self.assertEqual(found, able, masks)

    def test_a_mask_that_is_not_clear_is_refused_and_shown(self) -> None:
        for masks, words in (
            ([[1, 1]], r"action_mask of a0 has the shape \(2,\); it has 3 actions"),
            ([[0.0, 0.0, 0.0]], r"is \[0.0, 0.0, 0.0\]: all actions if it is to be added"),
            ([[0, 0, 0]], "leaves no action"),
            ([[False] * 3], "leaves no action"),
            ([[-np.inf] * 3], "leaves no action"),
            ([[0, 1, 2]], r"is \[0, 1, 2\]: expected truth values"),
            ([[0, 1, -np.inf]], "expected truth values"),
            ([[0.0, np.nan, 1.0]], "expected truth values"),
            ([["a", "b", "c"]], "is of type"),
            ([[0, -np.inf, 0], [0, 1, 0]], "of the other kind"),
            ([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], "leaves no action"),
        ):
            with self.assertRaisesRegex(bridge.Refusal, words, msg=str(masks)):
                self.masked(*masks)
        for key in ("invalid_action_mask", "illegal_actions", "unavailable_actions"):
            with self.assertRaisesRegex(bridge.Refusal, f"a0 is given '{key}'"):
                self.masked([1, 0, 0], key=key)
        with self.assertRaisesRegex(bridge.Refusal, "'action_mask' and 'legal_actions'"):
            infos = {"a0": {"action_mask": [1, 0, 0], "legal_actions": [0, 1, 1]}}
            bridge.PettingZoo(two(infos=infos)).reset(0)

    def test_choices_begin_where_the_space_says(self) -> None:
        env = two(acts=[discrete(3, start=-1)] * 2)
        task = bridge.PettingZoo(env)
        task.reset(0)
        task.step(np.array([0, 2]))
        self.assertEqual(env.done, {"a0": -1, "a1": 1})

    def acted(self, low: Any, high: Any, *numbers: float) -> tuple[list[float], list[str]]:
        """What an environment with these bounds is given for the policy's numbers, and the notes."""
        acts = space(low=np.float32(low), high=np.float32(high), shape=(len(numbers),), dtype=np.dtype(np.float32))
        env = two(acts=[acts] * 2)
        task = bridge.PettingZoo(env)
        task.reset(0)
        task.step(np.array([numbers] * 2, dtype=np.float32))
        return env.done["a0"].tolist(), task.notes

    def test_numbers_are_stretched_onto_bounds(self) -> None:
        numbers, notes = self.acted([100] * 5, [200] * 5, -3, -1, 0, 0.5, 1)
        self.assertEqual(numbers, [100, 100, 150, 175, 200])
        self.assertEqual(notes, ["actions have bounds 100 to 200: the policy's -1 to 1 is stretched onto them"])
        numbers, notes = self.acted([-0.001, 0], [0.001, 1], 0.5, 0.5)
        np.testing.assert_allclose(numbers, [0.0005, 0.75], rtol=1e-6)
        self.assertIn("-0.001 to 0.001, 0 to 1", notes[0])

    def test_bounds_of_one_are_as_they_were_to_the_bit(self) -> None:
        drawn = np.random.default_rng(0).normal(size=100).astype(np.float32)
        numbers, notes = self.acted([-1] * 100, [1] * 100, *drawn)
        self.assertEqual((numbers, notes), (np.clip(drawn, -1, 1).tolist(), []))

    def test_one_bound_cuts_and_none_does_nothing(self) -> None:
        most = np.finfo(np.float32).max
        numbers, notes = self.acted([0, -np.inf, -np.inf, -most], [np.inf, 5, np.inf, most], -7, 7, 7, -7)
        self.assertEqual(numbers, [0, 5, 7, -7])
        self.assertEqual(len(notes), 2, notes)
        self.assertRegex(notes[0], "bound on one side only: they are cut there")
        with self.assertRaisesRegex(bridge.Refusal, "expected low below high"):
            self.acted([1], [-1], 0)

    def test_numbers_are_shaped_and_cut_to_the_agents_own(self) -> None:
        env = two(acts=[box(-1, 1, 1), box(0, 1, 1, 2)])
        task = bridge.PettingZoo(env)
        self.assertFalse(hasattr(task, "available") or hasattr(task, "actions"))
        task.reset(0)
        task.step(np.array([[-3, 9], [0.5, 9]], dtype=np.float32))
        self.assertEqual((env.done["a0"].tolist(), env.done["a1"].tolist()), ([-1], [[0.75, 1]]))
        self.assertEqual(task.notes[0], "actions have 1 to 2 numbers: what an agent has too many is not used")

    def test_numbers_without_bounds_are_passed_on_and_the_user_is_told(self) -> None:
        env = two(acts=[box(-np.inf, np.inf, 1)] * 2)
        task = bridge.PettingZoo(env)
        task.reset(0)
        task.step(np.array([[100], [-100]], dtype=np.float32))
        self.assertEqual((env.done["a0"].item(), len(task.notes)), (100, 1))

    def test_mixed_and_other_kinds_are_refused(self) -> None:
        for acts in ([discrete(2), box(0, 1, 1)], [space(nvec=np.array([2, 2]), shape=(2,))] * 2):
            with self.assertRaisesRegex(bridge.Refusal, "expected Discrete for all"):
                bridge.PettingZoo(two(acts=acts))


class Making(unittest.TestCase):
    def test_a_name_that_cannot_be_made_says_what_to_do(self) -> None:
        for name, words in (
            ("spread", "expected pettingzoo:MODULE"),
            ("no_such_module:make", "-m pip install no_such_module"),
            ("xml.etre:make", "it has etree"),
            ("json:dump_", "it has dump"),
            ("os:getcwd", "has no agents"),
        ):
            with self.assertRaisesRegex(bridge.Refusal, words):
                bridge.make(name, {})
        with self.assertRaisesRegex(bridge.Refusal, "cannot be called with env.options = {'size': 1}"):
            bridge.make("os:getenv", {"size": 1})


class StarCraft2Env:
    """A fake of SMAC's class: two agents, of which the first dies at once; the limit is at step 3."""

    def __init__(self, map_name: str, continuing_episode: bool = False, crash: bool = False):
        self.limit_is_told, self.crash = continuing_episode, crash

    def get_env_info(self) -> dict[str, int]:
        return {"n_agents": 2, "obs_shape": 2, "n_actions": 3, "state_shape": 4, "episode_limit": 3}

    def reset(self) -> None:
        self.steps = 0

    def get_obs(self) -> list[np.ndarray]:
        return [np.zeros(2), np.ones(2)]

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
        task = bridge.make("smac:3m", {})
        self.assertEqual((task.agents, task.obs_dim, task.actions), (2, 2, 3))
        self.assertEqual(task.reset(0).tolist(), [[0, 0], [1, 1]])
        self.assertEqual(task.active().tolist(), [True, True])
        _, reward, terminated, truncated = task.step(np.array([1, 2]))
        self.assertEqual((reward, terminated, truncated), (0.5, True, False))
        self.assertEqual((task.active().tolist(), task.metric_values()), ([False, True], (1, 1, 1)))
        task.reset(0)
        self.assertEqual(task.metric_values(), (0, 0, 0))

    def test_the_limit_and_a_crash_of_starcraft_truncate(self) -> None:
        task = bridge.make("smac:3m", {})
        task.reset(0)
        ends = [task.step(np.array([0, 1]))[2:] for _ in range(3)]
        self.assertEqual(ends, [(False, False), (False, False), (False, True)])
        task = bridge.make("smac:3m", {"crash": True})
        task.reset(0)
        self.assertEqual(task.step(np.array([0, 1]))[2:], (False, True))


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


class Football(unittest.TestCase):
    """What is computed from the engine's description; the engine itself is not asked."""

    def test_who_is_looked_at_is_where_everything_is_seen_from(self) -> None:
        seen = bridge.Football.encode(raw())
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

    def test_another_who_has_the_ball_is_marked(self) -> None:
        whole = bridge.Football.encode(raw())
        for changes, place in [
            ({"ball_owned_player": 2}, -8 - 10 - 1),
            ({"ball_owned_team": 1, "ball_owned_player": 0}, -8 - 10 + 4),
        ]:
            seen = bridge.Football.encode(raw(**changes))
            self.assertEqual((whole[place], seen[place]), (0, 1))
            self.assertEqual(seen[5], 0, "it has none itself")

    def test_actions_make_sense_by_who_has_the_ball(self) -> None:
        passes, shot, slide, dribble = slice(9, 12), 12, 16, 17

        def open_to(**changes: Any) -> tuple[bool, ...]:
            mask = bridge.Football.sensible(raw(**changes))
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
        idle = bridge.Football.sensible(raw())
        self.assertTrue(idle[sprint] and idle[dribble])
        self.assertFalse(idle[[stop_moving, stop_sprinting, stop_dribbling]].any())
        busy = bridge.Football.sensible(raw(sticky_actions=np.ones(10, dtype=int)))
        self.assertFalse(busy[sprint] or busy[dribble])
        self.assertTrue(busy[[stop_moving, stop_sprinting, stop_dribbling]].all())

    def test_the_pitch_is_drawn_with_everybody_on_it(self) -> None:
        task = object.__new__(bridge.Football)
        task.raw, task.agents = [raw(), raw(active=2)], 2
        picture = task.draw()
        self.assertEqual([len(picture["agents"]), sum("circle" in shape for shape in picture["shapes"])], [2, 6])
        for x, y in picture["agents"]:
            self.assertTrue(0 < x < picture["size"][0] and 0 < y < picture["size"][1])


class Sound:
    """A task without a fault; those below have one each."""

    agents, obs_dim, actions = 2, 3, 2

    def reset(self, seed: int) -> np.ndarray:
        self.random, self.steps = np.random.default_rng(seed), 0
        return self.seen()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, Any, bool, bool]:
        self.steps += 1
        return self.seen(), float(actions.sum()), self.steps == 9, False

    def seen(self) -> np.ndarray:
        return self.random.random((2, 3))


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
            status = bridge.check("my_env:make", {"agents": 4}, resets=100)
        self.assertEqual(status, 0, printed.getvalue())


class Check(unittest.TestCase):
    def check(self, kind: type, resets: int = 30) -> tuple[int, str]:
        """The exit status of a check of a class of this file, and what it prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = bridge.check(f"{__name__}:{kind.__name__}", {}, resets)
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
            (Unseeded, r"same object, differ in observations after the first reset"),
            (NeverReset, r"same object, differ in observations"),
            (Raises, r"ZeroDivisionError: by the user"),
            (KeepsMemory, r"MiB of memory more after 30 resets"),
            (KeepsFiles, r"open files more after 30 resets"),
            (NoChoice, r"actions is 0"),
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

    def test_an_environments_words_do_not_act_on_a_terminal(self) -> None:
        _, printed = self.check(Loud)
        self.assertEqual([c for c in printed if unicodedata.category(c) == "Cc" and c != "\n"], [])
        for shown in (r"\u001b[2J", r"\u009b31m\u000d", r"\u001b]0;mine\u0007"):
            self.assertIn(shown, printed)

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


@unittest.skipUnless(importlib.util.find_spec("mpe2"), "mpe2 is not installed: pip install mpe2")
class Mpe(unittest.TestCase):
    def test_simple_spread_passes_the_check_and_is_drawn(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(
                bridge.check("pettingzoo:mpe2.simple_spread_v3", {"N": 4}, 30), 0, printed.getvalue()
            )
        task = bridge.make("pettingzoo:mpe2.simple_spread_v3", {"N": 4})
        task.reset(0)
        drawn = task.draw()
        self.assertEqual((len(drawn["agents"]), len(drawn["shapes"])), (4, 8))

    def test_speaker_and_listener_are_padded(self) -> None:
        task = bridge.make("pettingzoo:mpe2.simple_speaker_listener_v4", {})
        self.assertEqual((task.agents, task.obs_dim, task.actions, len(task.notes)), (2, 11, 5, 2))
        self.assertEqual(task.reset(0)[0, 3:].tolist(), [0] * 8)
        self.assertEqual(task.available().sum(axis=1).tolist(), [3, 5])

    def test_continuous_actions_end_by_the_limit(self) -> None:
        task = bridge.make("pettingzoo:mpe2.simple_spread_v3", {"continuous_actions": True, "max_cycles": 5})
        task.reset(0)
        ends = [task.step(np.full((3, task.action_dim), 7.0, dtype=np.float32))[2:] for _ in range(5)]
        self.assertEqual(ends, [(False, False)] * 4 + [(False, True)])


if __name__ == "__main__":
    unittest.main()
