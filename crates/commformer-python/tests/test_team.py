"""Trained teams, out of the files with which `tests/scratch` plays Signal."""

import pathlib
import tempfile
import unittest

import commformer
import numpy as np

FILES = pathlib.Path(__file__).parents[3] / "tests/scratch/networks"


class Team(unittest.TestCase):
    def setUp(self):
        # Three agents, each of which has to say what another one is shown.
        self.task = commformer.VectorEnv("signal", seed=1, agents=3)

    def test_teams_do_what_they_have_learned(self):
        # Of CommFormer, and of SLIM, whose agents send each of two others a byte.
        for name, least, bytes_of_step in [("team", 1.0, None), ("actors", 0.95, 6)]:
            with self.subTest(name):
                team = commformer.Team(FILES / f"{name}.safetensors")
                self.assertEqual((team.agents, team.obs_dim, team.actions), (3, self.task.obs_dim, self.task.actions))
                self.assertTrue(team.discrete)
                # These files are older than the versions of observations.
                self.assertIsNone(team.obs_version)
                obs, earned, steps = self.task.reset(), 0.0, 200
                team.reset(seed=1)
                for _ in range(steps):
                    step = team.act(obs[0])
                    self.assertEqual((step.actions.shape, step.actions.dtype), ((3,), np.int64))
                    # An agent of CommFormer is also told the action of the one before, if it hears it or not.
                    self.assertLessEqual(step.messages, np.count_nonzero(step.delivered))
                    self.assertFalse(step.delivered.diagonal().any())
                    if bytes_of_step:
                        self.assertEqual(step.delivered.sum(), bytes_of_step)
                    obs, rewards, status = self.task.step(step.actions[None])
                    earned += rewards.mean()
                    if status[0] != commformer.RUNNING:
                        team.reset()
                self.assertGreaterEqual(earned / steps, least)

    def test_whoever_is_not_active_is_sent_nothing(self):
        team = commformer.Team(FILES / "actors.safetensors")
        step = team.act(self.task.reset()[0], active=[1, 0, 1], departed=np.array([False, True, False]))
        self.assertEqual(step.delivered.tolist(), [[0, 0, 1], [0, 0, 0], [1, 0, 0]])

    def test_only_available_actions_are_taken(self):
        team = commformer.Team(FILES / "team.safetensors")
        for action in range(team.actions):
            available = np.zeros((3, team.actions), np.int8)
            available[:, action] = 1
            self.assertEqual(team.act(self.task.reset()[0], available).actions.tolist(), [action] * 3)

    def test_what_does_not_fit_is_refused(self):
        team = commformer.Team(str(FILES / "team.safetensors"))
        obs = self.task.reset()[0].astype(np.float64)
        odd = obs.copy()
        odd[1, 0] = np.nan
        for words, given in [
            (rf"obs has shape \(3,\), but must have \(3, {team.obs_dim}\)", dict(obs=obs[:, 0])),
            ("obs is <U32, but must be numbers", dict(obs=obs.astype(str))),
            ("obs is object, but must be numbers", dict(obs=obs.astype(object))),
            ("`obs`: found nan", dict(obs=odd)),
            (r"active has shape \(2,\), but must have \(3,\)", dict(obs=obs, active=[True, True])),
            ("active has others than True and False", dict(obs=obs, active=[1, 2, 0])),
            ("available", dict(obs=obs, available=np.zeros((3, team.actions), bool))),
        ]:
            with self.subTest(words), self.assertRaisesRegex(ValueError, f"(?i){words}"):
                team.act(**given)
        with self.assertRaisesRegex(TypeError, "seed is 1.5"):
            team.reset(seed=1.5)
        with tempfile.NamedTemporaryFile() as other:
            other.write(b"something else")
            other.flush()
            with self.assertRaisesRegex(ValueError, "not what `commformer export` writes"):
                commformer.Team(other.name)
        with self.assertRaises(FileNotFoundError):
            commformer.Team(FILES / "nothing")


class Agents(unittest.TestCase):
    def test_each_by_itself_they_do_what_their_team_does(self):
        task = commformer.VectorEnv("signal", seed=1, agents=3)
        for name in ("team", "actors"):
            with self.subTest(name):
                file = FILES / f"{name}.safetensors"
                team, agents = commformer.Team(file), [commformer.Agent(file, agent) for agent in range(3)]
                obs = task.reset()[0]
                for _ in range(10):
                    actions, delivered = carry(agents, obs)
                    step = team.act(obs)
                    self.assertEqual(actions, step.actions.tolist())
                    self.assertEqual(delivered.tolist(), step.delivered.tolist())
                    obs = task.step(step.actions[None])[0][0]

    def test_lost_letters_are_messages_that_were_not_sent(self):
        agent = commformer.Agent(FILES / "team.safetensors", np.int64(2))
        exchange = agent.begin(np.zeros(agent.obs_dim))
        sender = exchange.awaited[0][1]
        with self.assertRaisesRegex(ValueError, f"of agent {sender}"):
            agent.receive([(*exchange.awaited[0], b"short")])
        with self.assertRaisesRegex(ValueError, "found one for round 9 of agent 0"):
            agent.receive([(9, 0, b"")])
        while exchange.action is None:
            exchange = agent.receive([])
        self.assertIn(exchange.action, range(agent.actions))
        with self.assertRaisesRegex(ValueError, "no step is under way"):
            agent.receive([])
        with self.assertRaisesRegex(ValueError, "found 3, expected less than 3"):
            commformer.Agent(FILES / "team.safetensors", 3)
        with self.assertRaisesRegex(ValueError, r"obs has shape \(1,\)"):
            agent.begin([0.0])


def carry(agents, obs):
    """Carries letters until all agents have decided: what they do, and the bytes of each, receiver by sender."""
    letters, delivered = {}, np.zeros((len(agents), len(agents)), int)
    exchanges = [agent.begin(seen) for agent, seen in zip(agents, obs)]
    while any(exchange.action is None for exchange in exchanges):
        for own, exchange in enumerate(exchanges):
            letters |= {(letter.other, letter.round, own): letter.content for letter in exchange.outgoing}
        for own, exchange in enumerate(exchanges):
            due = [(own, *awaited) for awaited in exchange.awaited]
            if exchange.action is None and letters.keys() >= set(due):
                for at in due:
                    delivered[own, at[2]] += len(letters[at])
                exchanges[own] = agents[own].receive([(*at[1:], letters[at]) for at in due])
    return [exchange.action for exchange in exchanges], delivered


if __name__ == "__main__":
    unittest.main()
