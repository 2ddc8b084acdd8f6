"""The worker: environments of a task, stepped for a parent process."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import socket
import traceback

from .answers import LONGEST, json_of
from .drawn import drawn
from .making import Apart, make
from .memory import RESET, RUNNING, TERMINATED, TRUNCATED, Memory
from .metrics import metrics_of
from .refusal import Refusal
from .spec import spec_of
from .values import STEP_OF_A_TASK, expect, flags_of, numbers_of, put, rewards_of, truth
from .warned import WARNINGS, warnings


class Forked(Refusal):
    """The environment has forked, and this is the child."""


class Gone(Exception):
    """The parent has hung up. What the environment loses, such as an engine at the other end of a pipe, is no such thing."""


def through(call, *given):
    """What a call on the socket to the parent returns."""
    try:
        return call(*given)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Gone from error


class Worker:
    """Answers the parent: `open`, `go` and `draw`, a line each, with a number that the answer repeats."""

    def __init__(self, make_task, control: socket.socket, states: bool = False):
        self.make_task, self.states = make_task, states
        self.control = control
        self.process = os.getpid()
        self.number = 0
        self.files: list[int] = []
        self.memory, self.limit, self.doing = None, 0, "its beginning"
        self.steps: list[int] = []
        # Of environments that are drawn: the last picture of an episode that has just ended, as JSON.
        self.pictures: dict[int, str | None] = {}

    def prepare(self) -> None:
        """Makes the first environment."""
        self.apart = Apart()
        self.tasks = [self.make_task()]
        self.apart.add(self.tasks[0])
        self.spec = spec_of(self.tasks[0], self.states)
        self.shape = (self.spec["agents"], self.spec["obs_dim"])
        self.has_active, self.has_departed = (hasattr(self.tasks[0], name) for name in ("active", "departed"))

    def serve(self) -> None:
        self.prepare()
        self.answer(self.spec)
        for line in self.requests():
            verb, number, *words = line.decode().split()
            self.number = int(number)
            if verb == "go":
                self.go(int(words[0]), int(words[1]))
                self.say(f"done {json_of(warnings())}" if WARNINGS else "done")
            elif verb == "open":
                self.open(int(words[0]), int(words[1]), self.files.pop())
                self.answer(None)
            elif verb == "draw":
                self.say(f'{{"ok": {self.draw(int(words[0]))}}}')
        for task in self.tasks:
            if hasattr(task, "close"):
                task.close()

    def requests(self):
        """Lines, until the parent hangs up. A file that comes with one is kept."""
        rest, flags = b"", getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        while True:
            part, files, _, _ = through(socket.recv_fds, self.control, 4096, 1, flags)
            if not part:
                return
            self.files += files
            *lines, rest = (rest + part).split(b"\n")
            yield from lines

    def alone(self) -> None:
        """Ends a child of this process that has come back from the environment like its parent."""
        if os.getpid() != self.process:
            raise Forked(
                "the environment has forked, and both processes returned from it: a child process must end by itself, "
                "such as by os._exit, and never return to its caller"
            )

    def answer(self, what) -> None:
        self.say(json_of({"ok": what}))

    def say(self, text: str) -> None:
        self.alone()
        line = f"{self.number} {text}\n".encode()
        if len(line) >= LONGEST:
            raise Refusal(f"the answer takes {len(line)} bytes, but must take less than {LONGEST}")
        through(self.control.sendall, line)

    def open(self, num_envs: int, limit: int, file: int) -> None:
        self.doing = "making its environments"
        self.memory, self.limit = Memory(file, self.spec), limit
        while len(self.tasks) < num_envs:
            task = self.make_task()
            self.apart.add(task)
            spec = spec_of(task, self.states)
            if spec != self.spec:
                raise Refusal(f"its environments differ: {spec} after {self.spec}")
            self.tasks.append(task)
        self.steps, self.pictures = [0] * num_envs, {}

    def go(self, first: int, last: int) -> None:
        memory, commands = self.memory, self.memory.commands[first:last].tolist()
        for env, command in zip(range(first, last), commands):
            if command == RESET:
                self.reset(env)
                continue
            task = self.tasks[env]
            self.doing = ("step", env)
            self.steps[env] += 1
            # A copy: the task may keep it, and the memory holds the next actions soon.
            returned = task.step(memory.actions[env].copy())
            self.alone()
            expect("step", STEP_OF_A_TASK, returned)
            obs, rewards, terminated, truncated = returned
            put(memory.rewards, env, rewards if type(rewards) is float else rewards_of(rewards, self.shape[0]))
            if type(terminated) is not bool or type(truncated) is not bool:
                terminated, truncated = truth("terminated", terminated), truth("truncated", truncated)
            if terminated or truncated or self.steps[env] == self.limit:
                self.end(env, obs, TERMINATED if terminated else TRUNCATED)
            else:
                self.write(env, obs, memory.obs, memory.state, memory.active, memory.departed)
                memory.status[env] = RUNNING

    def end(self, env: int, obs, status: int) -> None:
        """Keeps how an episode ended, and begins the next one: the parent will ask for it."""
        memory, task = self.memory, self.tasks[env]
        self.write(env, obs, memory.last_obs, memory.last_state, memory.last_active, memory.last_departed)
        memory.status[env] = status
        if self.spec["metrics"]:
            memory.metrics[env] = metrics_of(task, self.spec["metrics"])
        if env in self.pictures:
            self.pictures[env] = self.drawn(env)
        self.reset(env)

    def reset(self, env: int) -> None:
        memory, self.doing = self.memory, ("reset", env)
        obs = self.tasks[env].reset(int(memory.seeds[env]))
        self.alone()
        self.steps[env] = 0
        self.write(env, obs, memory.obs, memory.state, memory.active, memory.departed)

    def write(self, env: int, obs, to_obs, to_state, to_active, to_departed) -> None:
        # A number that is too large becomes infinite, which the program finds.
        put(to_obs, env, numbers_of("observations", obs, self.shape))
        task, agents = self.tasks[env], self.shape[:1]
        if self.states:
            put(to_state, env, numbers_of("the numbers of state()", task.state(), (self.spec["state_dim"],)))
        to_active[env] = flags_of("active()", task.active(), agents) if self.has_active else True
        if self.has_departed:
            to_departed[env] = flags_of("departed()", task.departed(), agents)
            if not self.has_active:
                to_active[env] = ~to_departed[env]
        elif self.spec["leaves"]:
            to_departed[env] = ~to_active[env]
        if self.spec["masked"]:
            self.memory.available[env] = flags_of("available()", task.available(), (agents[0], self.spec["actions"]))

    def draw(self, env: int) -> str:
        """The present picture, or the last one of an episode that has just ended, as JSON; null for a task that draws none."""
        if not hasattr(self.tasks[env], "draw"):
            return "null"
        ended = self.pictures.get(env)
        self.pictures[env] = None
        return ended or self.drawn(env)

    def drawn(self, env: int) -> str:
        self.doing = ("draw", env)
        picture = drawn(self.tasks[env])
        self.alone()
        return picture

    def where(self) -> str:
        if isinstance(self.doing, str):
            return self.doing
        verb, env = self.doing
        if verb == "step":
            return f"step {self.steps[env]} of its environment {env}"
        return f"{'a reset' if verb == 'reset' else 'the picture'} of its environment {env}"


def work(name: str, options: dict, states: bool = False) -> None:
    """Serves the parent on descriptor 0 until it is gone, with the global states of the task or without."""
    control = socket.socket(fileno=os.dup(0))
    faulthandler.register(signal.SIGUSR1, chain=False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    worker = Worker(lambda: make(name, options), control, states)
    try:
        worker.serve()
    except Gone:
        pass
    except BaseException as error:
        if os.getpid() != worker.process and not isinstance(error, Forked):
            raise  # A child of the environment's own, which ends as it would elsewhere.
        told = str(error) if isinstance(error, Refusal) else traceback.format_exc()
        # The end is what matters, and what is not text arrives as well.
        told = told.strip()[-(LONGEST >> 8) :].encode(errors="backslashreplace").decode()
        refusal = json_of({"error": told, "where": worker.where()})
        with contextlib.suppress(Gone):
            through(control.sendall, f"{worker.number} {refusal}\n".encode())
