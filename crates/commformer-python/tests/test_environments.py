"""Pickled, copied and forked environments go on as the ones that they come from."""

import copy
import multiprocessing
import os
import pickle
import signal
import sys
import unittest

import commformer
import numpy as np
from test_wheel import TASKS, open_actions, sampled


def played(envs, steps, seed):
    """Everything that some steps of random actions show."""
    random, shown = np.random.default_rng(seed), []
    for _ in range(steps):
        envs.step(open_actions(envs, random))
        shown.append(snapshot(envs))
    return shown


def snapshot(envs):
    """All that can be seen of environments."""
    arrays = [envs.obs, envs.active, envs.departed, envs.rewards, envs.status]
    arrays += [] if envs.available is None else [envs.available]
    ends = []
    for episode in envs.episodes:
        parts = [*envs.final_obs(episode.env), envs.final_available(episode.env)]
        ends.append((episode, [None if part is None else part.tobytes() for part in parts]))
    metrics = [list(envs.episode_metrics(number).values()) for number in range(envs.num_envs)]
    return [array.tobytes() for array in arrays], ends, metrics


class Named(commformer.VectorEnv):
    """A user's own class, with something of its own."""

    def __init__(self, name, **settings):
        self.early, self.obs, self._started = [name], None, False
        super().__init__("signal", **settings)
        self.name = name


class Copies(unittest.TestCase):
    WAYS = [("pickle", lambda thing: pickle.loads(pickle.dumps(thing))), ("deepcopy", copy.deepcopy), ("copy", copy.copy)]

    def test_a_copy_goes_on_identically_from_any_step(self):
        for kind, settings in TASKS:
            for way, copied in self.WAYS:
                with self.subTest(f"{kind}, {way}"):
                    envs = commformer.VectorEnv(kind, num_envs=5, seed=3, threads=2, **settings)
                    envs.reset()
                    for step in range(30):
                        played(envs, 1, step)
                        other = copied(envs)
                        self.assertEqual(snapshot(other), snapshot(envs))
                    # The copy alone first: neither is the other.
                    ahead = played(other, 60, 7)
                    self.assertEqual(played(envs, 60, 7), ahead)
                    self.assertTrue(any(ends for _, ends, _ in ahead))
                    other.reset()
                    envs.reset()
                    self.assertEqual(snapshot(other), snapshot(envs))

    def test_a_class_of_the_users_own_keeps_what_it_has(self):
        envs = Named("mine", num_envs=2, seed=3)
        envs.reset()
        for way, copied in self.WAYS:
            with self.subTest(way):
                other = copied(copied(envs))
                self.assertEqual((type(other), other.name, other.early), (Named, "mine", ["mine"]))
                self.assertEqual(snapshot(other), snapshot(envs))
                self.assertEqual(played(other, 3, 7), played(copied(envs), 3, 7))

    def test_a_copy_that_was_not_reset_must_be(self):
        envs = copy.deepcopy(commformer.VectorEnv("signal", num_envs=2, seed=4))
        with self.assertRaisesRegex(ValueError, "reset"):
            envs.step(np.zeros((2, envs.agents), int))
        fresh = commformer.VectorEnv("signal", num_envs=2, seed=4)
        np.testing.assert_array_equal(envs.reset(), fresh.reset())

    def test_a_copy_of_a_parallel_env_goes_on_identically(self):
        for kind, settings in TASKS:
            for way, copied in self.WAYS[:2]:
                with self.subTest(f"{kind}, {way}"):
                    env = commformer.parallel_env(kind, **settings)
                    observations, _ = env.reset(seed=5)
                    env.step(sampled(env, observations))
                    other = copied(env)
                    self.assertEqual(other.agents, env.agents)
                    while env.agents:
                        observations = env._observations(env._vector.obs[0], env._masks())
                        actions = sampled(env, observations)
                        np.testing.assert_equal(other.step(actions), env.step(actions))
                    np.testing.assert_equal(other.reset(), env.reset())

    def test_what_is_no_saved_environment_is_refused(self):
        envs = commformer.VectorEnv("signal", num_envs=2)
        envs.reset()
        state = envs.__getstate__()
        for change, words in [
            ({"format": 99}, "format 99"),
            ({"envs": b"\x02"}, "no saved environments"),
            ({"envs": state["envs"][:-3]}, "no saved environments"),
            ({"envs": state["envs"] + b"\x00"}, "no saved environments: only"),
            ({"envs": b"\x00"}, "`states` has 0 elements, but needs 2"),
        ]:
            with self.subTest(words), self.assertRaisesRegex(ValueError, words):
                commformer.VectorEnv.__new__(commformer.VectorEnv).__setstate__(state | change)


@unittest.skipUnless(hasattr(os, "fork"), "skipped: this system cannot fork")
class Forks(unittest.TestCase):
    def forked(self, envs, *more):
        """What the steps of a forked process show."""
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            signal.alarm(60)  # It ends whatever happens.
            with os.fdopen(into, "wb") as file:
                pickle.dump([played(thing, 5, 7) for thing in (envs, *more)], file)
            os._exit(0)
        os.close(into)
        with os.fdopen(out, "rb") as file:
            shown = file.read()
        self.assertEqual(os.waitpid(child, 0)[1], 0, "the forked process hung or failed")
        return pickle.loads(shown)

    def test_a_fork_steps_what_was_made_before_it(self):
        for threads in (1, 2, 0):
            with self.subTest(threads):
                envs = commformer.VectorEnv("smac", num_envs=600, seed=3, threads=threads, map="3m")
                envs.reset()  # Its threads run from here on.
                played(envs, 2, 1)
                twice = self.forked(envs), self.forked(envs)
                here = played(envs, 5, 7)
                for (there,) in twice:
                    self.assertTrue(there == here)

    def test_a_fork_of_a_fork_steps_and_lets_go(self):
        envs = commformer.VectorEnv("signal", num_envs=4, seed=3, threads=2)
        envs.reset()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            played(envs, 2, 1)
            grandchild = os.fork()
            if grandchild == 0:
                signal.alarm(60)
                played(envs, 2, 1)
                del envs
                os._exit(0)
            status = os.waitpid(grandchild, 0)[1]
            del envs
            os._exit(status != 0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_workers_of_multiprocessing_step_what_they_are_handed(self):
        for method in ("fork", "spawn"):
            with self.subTest(method):
                envs = commformer.VectorEnv("signal", num_envs=4, seed=3, threads=2)
                envs.reset()
                with multiprocessing.get_context(method).Pool(1) as pool:
                    shown = pool.apply_async(played, (envs, 5, 7)).get(60)
                self.assertEqual(shown, played(envs, 5, 7))


if __name__ == "__main__":
    sys.exit(unittest.main())
