"""Tests of what `env.make` names: python -m unittest test_making (in this directory)."""

import unittest

from commformer_bridge.making import make
from commformer_bridge.refusal import Refusal


class Gym:
    observation_space = action_space = None


class Rllib(Gym):
    agents = possible_agents = ("a", "b")


class JaxMarl:
    agents, num_agents = ["a", "b"], 2
    observation_space = action_space = reset = step = max


class Making(unittest.TestCase):
    def test_a_name_that_cannot_be_made_says_what_to_do(self) -> None:
        for name, words in (
            ("spread", "expected pettingzoo:MODULE"),
            ("pettingzoo:my_env:make", "expected a module after pettingzoo:.*write my_env:make"),
            ("no_such_module:make", "-m pip install no_such_module"),
            ("xml.etre:make", "it has etree"),
            ("json:dump_", "it has dump"),
            ("os:getcwd", "has no agents"),
            ("test_making:Gym", "which has no agents, .* An environment of gymnasium has one agent"),
            ("test_making:Rllib", r"Of that API it has no method observation_space\(agent\) and no method action_space\(agent\):"),
            ("test_making:JaxMarl", "which has no obs_dim: .* Of that API it has no possible_agents: add"),
        ):
            with self.assertRaisesRegex(Refusal, words):
                make(name, {})
        with self.assertRaisesRegex(Refusal, "cannot be called with env.options = {'size': 1}"):
            make("os:getenv", {"size": 1})


if __name__ == "__main__":
    unittest.main()
