"""Tasks with which the bridge is tested."""

import os
import signal
import sys
import time

import numpy as np


class Counting:
    """Two agents see copy-independent numbers: the seed, the step, and what they did last. Four steps."""

    agents = 2
    obs_dim = 3
    actions = 4
    metrics = ("steps", "sum")
    agent_names = ("left", "right")
    action_names = ("a", "b", "c", "d")

    def __init__(self, length: int = 4, fault: str = "", at: int = 3, mark: str = ""):
        self.length, self.fault, self.at, self.mark = length, fault, at, mark
        self.total = 0

    def reset(self, seed):
        self.seed, self.step_number, self.did = seed % 1000, 0, np.zeros(2)
        if self.fault == "reset" and self.total >= self.at:
            raise RuntimeError("no new episode")
        return self.see()

    def see(self):
        return np.stack([np.full(2, self.seed), np.full(2, self.step_number), self.did], axis=1)

    def step(self, actions):
        self.total += 1
        self.step_number += 1
        self.did = actions.astype(float)
        obs = self.see()
        if self.total >= self.at and not (self.mark and os.path.exists(self.mark)):
            obs = self.break_down(obs)
        return obs, actions * 0.5, self.step_number == self.length, False

    def break_down(self, obs):
        if self.mark:
            open(self.mark, "w").close()
        if self.fault == "raise":
            raise ValueError("the wheel came off")
        if self.fault == "hang":
            time.sleep(1000)
        if self.fault == "exit":
            print("good bye")
            sys.stdout.flush()
            os._exit(3)
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "nan":
            obs[1, 2] = np.nan
        if self.fault == "shape":
            return obs[:1]
        return obs

    def available(self):
        mask = np.ones((2, 4), bool)
        mask[0, 1 + self.step_number % 3] = False
        return mask

    def active(self):
        return [True, self.step_number < 3]

    def figures(self):
        return self.step_number, self.did.sum()

    def draw(self):
        shapes = [{"role": {"agent": 0}, "circle": [self.step_number, 0, 1]}]
        return {"size": [9, 9], "shapes": shapes, "agents": [[self.step_number, 0], None]}


class Leaving(Counting):
    """The second leaves in the third step."""

    leaves = True


class Pausing(Counting):
    """The second pauses after the first step, and departs in the third."""

    def active(self):
        return [True, self.step_number in (0, 2)]

    def departed(self):
        return [False, self.step_number >= 3]


class Ends:
    """PettingZoo's parallel API: `a` terminates in the third step, in which `b` is truncated; both stay listed."""

    possible_agents = ("a", "b")

    class Space:
        n, shape = 3, ()

    def observation_space(self, agent):
        return self.Space

    action_space = observation_space

    def reset(self, seed=None):
        self.steps, self.agents = 0, ["a", "b"]
        return {"a": 0, "b": 1}, {}

    def step(self, actions):
        self.steps += 1
        over = self.steps == 3
        seen = {"a": 1, "b": 2}
        return seen, {"a": 1.0, "b": 1.0}, {"a": over, "b": False}, {"a": False, "b": over}, {}


class Moving:
    """One agent with two real numbers for an action."""

    agents = 1
    obs_dim = 2
    action_dim = 2

    def reset(self, seed):
        return np.zeros((1, 2))

    def step(self, actions):
        assert actions.dtype == np.float32
        return actions, 1.0, False, True


class Child(Counting):
    """Starts a process of its own."""

    def __init__(self, mark):
        super().__init__()
        import subprocess

        child = subprocess.Popen(["sleep", "1000"])
        with open(mark, "a") as file:
            print(child.pid, os.getpid(), file=file)

    def step(self, actions):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        while True:
            pass


def unequal():
    unequal.made = getattr(unequal, "made", 0) + 1
    task = Counting()
    task.obs_dim = 3 + unequal.made // 2
    return task


def noisy():
    raise RuntimeError("it cannot be made")
