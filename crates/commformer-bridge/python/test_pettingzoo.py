"""Tests of environments with PettingZoo's parallel API: python -m unittest test_pettingzoo (in this directory).

Environments are made by hand here. Those with the real MPE environments are skipped where `mpe2` is missing.
"""

import contextlib
import importlib.util
import inspect
import io
import types
import unittest
from typing import Any
from unittest import mock

import numpy as np

from commformer_bridge import warned
from commformer_bridge.check import check
from commformer_bridge.making import make
from commformer_bridge.metrics import metrics_of
from commformer_bridge.pettingzoo import PettingZoo
from commformer_bridge.refusal import Refusal
from commformer_bridge.spec import spec_of
from fakes import Written, box, checked, discrete, space, two


class States(unittest.TestCase):
    """Global states, which critics may know."""

    def task(self, **members: Any) -> PettingZoo:
        env = two()
        vars(env).update(members)
        return PettingZoo(env)

    def test_a_global_state_is_read_as_its_space_says(self) -> None:
        pair = space(spaces=(discrete(3), box(0, 9, 2)))
        task = self.task(state_space=pair, state=lambda: (1, [5, 6]))
        task.reset(0)
        self.assertEqual((spec_of(task)["state_dim"], spec_of(task, True)["state_dim"]), (0, 5))
        self.assertEqual(task.state().tolist(), [0, 1, 0, 5, 6])
        status, printed = checked(task)
        self.assertEqual(status, 0, printed)
        self.assertRegex(printed, "note .*a global state of 5 numbers is not asked for: env.global_state = true")
        status, printed = checked(task, states=True)
        self.assertEqual((status, "note" in printed and "not asked" in printed), (0, False), printed)
        self.assertIn("state_dim 5", printed)

    def test_an_environment_without_a_global_state_is_refused_where_one_is_wanted(self) -> None:
        for members in ({}, {"state": lambda: [1]}, {"state_space": box(0, 9, 2)}, {"state_space": space(), "state": list}):
            task = self.task(**members)
            self.assertEqual(spec_of(task)["state_dim"], 0)
            with self.assertRaisesRegex(Refusal, "env.global_state is true, but the environment gives none: expected"):
                spec_of(task, True)

    def test_a_global_state_outside_its_space_is_refused(self) -> None:
        for state, words in (
            ([1, 2, 3], r"the global state has the shape \(3,\) where its space"),
            (None, "the global state is of type object"),
        ):
            task = self.task(state_space=box(0, 9, 2), state=lambda state=state: state)
            task.reset(0)
            with self.assertRaisesRegex(Refusal, words):
                task.state()

    def test_the_state_of_an_episode_that_the_environment_began_by_itself_is_refused(self) -> None:
        task = self.task(state_space=box(0, 9, 1), state=lambda: [1], infos={"a1": {"final_observation": [7, 8]}})
        task.reset(0)
        task.env.terminate = {"a0", "a1"}
        task.step(np.array([0, 0]))
        with self.assertRaisesRegex(Refusal, "infos have 'final_observation'"):
            task.state()
        task.reset(0)
        self.assertEqual(task.state().tolist(), [1])

    def test_an_environment_that_cannot_be_closed_is_left_as_it_is(self) -> None:
        task = self.task()
        with mock.patch.object(type(task.env), "close", create=True):
            delattr(type(task.env), "close")
            task.close()


