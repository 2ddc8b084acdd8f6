"""The wheel, as it is installed: its two interfaces, held against PettingZoo's own tests and against each other."""

import importlib.metadata
import pathlib
import re
import resource
import unittest

import commformer
import numpy as np
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils import parallel_to_aec

# Short episodes, so that tests see their ends.
TASKS = [(kind, {"episode_limit": 20}) for kind in commformer.KINDS]


def open_actions(envs, random):
    """A random available action for each agent."""
    scores = random.random((envs.num_envs, envs.agents, envs.actions))
    if envs.available is not None:
        scores[~envs.available] = -1.0
    return scores.argmax(axis=2)


def sampled(env, observations):
    """A random available action for each agent of one environment."""
    masks = {agent: seen["action_mask"] if isinstance(seen, dict) else None for agent, seen in observations.items()}
    return {agent: env.action_space(agent).sample(masks[agent]) for agent in env.agents}


class Package(unittest.TestCase):
    def test_it_has_a_readme_that_runs_its_licences_and_its_types(self):
        code = re.search(r"```python\n(.*?)```", importlib.metadata.metadata("commformer").get_payload(), re.DOTALL)
        exec(code[1], {})
        names = {pathlib.PurePath(path).name for path in importlib.metadata.files("commformer")}
        self.assertLessEqual({"LICENSE-APACHE", "LICENSE-MIT", "py.typed", "_native.pyi"}, names)


class Parallel(unittest.TestCase):
    def test_pettingzoo_finds_nothing_wrong_with_any_task(self):
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
                self.assertLessEqual(set(env._vector.metrics), infos[env.possible_agents[0]].keys())

    def test_infos_are_the_same_flat_numbers_from_reset_to_the_end(self):
        for kind, settings in TASKS:
            with self.subTest(kind):
                env = commformer.parallel_env(kind, **settings)
                observations, infos = env.reset(seed=5)
                names = set(infos[env.agents[0]])
                self.assertGreater(len(names), 1)
                while env.agents:
                    for agent in env.agents:
                        self.assertEqual(set(infos[agent]), names)
                        self.assertTrue(all(isinstance(number, (bool, float)) for number in infos[agent].values()))
                        self.assertTrue(np.isfinite(list(infos[agent].values())).all())
                    observations, _, _, _, infos = env.step(sampled(env, observations))
                # The infos of the last step are the metrics of the episode.
                episode = env._vector.episodes[0]
                for info in infos.values():
                    self.assertEqual({name: info[name] for name in names - {"active", "departed"}}, episode.metrics)

    def test_the_last_observation_has_its_own_mask(self):
        """In a battle the dead can do nothing, which is action 0, and the living can do something else."""
        dead = 0
        for seed in range(5):
            env = commformer.parallel_env("smac", map="3m")
            observations, infos = env.reset(seed=seed)
            while env.agents:
                observations, _, _, _, infos = env.step(sampled(env, observations))
            for agent, seen in observations.items():
                self.assertEqual(bool(seen["action_mask"][0]), not infos[agent]["active"], agent)
                dead += not infos[agent]["active"]
        self.assertGreater(dead, 0)

    def test_an_action_that_is_not_available_is_refused(self):
        env = commformer.parallel_env("smac", map="3m")
        env.reset(seed=1)
        with self.assertRaisesRegex(ValueError, "not available"):
            env.step(dict.fromkeys(env.agents, 0))

    def test_what_cannot_be_stepped_is_refused(self):
        env = commformer.parallel_env("smac", map="3m")
        with self.assertRaisesRegex(ValueError, "call reset first"):
            env.step({})
        with self.assertRaisesRegex(TypeError, "seed is 'x' "):
            env.reset(seed="x")
        observations, _ = env.reset(seed=np.int64(1))
        actions = sampled(env, observations)
        first, *others = env.agents
        for error, words, wrong in [
            (ValueError, f"actions lack {first}: expected one for each of {first}", {agent: 1 for agent in others}),
            (ValueError, f"the action of {first} is 99", actions | {first: 99}),
            (ValueError, f"the action of {first} is -1", actions | {first: -1}),
            (TypeError, f"the action of {first} is None ", actions | {first: None}),
        ]:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                env.step(wrong)
        env.step(actions)


