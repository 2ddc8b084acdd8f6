"""The wheel, as it is installed: its two interfaces, held against PettingZoo's own tests and against each other."""

import unittest

import commformer
import numpy as np
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils import parallel_to_aec

TASKS = [
    ("predator-prey", {}),
    ("predator-capture-prey", {}),
    ("signal", {}),
    ("traffic-junction", {"difficulty": "easy"}),
    ("smac", {"map": "3m"}),
]


def open_actions(envs, random):
    """A random available action for each agent."""
    scores = random.random((envs.copies, envs.agents, envs.actions))
    if envs.available is not None:
        scores[~envs.available] = -1.0
    return scores.argmax(axis=2)


class Parallel(unittest.TestCase):
    def test_pettingzoo_finds_nothing_wrong_with_any_task(self):
        self.assertEqual([kind for kind, _ in TASKS], list(commformer.KINDS))
        for kind, settings in TASKS:
            with self.subTest(kind):
                parallel_api_test(commformer.parallel_env(kind, **settings), num_cycles=300)

    def test_pettingzoo_finds_every_task_repeatable(self):
        for kind, settings in TASKS:
            with self.subTest(kind):
                make = lambda: commformer.parallel_env(kind, **settings)  # noqa: E731
                if isinstance(make().observation_space(make().possible_agents[0]), spaces.Dict):
                    # Its test of parallel environments draws actions without looking at masks; this one looks.
                    seed_test(lambda: parallel_to_aec(make()), num_cycles=300)
                else:
                    parallel_seed_test(make, num_cycles=300)

    def test_what_is_seen_is_in_its_space_and_an_episode_ends_with_its_metrics(self):
        for kind, settings in TASKS:
            with self.subTest(kind):
                env = commformer.parallel_env(kind, **settings)
                observations, _ = env.reset(seed=5)
                self.assertEqual(env.agents, env.possible_agents)
                self.assertEqual(len(set(env.agents)), len(env.agents))
                infos = {}
                while env.agents:
                    actions = {}
                    for agent in env.agents:
                        seen = observations[agent]
                        self.assertTrue(env.observation_space(agent).contains(seen))
                        mask = seen["action_mask"] if isinstance(seen, dict) else None
                        actions[agent] = env.action_space(agent).sample(mask)
                    observations, _, _, _, infos = env.step(actions)
                self.assertTrue(infos[env.possible_agents[0]]["metrics"])

    def test_an_action_that_is_not_available_is_refused(self):
        env = commformer.parallel_env("smac", map="3m")
        env.reset(seed=1)
        with self.assertRaisesRegex(ValueError, "not available"):
            env.step(dict.fromkeys(env.agents, 0))


class Vector(unittest.TestCase):
    def test_threads_change_no_bit(self):
        def played(threads):
            envs = commformer.VectorEnv("smac", copies=600, seed=3, threads=threads, map="3m")
            envs.reset()
            random, seen = np.random.default_rng(0), []
            for _ in range(20):
                obs, rewards, status = envs.step(open_actions(envs, random))
                seen.append((obs.copy(), rewards.copy(), status.copy()))
            return seen

        for one, two in zip(played(1), played(2)):
            for left, right in zip(one, two):
                np.testing.assert_array_equal(left, right)

    def test_an_episode_is_told_with_its_end(self):
        envs = commformer.VectorEnv("predator-prey", copies=3, seed=1, episode_limit=4)
        self.assertEqual(envs.reset().shape, (3, envs.agents, envs.obs_dim))
        random, ended = np.random.default_rng(0), []
        for _ in range(9):
            envs.step(open_actions(envs, random))
            ended += envs.episodes
            for episode in envs.episodes:
                obs, active = envs.final_obs(episode.copy)
                self.assertEqual(obs.shape, (envs.agents, envs.obs_dim))
                self.assertTrue(active.all())
                self.assertIn(envs.status[episode.copy], (1, 2))
        self.assertGreaterEqual(len(ended), 6)
        self.assertTrue(all(episode.steps <= 4 and "success" in episode.metrics for episode in ended))

    def test_what_does_not_fit_is_refused(self):
        for make, words in [
            (lambda: commformer.VectorEnv("chess"), "no kind `chess`"),
            (lambda: commformer.VectorEnv("signal", prey=1), "unknown field `prey`"),
            (lambda: commformer.VectorEnv("signal", agents=0), "`agents` is 0"),
            (lambda: commformer.VectorEnv("signal", copies=0), "at least one copy"),
        ]:
            with self.assertRaisesRegex(ValueError, words):
                make()
        envs = commformer.VectorEnv("signal", copies=2)
        actions = np.zeros((2, envs.agents), int)
        with self.assertRaisesRegex(ValueError, "reset"):
            envs.step(actions)
        envs.reset()
        with self.assertRaisesRegex(ValueError, "shape"):
            envs.step(actions[0])
        with self.assertRaisesRegex(ValueError, "whole numbers"):
            envs.step(actions + 0.5)
        with self.assertRaisesRegex(ValueError, "only actions 0 to"):
            envs.step(actions + 99)


if __name__ == "__main__":
    unittest.main()