class Agents(unittest.TestCase):
    def test_an_agent_that_leaves_is_inactive_and_its_action_goes_nowhere(self) -> None:
        env = two()
        task = PettingZoo(env)
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
            task = PettingZoo(env)
            task.reset(0)
            env.terminate = first
            task.step(np.array([0, 0]))
            env.terminate, env.truncate = terminate, truncate
            seen, _, *found = task.step(np.array([0, 0]))
            self.assertEqual(tuple(found), ends)
            self.assertEqual(seen[1].tolist(), [3, 4], "the last observation is shown")

    def test_who_is_truncated_alone_is_told_of_once(self) -> None:
        warned.WARNED.clear()
        warned.WARNINGS.clear()
        env = two()
        task = PettingZoo(env)
        for told in (1, 0):
            task.reset(0)
            env.truncate = {"a0"}
            task.step(np.array([0, 0]))
            self.assertEqual((task.departed().tolist(), task.active().tolist()), ([True, False], [False, True]))
            found = warned.warnings()
            self.assertEqual(len(found), told)
            self.assertRegex(found.get("truncated", "a0 was truncated"), "a0 was truncated")
            # Together with the last one it is as it should be.
            env.truncate = {"a1"}
            task.step(np.array([0, 0]))
        self.assertEqual(warned.warnings(), {})

    def test_ends_are_each_agent_s_own(self) -> None:
        env = two()
        task = PettingZoo(env)
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
        task = PettingZoo(env)
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
            task = PettingZoo(env)
            task.reset(0)
            found = task.step(np.array([0, 0]))[2:]
            self.assertEqual((found, task.departed().tolist()), (ends, departed))

    def test_who_is_out_stays_out_whoever_lists_it(self) -> None:
        both, none = {"a0", "a1"}, {}
        env = Written((both, {"a0": True}, none), (both, none, none), (both, none, none), (both, {"a1": True}, none))
        task = PettingZoo(env)
        task.reset(0)
        for step in range(3):
            seen, paid, *ends = task.step(np.array([1, 2]))
            self.assertEqual((ends, task.active().tolist()), ([False, False], [False, True]), step)
            self.assertEqual((task.departed().tolist(), seen[0].tolist()), ([True, False], [0, 0]))
            self.assertEqual((env.done, paid.tolist()), ({"a0": 0 if step else 1, "a1": 2}, [0 if step else 1, 1]))
        self.assertEqual(task.step(np.array([1, 2]))[2:], (True, False), "all are out, though both are listed")
        self.assertEqual(task.departed().tolist(), [True, True])

    def test_who_is_listed_after_its_end_is_given_its_first_available_action(self) -> None:
        both, ended = {"a0", "a1"}, {"a0": True}
        mask = np.array([0, 0, 1])
        for acts, infos, given in (
            (discrete(3), {}, 0),
            (discrete(3, start=5), {}, 5),
            (discrete(3), {"action_mask": mask}, 2),
            (discrete(3, start=-1), {"legal_actions": [-np.inf, 0, 0]}, 0),
            (discrete(3), {"action_mask": mask * 0}, 0),
            (discrete(3), {"action_mask": [1]}, 0),
            (discrete(3), {"illegal_actions": mask}, 0),
            (box(2, 4, 1), {}, [3]),
        ):
            env = Written((both, ended, {}), (both, {}, {}), (both, {}, {}))
            env.acts = dict.fromkeys(both, acts)
            step = env.step
            env.step = lambda actions: (*step({name: actions[name] for name in env.agents})[:4], {"a0": infos})
            task = PettingZoo(env)
            task.reset(0)
            for _ in range(3):
                task.step(np.ones((2, 1)) if "low" in vars(acts) else np.array([1, 1]))
            self.assertEqual((np.asarray(env.done["a0"]).tolist(), len(env.done)), (given, 2), infos)
        # By the mask of its observation, as it has one; in the next episode it acts again.
        view = space(spaces={"observation": box(0, 9, 2), "action_mask": box(0, 1, 3)})
        env = Written((both, ended, {}), (both, {}, {}), (both, {}, {}))
        env.views = dict.fromkeys(both, view)
        env.shown = dict.fromkeys(both, {"observation": [1, 2], "action_mask": mask})
        task = PettingZoo(env)
        task.reset(0)
        for actions, done in (([1, 1], 1), ([1, 1], 2)):
            task.step(np.array(actions))
            self.assertEqual(env.done["a0"], done)
        task.reset(0)
        task.step(np.array([1, 1]))
        self.assertEqual(env.done["a0"], 1)

    def test_who_has_not_come_yet_does_not_end(self) -> None:
        for ends in ({"a0": True}, {}), ({}, {"a0": True}):
            env = Written(({"a1"}, *ends), ({"a0", "a1"}, *ends), ({"a0", "a1"}, {}, {}), (set(), {"a0": True, "a1": True}, {}))
            reset = env.reset

            def late(seed: int) -> Any:
                shown = reset(seed)
                env.agents = ["a1"]
                return shown

            env.reset = late
            task = PettingZoo(env)
            task.reset(0)
            for there in (False, True, True):
                self.assertEqual(task.step(np.array([0, 0]))[2:], (False, False))
                self.assertEqual((task.active().tolist(), task.departed().tolist()), ([there, True], [False, False]))
            self.assertEqual(task.step(np.array([0, 0]))[2:], (True, False))
        # Where all that came are out, so is who comes and ends with them.
        env = Written(({"a0", "a1"}, {"a0": True, "a1": True}, {}))
        reset, env.reset = env.reset, late
        task = PettingZoo(env)
        task.reset(0)
        self.assertEqual(task.step(np.array([0, 0]))[2:], (True, False))

    def test_who_was_out_before_has_left_when_the_others_are_cut(self) -> None:
        for first in ({"a0": True}, {}), ({}, {"a0": True}):
            env = Written(({"a1"}, *first), ({"a1"}, {}, {"a1": True}))
            task = PettingZoo(env)
            task.reset(0)
            task.step(np.array([0, 0]))
            self.assertEqual(task.step(np.array([0, 0]))[2:], (False, True))
            self.assertEqual((task.departed().tolist(), task.active().tolist()), ([True, False], [False, True]))

    def test_who_pauses_is_inactive_and_has_not_left(self) -> None:
        env = Written(({"a1"}, {}, {}), ({"a0", "a1"}, {}, {}), ({"a1"}, {}, {}))
        task = PettingZoo(env)
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
        task = PettingZoo(env)
        task.reset(0)
        found = []
        for _ in range(3):
            self.assertEqual(task.step(np.array([0, 0]))[2:], (False, False))
            found.append(task.active().tolist())
        self.assertEqual(found, [[False, True], [False, False], [False, True]])

    def test_where_one_moves_and_all_are_listed_nobody_learns(self) -> None:
        for listed, mover, refused in ((["a0", "a1"], "a1", True), (["a1"], "a1", False), (["a0", "a1"], True, False)):
            env = Written((set(listed), {}, {}))
            step = env.step
            env.step = lambda actions: (*step(actions)[:4], {name: {"active_agent": mover} for name in listed})
            task = PettingZoo(env)
            task.reset(0)
            words = "'a1' is the active_agent, but .* no effect.* only the agent whose turn it is in env.agents"
            with self.assertRaisesRegex(Refusal, words) if refused else contextlib.nullcontext():
                task.step(np.array([0, 0]))
        with self.assertRaisesRegex(Refusal, "turn_based_aec_to_parallel_wrapper, where .* only the agent whose turn"):
            PettingZoo(type("turn_based_aec_to_parallel_wrapper", (Written,), {})())

    def test_a_pause_is_cut_with_the_others_and_shown_what_it_saw_last(self) -> None:
        env = Written(({"a1"}, {}, {}), (set(), {}, {"a1": True}))
        task = PettingZoo(env)
        task.reset(0)
        task.step(np.array([0, 0]))
        env.shown = {"a1": [7, 8]}
        seen, _, *ends = task.step(np.array([0, 0]))
        self.assertEqual((seen.tolist(), ends), ([[1, 2], [7, 8]], [False, True]))
        self.assertEqual((task.active().tolist(), task.departed().tolist()), ([True, True], [False, False]))

    def test_the_last_look_may_show_nothing(self) -> None:
        nan, both = [np.nan, 1], {"a0", "a1"}
        for ends, shown, refused in (
            (({"__all__": True}, {}), {"a0": None, "a1": [np.inf, 0]}, False),
            (({"__all__": True}, {}), {"a0": nan, "a1": None}, False),
            (({}, {"__all__": True}), {"a0": None, "a1": None}, False),
            # An estimate would be made from these.
            (({}, {"__all__": True}), {"a0": nan, "a1": nan}, True),
            (({}, {}), {"a0": None, "a1": [3, 4]}, None),
        ):
            env = Written((both, *ends))
            task = PettingZoo(env)
            task.reset(0)
            env.shown = shown
            with self.assertRaisesRegex(Refusal, "of a0 is of type object") if refused is None else contextlib.nullcontext():
                seen = task.step(np.array([0, 0]))[0]
                self.assertEqual(seen.tolist() == [[1, 2], [3, 4]], not refused, seen)

    def test_an_environment_that_begins_anew_by_itself_is_truncated_where_it_ended(self) -> None:
        for key in ("final_observation", "final_obs", "terminal_observation"):
            env = Written(({"a0", "a1"}, {}, {"__all__": True}))
            step = env.step
            env.step = lambda actions: (*step(actions)[:4], {"a0": {key: [7, 8]}, "a1": {}})
            task = PettingZoo(env)
            task.reset(0)
            seen, _, *ends = task.step(np.array([0, 0]))
            self.assertEqual((seen.tolist(), ends), ([[7, 8], [3, 4]], [False, True]), key)

    def test_where_nobody_is_listed_the_episode_is_over(self) -> None:
        task = PettingZoo(Written((set(), {}, {})))
        task.reset(0)
        self.assertEqual(task.step(np.array([0, 0]))[2:], (True, False))

    def test_a_seed_is_one_that_every_generator_takes(self) -> None:
        env = two()
        PettingZoo(env).reset(2**63 + 5)
        self.assertEqual(env.seeds, [5])

    def test_what_is_missing_is_named(self) -> None:
        env = two()
        task = PettingZoo(env)
        del env.shown["a1"]
        with self.assertRaisesRegex(Refusal, "no observation was returned for a1"):
            task.reset(0)
        for metadata, words in (({"is_parallelizable": True}, "see pettingzoo.utils.aec_to_parallel"), ({}, "only the agent whose turn")):
            with self.assertRaisesRegex(Refusal, rf"take turns \(AEC\): .*{words}"):
                PettingZoo(types.SimpleNamespace(agent_iter=None, metadata=metadata))
        env.possible_agents = ["a0", "a1", "a0"]
        with self.assertRaisesRegex(Refusal, "possible_agents have 'a0' twice"):
            PettingZoo(env)


