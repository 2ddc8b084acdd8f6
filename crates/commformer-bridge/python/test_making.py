"""Tests of what `env.make` names: python -m unittest test_making (in this directory)."""

import unittest

from commformer_bridge.making import make
from commformer_bridge.refusal import Refusal


class Making(unittest.TestCase):
    def test_a_name_that_cannot_be_made_says_what_to_do(self) -> None:
        for name, words in (
            ("spread", "expected pettingzoo:MODULE"),
            ("no_such_module:make", "-m pip install no_such_module"),
            ("xml.etre:make", "it has etree"),
            ("json:dump_", "it has dump"),
            ("os:getcwd", "has no agents"),
        ):
            with self.assertRaisesRegex(Refusal, words):
                make(name, {})
        with self.assertRaisesRegex(Refusal, "cannot be called with env.options = {'size': 1}"):
            make("os:getenv", {"size": 1})


if __name__ == "__main__":
    unittest.main()
