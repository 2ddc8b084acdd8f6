"""Tests of masks of actions: python -m unittest test_masks (in this directory)."""

import contextlib
import unittest
from typing import Any

import numpy as np

from commformer_bridge import warned
from commformer_bridge.pettingzoo import PettingZoo
from commformer_bridge.refusal import Refusal
from fakes import Parallel, Sound, box, checked, discrete, space, two


class Tensor:
    """An array with PyTorch's members, of which `size` is a method."""

    def __init__(self, *numbers: Any) -> None:
        self.array = np.array(numbers)
        self.ndim, self.shape = self.array.ndim, self.array.shape

    def size(self) -> tuple[int, ...]:
        return self.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


class Masks(unittest.TestCase):
    def test_masks_are_taken_from_observations_and_infos(self) -> None:
        view = space(spaces={"observation": box(0, 9, 2), "action_mask": box(0, 1, 3)})
        shown = [{"observation": [1, 2], "action_mask": np.array([0, 1, 0], dtype=np.int8)}, [3, 4]]
        infos = {"a1": {"action_mask": np.array([1, 0, 1])}}
        task = PettingZoo(two(views=[view, box(0, 9, 2)], shown=shown, infos=infos))
        self.assertEqual(task.reset(0).tolist(), [[1, 2], [3, 4]])
        self.assertEqual(task.available().tolist(), [[False, True, False], [True, False, True]])

    def masked(self, *masks: Any, key: str = "action_mask") -> list[list[bool]]:
        """What a0 can do, by masks in its infos, each shown after another step."""
        env = two()
        task = PettingZoo(env)
        found = []
        for step, mask in enumerate(masks):
            env.infos = {"a0": {key: mask, "count_of_actions": 3}}
            task.step(np.array([0, 0])) if step else task.reset(0)
            found.append(task.available()[0].tolist())
        return found

    def test_masks_have_many_names(self) -> None:
        for key in ("action_mask", "action_masks", "actions_mask", "mask", "available", "avail_actions", "available_actions",
                    "legal_actions", "legal_moves", "valid_actions", "valid_action_mask", "mask_actions", "unmasked_actions",
                    "no_op_action_mask"):
            self.assertEqual(self.masked(np.array([False, True, False]), key=key), [[False, True, False]], key)
            view = space(spaces={"obs": box(0, 9, 2), key: box(0, 1, 3)})
            shown = {"obs": [5, 6], key: np.array([0, 1, 0], dtype=np.int8)}
            task = PettingZoo(two(views=[view] * 2, shown=[shown] * 2))
            self.assertEqual((task.obs_dim, task.reset(0).tolist()), (2, [[5, 6]] * 2), key)
            self.assertEqual(task.available().tolist(), [[False, True, False]] * 2, key)
            self.assertEqual(self.masked(Tensor(0, 1, 0), key=key), [[False, True, False]], key)
            told = [f"`{key}` of the observations says which actions are available"] if key in ("mask", "available") else []
            self.assertEqual(task.notes, told)
        view = space(spaces={"x": box(0, 9, 1), "action_mask": box(0, 1, 3), "y": box(0, 9, 1)})
        task = PettingZoo(two(views=[view] * 2, shown=[{"x": [5], "action_mask": [1, 0, 0], "y": [6]}] * 2))
        self.assertEqual(task.reset(0).tolist(), [[5, 6]] * 2)

    def test_what_is_no_mask_of_actions_is_left_alone(self) -> None:
        for key, value in (("mask", [1, 0]), ("illegal_move", True), ("invalid_actions", 3), ("action_mask", None),
                           ("available", [1, 0, 0, 0]), ("last_action", [0, 1, 0])):
            self.assertEqual(self.masked(value, key=key), [[True] * 3], key)
        view = space(spaces={"map": box(0, 9, 2), "mask": box(0, 1, 2)})
        task = PettingZoo(two(views=[view] * 2, shown=[{"map": [1, 2], "mask": [0, 1]}] * 2))
        self.assertEqual(task.reset(0).tolist(), [[1, 2, 0, 1]] * 2)

    def test_a_mask_within_a_part_of_the_observation_is_refused(self) -> None:
        for key, size, refused in (("action_mask", 3, True), ("action_mask", 2, False), ("mask", 3, False)):
            inner = space(spaces={"state": box(0, 9, 2), key: box(0, 1, size)})
            for view in (space(spaces={"obs": inner}), space(spaces=(box(0, 9, 1), space(spaces={"obs": inner})))):
                words = f"space of a0 has '{key}' within 'obs', .*: lift it out, beside 'obs'"
                with self.assertRaisesRegex(Refusal, words) if refused else contextlib.nullcontext():
                    PettingZoo(two(views=[view] * 2))
                PettingZoo(two(views=[view] * 2, acts=[box(0, 1, 3)] * 2))

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
            ([np.ma.array([0, 1, 1], mask=[0, 1, 0])], "the action_mask of a0 came as an array with masked"),
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
            with self.assertRaisesRegex(Refusal, words, msg=str(masks)):
                self.masked(*masks)
        for key in ("invalid_action_mask", "illegal_actions", "unavailable_actions", "not_available_actions", "not_legal_actions",
                    "not_valid_actions", "non_legal_actions", "nonvalid_actions", "no_valid_actions", "masked_actions",
                    "mask_out_actions", "action_masked", "blocked_actions_mask", "banned_action_mask", "disabled_action_mask",
                    "excluded_action_mask", "prohibited_action_mask", "infeasible_action_mask", "impossible_actions_mask",
                    "inadmissible_action_mask", "notAllowedActions"):
            with self.assertRaisesRegex(Refusal, f"a0 is given '{key}'"):
                self.masked([1, 0, 0], key=key)
        with self.assertRaisesRegex(Refusal, "'action_mask' and 'legal_actions'"):
            infos = {"a0": {"action_mask": [1, 0, 0], "legal_actions": [0, 1, 1]}}
            PettingZoo(two(infos=infos)).reset(0)