class Observations(unittest.TestCase):
    def test_shorter_observations_are_padded_and_the_user_is_told(self) -> None:
        task = PettingZoo(two(views=[box(0, 9, 1), box(0, 9, 3)], shown=[[7], [1, 2, 3]]))
        self.assertEqual(task.reset(0).tolist(), [[7, 0, 0], [1, 2, 3]])
        self.assertEqual(task.notes, ["observations have 1 to 3 numbers: the shorter are padded with zeros"])

    def test_what_the_space_does_not_say_is_refused(self) -> None:
        parts = {"x": box(0, 9, 1), "action_mask": box(0, 1, 3), "y": box(0, 9, 1)}
        shown = {"x": [5], "action_mask": [1, 0, 0], "y": [6]}
        for views, refused in ((parts, {**shown, "z": 1}), ({"x": parts["x"]}, {"x": [5], "action_mask": [1, 0, 0]})):
            view = space(spaces=views)
            with self.assertRaisesRegex(Refusal, "observation of a0 has '(z|action_mask)', which its space has not"):
                PettingZoo(two(views=[view] * 2, shown=[refused] * 2)).reset(0)

    def test_what_is_not_in_its_space_is_refused(self) -> None:
        for value in ([1, 2, 3], None, [1]):
            with self.assertRaisesRegex(Refusal, "observation of a0"):
                PettingZoo(two(shown=[value, [3, 4]])).reset(0)
        with self.assertRaisesRegex(Refusal, "not in its space"):
            PettingZoo(two(views=[discrete(3)] * 2, shown=[3, 0])).reset(0)
        with self.assertRaisesRegex(Refusal, "convert others"):
            PettingZoo(two(views=[space(characters="ab", shape=None)] * 2))


