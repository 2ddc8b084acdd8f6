"""Tasks with which the bridge is tested."""

import os
import signal
import sys
import time

import numpy as np


class Counting:
    """Two agents see numbers that tell nothing of the environment's number: the seed, the step, and what they did last. Four steps."""

    agents = 2
    obs_dim = 3
    actions = 4
    metrics = ("moves", "sum")
    agent_names = ("left", "right")
    action_names = ("a", "b", "c", "d")

    def __init__(self, length: int = 4, fault: str = "", at: int = 3, mark: str = ""):
        self.length, self.fault, self.at, self.mark = length, fault, at, mark
        self.total = 0

    def reset(self, seed):
        assert 0 <= seed < 1 << 31, f"{seed}: games in C take no more"
        self.seed, self.step_number, self.did = seed % 1000, 0, np.zeros(2)
        if self.fault == "reset" and self.total >= self.at:
            raise RuntimeError("no new episode")
        if self.fault == "nan in reset" and self.total >= self.at:
            return np.array([[0, 0, 0], [0, np.nan, 0]])
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
        if self.fault == "leave":
            os._exit(0)
        if self.fault == "sys.exit":
            sys.exit(3)
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

    def metric_values(self):
        return self.step_number, self.did.sum()

    def draw(self):
        shapes = [{"role": {"agent": 0}, "circle": [self.step_number, 0, 1]}]
        return {"size": [9, 9], "shapes": shapes, "agents": [[self.step_number, 0], None]}


class Stated(Counting):
    """The same, with a global state: the seed and the step."""

    state_dim = 2

    def __init__(self, wrong: str = "", **options):
        super().__init__(**options)
        self.wrong = wrong

    def state(self):
        if self.wrong == "shape":
            return np.zeros(3)
        return [self.seed, np.nan if self.wrong == "nan" and self.step_number == 2 else self.step_number]


class Pictured(Counting):
    """Draws what cannot be shown, or, as `numpy`, what can."""

    def __init__(self, draws: str):
        super().__init__()
        self.draws = draws

    def draw(self):
        if self.draws == "raise":
            raise ZeroDivisionError("no picture")
        if self.draws == "none":
            return None
        role, x = "hero" if self.draws == "role" else "good", np.nan if self.draws == "nan" else np.float32(0.5)
        shapes = [{"role": role, "circle": [x, 0, 1]}]
        return {"size": [1, 1], "shapes": shapes * (1 << 17 if self.draws == "large" else 1), "agents": np.ones((2, 2))}


class Resets(Counting):
    """Shows how often it has begun, in the place of the seed; a step takes a while. The first reset of all can fail."""

    def __init__(self, mark: str = ""):
        super().__init__()
        self.resets, self.first = 0, mark

    def reset(self, seed):
        if self.first and not os.path.exists(self.first):
            open(self.first, "w").close()
            raise RuntimeError("no first episode")
        self.resets += 1
        return super().reset(seed)

    def see(self):
        obs = super().see()
        obs[:, 0] = self.resets
        return obs

    def step(self, actions):
        time.sleep(0.1)
        return super().step(actions)


def asleep():
    """Is never made."""
    time.sleep(1000)


def slowly():
    """Takes longer to be made than a step may take."""
    time.sleep(1.5)
    return Counting()


class Who(Counting):
    """Shows its process, in the place of the seed."""

    def see(self):
        obs = super().see()
        obs[:, 0] = os.getpid()
        return obs


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


class Listed(Ends):
    """`a` ends in the first step and is listed for ever; `b` is truncated in the third."""

    def step(self, actions):
        seen, paid, _, _, infos = super().step(actions)
        return seen, paid, {"a": self.steps == 1}, {"b": self.steps == 3}, infos


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


class Forking(Counting):
    """In a step, in a reset or where it is made, both processes return, the child later."""

    def __init__(self, when="step", late=0.0, exits=False):
        super().__init__(length=5)
        self.when, self.late, self.exits, self.forked = when, late, exits, False
        if when == "make" and os.fork() == 0:
            time.sleep(late)

    def fork(self, when):
        if when != self.when or self.forked or self.total < 2:
            return
        self.forked = True
        if os.fork() == 0:
            time.sleep(self.late)
            if self.exits:
                sys.exit("a child's own affair")

    def reset(self, seed):
        self.fork("reset")
        return super().reset(seed)

    def step(self, actions):
        self.fork("step")
        return super().step(actions)


class Away(Counting):
    """Hangs as `how` says; has started a process in a session of its own, or one whose parent has ended (`twice`).

    The environment of that is empty, and it holds none of this one's files.
    """

    def __init__(self, mark, how, twice=False):
        super().__init__()
        import subprocess

        self.how = how
        if twice:
            # The parent of the one that stays ends at once.
            stays = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint(os.getpid(), flush=True)\n"
            code = [sys.executable, "-c", stays + "os.close(1)\nos.close(2)\ntime.sleep(1000)"]
            child = subprocess.Popen(code, stdout=subprocess.PIPE, env={})
            pid = int(child.stdout.readline())
            child.wait()
        else:
            quiet = subprocess.DEVNULL
            child = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={}, stdout=quiet, stderr=quiet)
            pid = child.pid
        with open(mark, "a") as file:
            print(pid, os.getpid(), file=file)

    def step(self, actions):
        if self.how in ("setpgid", "setsid"):
            os.setpgid(0, os.getpgid(os.getppid()))
        if self.how == "setsid":  # Only who leads no group can.
            os.setsid()
        if self.how == "exit":
            os._exit(3)
        if self.how == "kill":
            os.killpg(0, signal.SIGKILL)
        if self.how != "stays":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
            time.sleep(1000)
        return super().step(actions)


class Stopped(Counting):
    """Can say nothing any more."""

    def step(self, actions):
        os.kill(os.getpid(), signal.SIGSTOP)


class Huge(Counting):
    """More than anybody has."""

    agents = 1 << 20
    obs_dim = 1 << 20
    agent_names = ()


class Wide(Counting):
    """Takes eight MiB in two environments."""

    obs_dim = 1 << 18

    def see(self):
        return np.ones((2, self.obs_dim))


def unequal():
    unequal.made = getattr(unequal, "made", 0) + 1
    task = Counting()
    task.obs_dim = 3 + unequal.made // 2
    return task


class Hashed(Counting):
    """Tells the hash of a word, or the number of its process."""

    def __init__(self, what="hash"):
        super().__init__()
        self.notes = [str(hash("word") if what == "hash" else os.getpid())]


class Told(Counting):
    """Tells its options."""

    def __init__(self, **options):
        super().__init__()
        self.notes = [f"{key}: {value!r}" for key, value in sorted(options.items())]


class Five(Counting):
    """Its step is one of gymnasium."""

    def step(self, actions):
        return *super().step(actions), {}


class Unmeasured(Counting):
    """A number that an episode does not have."""

    def metric_values(self):
        return np.nan, 0.0


def half_a_letter():
    task = Counting()
    task.agent_names = ("\ud800", "b")
    return task


def noisy():
    raise RuntimeError("it cannot be made")