class Vector(unittest.TestCase):
    def test_threads_change_no_bit(self):
        def played(threads):
            envs = commformer.VectorEnv("smac", num_envs=600, seed=3, threads=threads, map="3m")
            envs.reset()
            random, seen = np.random.default_rng(0), []
            for _ in range(20):
                obs, rewards, status = envs.step(open_actions(envs, random))
                seen.append((obs.copy(), rewards.copy(), status.copy()))
            return seen

        for one, two in zip(played(1), played(2)):
            for left, right in zip(one, two):
                np.testing.assert_array_equal(left, right)

    def test_who_left_is_told_also_in_the_last_step(self):
        for kind, leaves in (("traffic-junction", True), ("smac", False)):
            envs = commformer.VectorEnv(kind, num_envs=4, seed=2, episode_limit=30)
            envs.reset()
            self.assertFalse(envs.departed.any())
            left, ended = np.zeros(4), []
            for step in range(60):
                mask = np.ones((4, envs.agents, envs.actions), bool) if envs.available is None else envs.available
                envs.step(mask.argmax(axis=2))
                left += envs.departed.sum(axis=1)
                for episode in envs.episodes:
                    ended.append(left[episode.env])
                    # Whoever arrives leaves.
                    self.assertEqual(left[episode.env], episode.metrics.get("cars", 0), kind)
                    left[episode.env] = 0
            self.assertEqual((len(ended) >= 8, sum(ended) > 0), (True, leaves), kind)
            envs.reset()
            self.assertFalse(envs.departed.any())
        env = commformer.parallel_env("traffic-junction", episode_limit=30)
        env.reset(seed=1)
        left = 0
        while env.agents:
            *_, infos = env.step(dict.fromkeys(env.agents, 0))
            left += sum(info["departed"] for info in infos.values())
        self.assertEqual(left, infos[env.possible_agents[0]]["cars"])
        self.assertGreater(left, 0)

    def test_an_episode_is_reported_with_its_end(self):
        envs = commformer.VectorEnv("predator-prey", num_envs=3, seed=1, episode_limit=4)
        self.assertEqual(envs.reset().shape, (3, envs.agents, envs.obs_dim))
        random, ended = np.random.default_rng(0), []
        for _ in range(9):
            envs.step(open_actions(envs, random))
            ended += envs.episodes
            for episode in envs.episodes:
                obs, active = envs.final_obs(episode.env)
                self.assertEqual(obs.shape, (envs.agents, envs.obs_dim))
                self.assertTrue(active.all())
                self.assertIn(envs.status[episode.env], (commformer.TERMINATED, commformer.TRUNCATED))
        self.assertGreaterEqual(len(ended), 6)
        self.assertTrue(all(episode.steps <= 4 and "success" in episode.metrics for episode in ended))

    def test_settings_are_described(self):
        signal = {setting.name: setting for setting in commformer.settings("signal")}
        self.assertEqual(signal["agents"].default, 3)
        self.assertIn("Agents", signal["agents"].about)
        mode = {setting.name: setting for setting in commformer.settings("predator-prey")}["mode"]
        self.assertEqual(mode.choices, ["mixed", "cooperative", "competitive"])
        for kind in commformer.KINDS:
            given = {name: default for name, default, _, _ in commformer.settings(kind) if default is not None}
            self.assertGreater(commformer.VectorEnv(kind, **given).agents, 0)
        with self.assertRaisesRegex(ValueError, "no kind `chess`"):
            commformer.settings("chess")

    def test_what_does_not_fit_is_refused(self):
        make = commformer.VectorEnv
        for error, words, given in [
            (ValueError, "no kind `chess`", ["chess"]),
            (TypeError, "kind is 3 ", [3]),
            (ValueError, "there is no setting `prey`; there are agents, symbols", dict(prey=1)),
            (ValueError, "`agents` is 0", dict(agents=0)),
            (ValueError, "`agents` is \"three\", but must be a whole number", dict(agents="three")),
            (ValueError, "`agents` is -4, but must be 2 to 10000", dict(cue_probability=0.5, agents=-4)),
            (ValueError, "setting agents is nan", dict(agents=float("nan"))),
            (TypeError, "setting agents is .*object", dict(agents=object())),
            (ValueError, "at least one environment", dict(num_envs=0)),
            (ValueError, "num_envs is -1", dict(num_envs=-1)),
            (TypeError, "num_envs is 1.5 ", dict(num_envs=1.5)),
            (ValueError, "num_envs is 1000000000000000000000", dict(num_envs=10**21)),
            (ValueError, "seed is -1", dict(seed=-1)),
            (TypeError, "threads is 'x' ", dict(threads="x")),
            (ValueError, "threads is 1000000", dict(threads=10**6)),
        ]:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                make(*given) if isinstance(given, list) else make("signal", **given)
        with self.assertRaisesRegex(TypeError, "num_envs is no setting of parallel_env"):
            commformer.parallel_env("signal", num_envs=2)
        envs = commformer.VectorEnv("signal", num_envs=2)
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

    def test_more_environments_than_memory_holds_are_refused_with_numbers(self):
        before = peak()
        for num_envs in (10**9, 2**62):
            with self.assertRaisesRegex(ValueError, rf"num_envs is {num_envs}: .* GB of memory, and .* GB are free; at most \d+ fit"):
                commformer.VectorEnv("signal", num_envs=num_envs)
        with self.assertRaisesRegex(ValueError, r"num_envs is 1: .* GB of memory, .* at most 0 fit"):
            commformer.VectorEnv("predator-prey", agents=9000, dim=100, vision=100)
        self.assertLess(peak() - before, 100 << 10)

    def test_numbers_of_any_type_are_arguments(self):
        plain = commformer.VectorEnv("signal", num_envs=3, seed=5, agents=4, cue_probability=0.5, shared=True)
        other = commformer.VectorEnv(
            "signal",
            num_envs=np.int64(3),
            seed=np.uint64(5),
            threads=np.int8(1),
            agents=np.int32(4),
            cue_probability=np.float32(0.5),
            shared=np.bool_(True),
        )
        np.testing.assert_array_equal(plain.reset(), other.reset())
        self.assertEqual(plain.obs.shape, other.obs.shape)
        grid = commformer.VectorEnv("predator-prey", dim=np.array(7))
        self.assertEqual(grid.obs_dim, commformer.VectorEnv("predator-prey", dim=7).obs_dim)


def peak():
    """The most memory that this process has held, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    unittest.main()