class Actions(unittest.TestCase):
    def test_actions_that_an_agent_lacks_are_masked_and_the_user_is_told(self) -> None:
        task = PettingZoo(two(acts=[discrete(2), discrete(3)]))
        task.reset(0)
        self.assertEqual(task.available().tolist(), [[True, True, False], [True, True, True]])
        self.assertEqual(task.notes, ["agents have 2 to 3 actions: those an agent lacks are never available"])

    def test_choices_begin_where_the_space_says(self) -> None:
        env = two(acts=[discrete(3, start=-1)] * 2)
        task = PettingZoo(env)
        task.reset(0)
        task.step(np.array([0, 2]))
        self.assertEqual(env.done, {"a0": -1, "a1": 1})

    def acted(self, low: Any, high: Any, *numbers: float) -> tuple[list[float], list[str]]:
        """What an environment with these bounds is given for the policy's numbers, and the notes."""
        acts = space(low=np.float32(low), high=np.float32(high), shape=(len(numbers),), dtype=np.dtype(np.float32))
        env = two(acts=[acts] * 2)
        task = PettingZoo(env)
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
        with self.assertRaisesRegex(Refusal, "expected low below high"):
            self.acted([1], [-1], 0)

    def test_numpy_may_be_told_to_raise_where_some_numbers_have_no_bounds(self) -> None:
        with np.errstate(all="raise"):
            self.assertEqual(self.acted([0, -np.inf, 0], [4, np.inf, np.inf], 0, 7, 3)[0], [2, 7, 3])

    def test_numbers_are_shaped_and_cut_to_the_agents_own(self) -> None:
        env = two(acts=[box(-1, 1, 1), box(0, 1, 1, 2)])
        task = PettingZoo(env)
        self.assertFalse(hasattr(task, "available") or hasattr(task, "actions"))
        task.reset(0)
        task.step(np.array([[-3, 9], [0.5, 9]], dtype=np.float32))
        self.assertEqual((env.done["a0"].tolist(), env.done["a1"].tolist()), ([-1], [[0.75, 1]]))
        self.assertEqual(task.notes[0], "actions have 1 to 2 numbers: what an agent has too many is not used")

    def test_numbers_without_bounds_are_passed_on_and_the_user_is_told(self) -> None:
        env = two(acts=[box(-np.inf, np.inf, 1)] * 2)
        task = PettingZoo(env)
        task.reset(0)
        task.step(np.array([[100], [-100]], dtype=np.float32))
        self.assertEqual((env.done["a0"].item(), len(task.notes)), (100, 1))

    def test_mixed_and_other_kinds_are_refused(self) -> None:
        for acts in ([discrete(2), box(0, 1, 1)], [space(nvec=np.array([2, 2]), shape=(2,))] * 2):
            with self.assertRaisesRegex(Refusal, "expected Discrete for all"):
                PettingZoo(two(acts=acts))


