"""Tests of the pictures that tasks draw: python -m unittest test_drawn (in this directory)."""

import json
import unittest
from typing import Any

import numpy as np

from commformer_bridge.drawn import drawn
from commformer_bridge.refusal import Refusal
from fakes import Sound, checked


class Drawn(Sound):
    """A task that draws what it is told."""

    def __init__(self, picture: Any) -> None:
        self.picture = picture

    def draw(self) -> Any:
        return self.picture


def shape(**changes: Any) -> dict[str, Any]:
    """A picture of one shape: a circle with the role of a target, but for the changes."""
    given = {"role": "target", "circle": [0, 0, 1], **changes}
    return {"size": [1, 1], "agents": [], "shapes": [{key: value for key, value in given.items() if value is not None}]}


class Pictures(unittest.TestCase):
    def test_what_cannot_be_shown_is_refused_by_training_and_check(self) -> None:
        for picture, words in (
            (None, r"draw\(\) returned None: expected a dictionary with size and agents"),
            ({"size": [1, 1]}, "has the agents None: expected a list"),
            ({"size": [1, "1"], "agents": []}, r"has the size \[1, '1'\]: expected \[width, height\]"),
            ({"size": [-1, -1], "agents": []}, r"has the size \[-1, -1\]: expected \[width, height\], both above 0"),
            ({"size": [0, 1], "agents": []}, r"has the size \[0, 1\]: expected \[width, height\], both above 0"),
            ({"size": [1, 0.0], "agents": []}, r"has the size \[1, 0.0\]: expected \[width, height\], both above 0"),
            ({"size": [1, 1], "agents": [[1, 1, 1]]}, "has the agents .*: expected a list"),
            ({"size": [1, 1], "agents": [[np.nan, 1]]}, r"cannot be sent \(.*\): expected finite numbers"),
            ({"size": [1, 1], "agents": [object()]}, "cannot be sent .*builtins.object"),
            ({"size": [1, 1], "agents": [], "scenery": {}}, "has the scenery {}: expected a list of dictionaries"),
            (shape(role="hero"), r"in shapes {'role': 'hero'.*: expected a role, one of ground, "),
            (shape(role={"agent": 2}), "expected a role, .* below 2"),
            (shape(role=None), "expected a role"),
            (shape(circle=None), "expected one form"),
            (shape(circle=[0, 0]), "expected one form"),
            (shape(text=[0, 0, 1, "a"]), "expected one form"),
            (shape(role="note", circle=None, text=[0, 0, 1]), "expected one form"),
            (shape(circle=None, polygon=[0, 0, 1, 1]), "expected one form"),
            (shape(role="note", circle=None, text=[0, 0, 1, "x" * (4 << 20)]), r"a picture of \d+ bytes: expected less"),
        ):
            with self.subTest(words):
                with self.assertRaisesRegex(Refusal, words):
                    drawn(Drawn(picture))
                status, printed = checked(Drawn(picture))
                self.assertEqual(status, 1, printed[:1000])
                self.assertRegex(printed, rf"WRONG .*{words}.*\(step 0 after reset\(0\)\)")

    def test_zeros_are_the_size_of_no_picture(self) -> None:
        picture = {"size": [0, 0.0], "agents": [None, None]}
        self.assertEqual(json.loads(drawn(Drawn(picture))), picture)

    def test_numbers_of_numpy_are_numbers(self) -> None:
        picture = {
            "size": np.float32([4, 2]),
            "scenery": [{"role": "good", "polygon": np.zeros((3, 2), int)}],
            "shapes": ({"role": {"sight": np.int64(1)}, "rectangle": [np.float32(0.5), 0, 1, 1]},),
            "agents": [None, np.ones(2)],
        }
        expected = {
            "size": [4, 2],
            "scenery": [{"role": "good", "polygon": [[0, 0]] * 3}],
            "shapes": [{"role": {"sight": 1}, "rectangle": [0.5, 0, 1, 1]}],
            "agents": [None, [1, 1]],
        }
        self.assertEqual(json.loads(drawn(Drawn(picture))), expected)
        self.assertEqual(checked(Drawn(picture))[0], 0)


if __name__ == "__main__":
    unittest.main()
