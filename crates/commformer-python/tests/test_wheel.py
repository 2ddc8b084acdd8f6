"""The wheel, as it is installed: its two interfaces, held against PettingZoo's own tests and against each other."""

import unittest

import commformer
import numpy as np
from pettingzoo.test import parallel_api_test, parallel_seed_test

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
        # Its test draws actions without looking at masks.
        for kind, settings in TASKS[:4]:
            with self.subTest(kind):
                parallel_seed_test(lambda: commformer.parallel_env(kind, **settings))

    def test_battles_repeat_themselves(self):
        def played():
            env, random = commformer.parallel_env("smac", map="3m"), np.random.default_rng(0)
            observations, infos = env.reset(seed=5)
            seen = list(observations.values())
            while env.agents:
                actions = {a: random.choice(np.flatnonzero(infos[a]["action_mask"])) for a in env.agents}
                observations, rewards, _, _, infos = env.step(actions)
                seen += [*observations.values(), np.array(list(rewards.values()))]
            self.assertIn("won", infos[env.possible_agents[0]]["metrics"])
            return np.concatenate(seen)

        np.testing.assert_array_equal(played(), played())

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