class Besides(unittest.TestCase):
    """Members of a task that an environment with PettingZoo's API has, too."""

    PICTURE = {"size": [1, 1], "agents": [[0, 0], None]}

    def task(self, **members: Any) -> PettingZoo:
        env = two()
        env.truncate = {"a0", "a1"}
        vars(env).update(members)
        return PettingZoo(env)

    def test_metrics_names_and_pictures_are_passed_on(self) -> None:
        task = self.task(
            metrics=("won",), metric_values=lambda: (0.5,), action_names=["a", "b", "c"], draw=lambda: self.PICTURE
        )
        spec = spec_of(task)
        self.assertEqual((spec["metrics"], spec["action_names"]), (["won"], ["a", "b", "c"]))
        self.assertEqual(metrics_of(task, ["won"]).tolist(), [0.5])
        self.assertEqual((task.draw(), checked(task)[0]), (self.PICTURE, 0))
        with self.assertRaisesRegex(Refusal, "two metrics are called 'won'"):
            spec_of(self.task(metrics=("won", "won"), metric_values=lambda: (0, 1)))

    def test_what_is_called_alike_and_is_something_else_is_left_alone(self) -> None:
        task = self.task(metrics={"loss": 1.0}, active=True, available=[1], departed=lambda agent: False, leaves=7)
        self.assertEqual((spec_of(task)["metrics"], task.notes), ([], []))
        task = self.task(action_names={"a0": "up"})
        self.assertEqual((spec_of(task)["action_names"], task.notes[0][:25]), ([], "action_names are not used"))

    def test_what_pettingzoo_says_in_its_own_way_is_refused(self) -> None:
        for name, member, words in (
            ("available", lambda: None, "and available, .*action_mask"),
            ("active", lambda: None, "and active, .*whoever is in env.agents"),
            ("departed", lambda: None, "and departed, .*whoever terminates"),
            ("leaves", True, "and leaves, .*whoever terminates"),
        ):
            with self.assertRaisesRegex(Refusal, words):
                self.task(**{name: member})

    def test_a_method_that_draws_on_a_screen_is_asked_once(self) -> None:
        def fails() -> None:
            raise AttributeError("no screen")

        for draw, words in ((lambda: None, "returned None"), (fails, "raised AttributeError: no screen")):
            warned.WARNED.clear()
            screen = mock.Mock(side_effect=draw)
            task = self.task(draw=lambda screen=screen: screen())
            self.assertEqual([task.draw(), task.draw()], [{"size": [0, 0], "agents": []}] * 2)
            self.assertEqual(screen.call_count, 1)
            self.assertRegex(warned.warnings()["draw"], rf"draw\(\) {words}.*agents are drawn on a ring")
            status, printed = checked(self.task(draw=draw))
            self.assertEqual((status, printed.count(words)), (0, 1), printed)
        # Who has drawn a picture is held to it.
        task = self.task(draw=mock.Mock(side_effect=[self.PICTURE, ZeroDivisionError], __signature__=inspect.Signature()))
        task.draw()
        self.assertRaises(ZeroDivisionError, task.draw)

    def test_a_particle_world_is_drawn_unless_its_environment_draws_it(self) -> None:
        body = types.SimpleNamespace(name="a0", size=0.5, state=types.SimpleNamespace(p_pos=[0, 0]))
        for bodies, own, shown in (
            ([body], {}, [[1.5, 1.5], None]),
            ([body], {"draw": lambda: None}, [[1.5, 1.5], None]),
            ([body], {"draw": lambda: self.PICTURE}, [[0, 0], None]),
            ([object()], {"draw": lambda: self.PICTURE}, [[0, 0], None]),
            ([object()], {}, None),
            ([], {}, None),
            ({"a0": body}, {}, None),
        ):
            task = self.task(world=types.SimpleNamespace(agents=bodies, landmarks=[]), **own)
            task.reset(0)
            for _ in range(2):
                self.assertEqual(task.draw()["agents"] if hasattr(task, "draw") else None, shown)


