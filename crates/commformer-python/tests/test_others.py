"""The wheel under other people's wrappers, the real ones where they are installed.

pip install supersuit torchrl
"""

import importlib.util
import unittest
import warnings

import commformer
import numpy as np
from test_wheel import TASKS


def needs(package):
    """Skips, and says so, where a package is not installed."""
    there = importlib.util.find_spec(package) is not None
    return unittest.skipUnless(there, f"skipped: {package} is not installed (pip install {package})")


@needs("supersuit")
class SuperSuit(unittest.TestCase):
    def test_environments_are_concatenated_in_one_process_and_in_several(self):
        import supersuit

        for kind, settings in TASKS:
            for processes in (0, 2):
                with self.subTest(f"{kind}, {processes}"):
                    env = commformer.parallel_env(kind, **settings)
                    one = supersuit.pettingzoo_env_to_vec_env_v1(env)
                    envs = supersuit.concat_vec_envs_v1(one, 3, num_cpus=processes, base_class="gymnasium")
                    self.assertEqual(envs.num_envs, 3 * len(env.possible_agents))
                    seen, _ = envs.reset(seed=1)
                    for _ in range(30):
                        masks = seen["action_mask"] if isinstance(seen, dict) else np.ones((envs.num_envs, 1))
                        seen, rewards, *_ = envs.step(masks.argmax(axis=1))
                        self.assertEqual(np.shape(rewards), (envs.num_envs,))
                    envs.close()


@needs("torchrl")
class TorchRL(unittest.TestCase):
    def test_a_rollout_goes_past_the_end_of_an_episode(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It warns of every PettingZoo but one.
            from torchrl.envs import PettingZooWrapper

            for kind, settings in TASKS:
                with self.subTest(kind):
                    env = commformer.parallel_env(kind, **settings)
                    metrics, masked = env._vector.metrics, env._vector.available is not None
                    wrapped = PettingZooWrapper(env, use_mask=masked)
                    self.assertLessEqual(wrapped.rollout(25).batch_size[0], 25)
                    rollout = wrapped.rollout(60, break_when_any_done=False)
                    self.assertEqual(rollout.batch_size[0], 60)
                    self.assertTrue(rollout["next", "done"].any())
                    group = next(iter(wrapped.group_map))
                    self.assertEqual(set(rollout["next", group, "info"].keys()), {"active", "departed", *metrics})


if __name__ == "__main__":
    unittest.main()