class MasksOfActions(unittest.TestCase):
    def both(self, in_info: Any, key: str = "legal_actions") -> list[bool]:
        """What a0 can do by a mask in its observation, 0 1 1, and this one in its info."""
        view = space(spaces={"observation": box(0, 9, 2), "action_mask": box(0, 1, 3)})
        shown = {"observation": [1, 2], "action_mask": np.array([0, 1, 1], dtype=np.int8)}
        task = PettingZoo(two(views=[view] * 2, shown=[shown] * 2, infos={"a0": {key: in_info}}))
        task.reset(0)
        return task.available()[0].tolist()

    def test_two_masks_that_differ_are_refused_and_the_same_are_taken(self) -> None:
        for key in ("action_mask", "legal_actions", "mask"):
            with self.assertRaisesRegex(Refusal, rf"two masks of actions that differ: action_mask .*\[False, True.*{key} of"):
                self.both([1, 1, 0], key)
        for same in ([0, 1, 1], np.array([False, True, True]), [-np.inf, 0, 0], 7, [1, 2], [0, 1, 2], [0.0] * 3):
            self.assertEqual(self.both(same), [False, True, True])
        self.assertEqual(self.both([1, 0, 0], "invalid_actions"), [False, True, True])

    def able(self, key: str, mask: Any) -> list[bool]:
        task = PettingZoo(two(infos={"a0": {key: mask}}))
        task.reset(0)
        return task.available()[0].tolist()

    def test_more_names_are_known(self) -> None:
        for key in ("legal_mask", "valid_mask", "avail_mask", "act_mask", "avail_acts", "legal_action", "allowed_actions"):
            self.assertEqual(self.able(key, np.array([0, 1, 0])), [False, True, False], key)
        for key in ("invalid_mask", "illegal_mask", "illegal_action", "forbidden_actions", "disallowed_actions", "unavailable_acts"):
            with self.assertRaisesRegex(Refusal, f"a0 is given '{key}'"):
                self.able(key, np.array([0, 1, 0]))
        # Of another size, or of something else.
        for key in ("legal_mask", "contact_mask", "avail_acts", "mask_factor", "path"):
            self.assertEqual(self.able(key, [0, 1]), [True] * 3, key)
        self.assertEqual(self.able("path", [[1], [2, 3]]), [True] * 3)
        self.assertEqual(self.able("action_mask", [[1], [2, 3]]), [True] * 3)

    def test_a_list_of_actions_is_not_taken_for_a_mask(self) -> None:
        def of_two(key: str, value: Any, **views: Any) -> list[bool]:
            task = PettingZoo(two(acts=[discrete(2)] * 2, infos={"a0": {key: value}}, **views))
            task.reset(0)
            return task.available()[0].tolist()

        for key in ("legal_actions", "legal_moves", "avail_actions", "legal_action"):
            for value in ([0, 1], [1, 0], (0, 1), np.array([0, 1]), range(2)):
                with self.assertRaisesRegex(Refusal, f"the {key} of a0 is .*: a mask of its 2 actions, or a list of"):
                    of_two(key, value)
            for value in ([False, True], np.array([False, True]), [0.0, 1.0], [-np.inf, 0]):
                self.assertEqual(of_two(key, value), [False, True], (key, value))
            self.assertEqual(of_two(key, [1, 1]), [True, True])
        for key in ("action_mask", "mask", "valid_mask"):
            self.assertEqual(of_two(key, [0, 1]), [False, True], key)
        # A space tells how long it is: no list.
        view = space(spaces={"observation": box(0, 9, 2), "legal_actions": box(0, 1, 2)})
        shown = [{"observation": [1, 2], "legal_actions": np.array([0, 1])}] * 2
        self.assertEqual(of_two("x", 0, views=[view] * 2, shown=shown), [False, True])
        # It counts, too, where an info has what may be a list.
        self.assertEqual(of_two("legal_moves", [1, 0], views=[view] * 2, shown=shown), [False, True])
        self.assertEqual(self.able("legal_actions", [0, 1, 1]), [False, True, True])

    def test_sets_and_dictionaries_are_no_masks(self) -> None:
        for value in ({0, 2}, frozenset([1]), {0: True, 1: False, 2: True}):
            with self.assertRaisesRegex(Refusal, "the legal_actions of a0 is .*: expected one truth value for each of"):
                self.able("legal_actions", value)
            with self.assertRaisesRegex(Refusal, "a0 is given 'illegal_actions'"):
                self.able("illegal_actions", value)
            self.assertEqual(self.able("available", value), [True] * 3, "a name that can mean something else")
        for value in (set(), {}):
            self.assertEqual(self.able("legal_actions", value), [True] * 3)

    def test_masks_beside_the_infos_of_agents_are_refused(self) -> None:
        mask = np.array([0, 1, 1])
        for infos in ({"action_mask": {"a0": mask}}, {"mask": {"a1": mask}}, {"legal_actions": [mask, mask], "a0": {}}):
            with self.assertRaisesRegex(Refusal, r"reset's infos have '\w+' beside the agents: .* infos\['a0'\]"):
                PettingZoo(two(infos=infos)).reset(0)
        for infos in ({"mask": {"gold": 1}}, {"available": True}, {"action_mask": None}, {"__common__": {"action_mask": mask}}):
            PettingZoo(two(infos=infos)).reset(0)

    def test_a_check_notes_methods_that_are_called_like_masks(self) -> None:
        class Method(Parallel):
            def action_mask(self, agent: str) -> list[int]:
                return [0, 1, 1]

            def validate_actions(self, actions: Any) -> None:
                pass

            @property
            def legal_actions(self) -> list[int]:
                raise ZeroDivisionError

        words = "note  action_mask(): not called; give the mask in the infos"
        for infos, noted in (({}, 1), ({"a0": {"action_mask": [0, 1, 1]}}, 0)):
            env = Method([box(0, 9, 2)] * 2, [discrete(3)] * 2, [[1, 2], [3, 4]], infos)
            env.truncate = {"a0", "a1"}
            status, printed = checked(PettingZoo(env))
            self.assertEqual((status, printed.count(words), printed.count("not called")), (0, noted, noted), printed)

        class Own(Sound):
            get_avail_actions = Method.action_mask

        class Obeyed(Own):
            def available(self) -> np.ndarray:
                return np.ones((2, 2), bool)

        for task, noted in ((Own, 1), (Obeyed, 0)):
            status, printed = checked(task)
            self.assertEqual((status, printed.count("note  get_avail_actions(): not called; the method")), (0, noted), printed)

    def noted(self, **changes: Any) -> str:
        env = two(**changes)
        env.truncate = {"a0", "a1"}
        status, printed = checked(PettingZoo(env))
        self.assertEqual(status, 0, printed)
        return printed

    def test_a_check_says_where_the_mask_is(self) -> None:
        view = space(spaces={"observation": box(0, 9, 2), "action_mask": box(0, 1, 3)})
        shown = {"observation": [1, 2], "action_mask": np.array([0, 1, 1], dtype=np.int8)}
        for changes, words in (
            ({"infos": {"a0": {"action_mask": [0, 1, 1]}}}, "masks of actions: `action_mask` of the infos\n"),
            ({"views": [view] * 2, "shown": [shown] * 2}, "masks of actions: `action_mask` of the observations\n"),
            ({}, "masks of actions: none was found"),
        ):
            self.assertRegex(self.noted(**changes), f"note  {words}")

    def test_a_mask_that_comes_late_or_is_missing_once_is_noted(self) -> None:
        class Some(Parallel):
            """A mask, from the step `first` on, but not in the step `not_in`."""

            def __init__(self, first: int, not_in: int = -1) -> None:
                super().__init__([box(0, 9, 2)] * 2, [discrete(3)] * 2, [[1, 2], [3, 4]])
                self.first, self.not_in = first, not_in

            def look(self) -> None:
                there = self.at >= self.first and self.at != self.not_in
                self.infos = {"a1": {"action_mask": [0, 1, 1]} if there else {}}

            def reset(self, seed: int | None = None) -> tuple[dict, dict]:
                self.at = 0
                self.look()
                return super().reset(seed)

            def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
                self.at += 1
                self.look()
                self.truncate = set(self.possible_agents) if self.at == 9 else set()
                return super().step(actions)

        words = "note  a1 is given a mask of actions in some steps and none in others"
        for env, noted in ((Some(1), 1), (Some(0, 4), 1), (Some(0), 0), (Some(10), 0), (Some(0, 9), 0)):
            status, printed = checked(PettingZoo(env))
            self.assertEqual((status, printed.count(words)), (0, noted), printed)

    def test_a_check_tells_what_could_have_been_a_mask(self) -> None:
        for value in (np.array([0, 1, 1]), [True, True, True], [0.0, -np.inf, 0.0]):
            printed = self.noted(infos={"a1": {"can_do": value}})
            self.assertRegex(printed, r"note  the infos have 'can_do', 3 .* actions of a1, which are not used: .*action_mask")
        for value in (np.array([0, 1, 2]), [True, True], 1, "abc", [0, 0, 0], None):
            self.assertNotIn("not used", self.noted(infos={"a1": {"can_do": value}}))
        self.assertNotIn("not used", self.noted(infos={"a1": {"action_mask": [0, 1, 1]}}))

    def test_training_warns_once_of_names_that_are_like_a_mask_s(self) -> None:
        def warned_of(key: str, value: Any, **more: Any) -> str:
            warned.WARNED.clear()
            task = PettingZoo(two(infos={"a1": {key: value, **more}}))
            task.reset(0)
            told = warned.warnings()
            task.reset(0)
            self.assertEqual(warned.warnings(), {})
            return told.get("unused", "")

        for key in ("possible_actions", "feasible_actions", "permitted_actions", "admissible_actions", "actions_available",
                    "moves_available", "action_availability", "actions_not_available", "blocked_actions"):
            self.assertRegex(warned_of(key, [0, 1, 1]), f"infos have '{key}', 3 .* which are not used: .*action_mask")
            self.assertEqual(warned_of(key, [0, 2]) + warned_of(key, [0, 1, 1], action_mask=[0, 1, 1]), "")
        self.assertEqual(warned_of("can_do", [0, 1, 1]), "")
        self.assertEqual(self.noted(infos={"a1": {"possible_actions": [0, 1, 1]}}).count("not used"), 1)


if __name__ == "__main__":
    unittest.main()