@unittest.skipUnless(importlib.util.find_spec("mpe2"), "mpe2 is not installed: pip install mpe2")
class Mpe(unittest.TestCase):
    def test_simple_spread_passes_the_check_and_is_drawn(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(
                check("pettingzoo:mpe2.simple_spread_v3", {"N": 4}, 30), 0, printed.getvalue()
            )
        task = make("pettingzoo:mpe2.simple_spread_v3", {"N": 4})
        task.reset(0)
        drawn = task.draw()
        self.assertEqual((len(drawn["agents"]), len(drawn["shapes"])), (4, 8))

    def test_speaker_and_listener_are_padded(self) -> None:
        task = make("pettingzoo:mpe2.simple_speaker_listener_v4", {})
        self.assertEqual((task.agents, task.obs_dim, task.actions, len(task.notes)), (2, 11, 5, 2))
        self.assertEqual(task.reset(0)[0, 3:].tolist(), [0] * 8)
        self.assertEqual(task.available().sum(axis=1).tolist(), [3, 5])

    def test_continuous_actions_end_by_the_limit(self) -> None:
        task = make("pettingzoo:mpe2.simple_spread_v3", {"continuous_actions": True, "max_cycles": 5})
        task.reset(0)
        ends = [task.step(np.full((3, task.action_dim), 7.0, dtype=np.float32))[2:] for _ in range(5)]
        self.assertEqual(ends, [(False, False)] * 4 + [(False, True)])


if __name__ == "__main__":
    unittest.main()
