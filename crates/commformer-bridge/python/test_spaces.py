"""Tests of spaces and their elements: python -m unittest test_spaces (in this directory)."""

import unittest

import numpy as np

from commformer_bridge.refusal import Refusal
from commformer_bridge.spaces import flat_size, flatten
from fakes import box, discrete, space


class Flattened(unittest.TestCase):
    def test_every_kind_of_space_is_flattened(self) -> None:
        bits, choices = space(n=2, shape=(2,)), space(nvec=np.array([2, 3]), shape=(2,))
        pair = space(spaces=(discrete(3, start=5), box(0, 9, 2, 1)))
        whole = space(spaces={"bits": bits, "choices": choices, "pair": pair})
        flat = flatten(whole, {"bits": [1, 0], "choices": [1, 2], "pair": (6, [[8], [9]])})
        self.assertEqual(flat.tolist(), [1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 8, 9])
        self.assertEqual(flat_size(whole), 12)


class Spaces(unittest.TestCase):
    def test_a_value_outside_its_space_is_refused(self) -> None:
        choices = space(nvec=np.array([[2, 3], [4, 5]]), shape=(2, 2))
        for of, value, words in (
            (discrete(3), 0.3, "is 0.3, which is not in its space"),
            (discrete(3), -0.5, "is -0.5, which is not"),
            (discrete(3), np.nan, "is nan, which is not"),
            (discrete(3), 3, "is 3, which is not"),
            (discrete(3, start=1), 0, "is 0, which is not"),
            (discrete(3), "1", "is of type <U1"),
            (choices, [1, 2, 3, 4], r"has the shape \(4,\) where its space .* has \(2, 2\)"),
            (choices, [[1, 2], [3, 4.5]], "which is not in its space"),
            (box(0, 9, 2, 3, 4), np.zeros((3, 4, 2)), r"has the shape \(3, 4, 2\) where its space .* has \(2, 3, 4\)"),
            (box(0, 9, 2), [[1, 2]], r"has the shape \(1, 2\) where"),
            (box(0, 9, 2), ["1", "2"], "is of type <U1: expected numbers"),
            (box(0, 9, 2), np.array([1, 2j]), "is of type complex128"),
        ):
            with self.subTest(words), self.assertRaisesRegex(Refusal, f"(?s){words}"):
                flatten(of, value)

    def test_what_a_space_has_not_is_refused(self) -> None:
        pair = space(spaces=(discrete(2), box(0, 9, 1)))
        whole = space(spaces={"x": box(0, 9, 1), "pair": pair})
        self.assertEqual(flatten(whole, {"pair": (0, 8), "x": 7}).tolist(), [7, 1, 0, 8])
        for value, words in (
            ({"x": 7, "pair": (0, 8), "goal": [1, 2]}, "has 'goal', which its space has not, whose parts are 'x', 'pair'"),
            ({"x": 7, "pair": (0, 8, 9)}, "has 2, which its space has not, whose parts are 0, 1"),
            ({"x": 7, "pair": np.zeros(4)}, "has 2, 3, which its space has not"),
        ):
            with self.assertRaisesRegex(Refusal, words):
                flatten(whole, value)
        for value, error in (({"x": 7}, KeyError), ({"x": 7, "pair": (0,)}, IndexError)):
            self.assertRaises(error, flatten, whole, value)

    def test_entries_that_are_masked_are_not_read(self) -> None:
        for mask, refused in (([0, 1], True), ([0, 0], False)):
            value = np.ma.array([1, 2], mask=mask)
            if refused:
                with self.assertRaisesRegex(Refusal, r"^came as an array with masked entries: expected one without"):
                    flatten(box(0, 9, 2), value)
            else:
                self.assertEqual(flatten(box(0, 9, 2), value).tolist(), [1, 2])

    def test_a_single_number_has_any_shape(self) -> None:
        pair = space(nvec=np.array([2, 3]), shape=(2,))
        for of, value, flat in (
            (box(0, 9, 1), 5, [5]),
            (box(0, 9), [5], [5]),
            (discrete(3), np.array([1]), [0, 1, 0]),
            (discrete(3), 1.0, [0, 1, 0]),
            (discrete(3, start=-1), np.uint8(1), [0, 0, 1]),
            (discrete(2), True, [0, 1]),
            (pair, [1, 2], [0, 1, 0, 0, 1]),
        ):
            self.assertEqual(flatten(of, value).tolist(), flat)


if __name__ == "__main__":
    unittest.main()
