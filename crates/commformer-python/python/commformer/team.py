"""Trained teams and agents."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._native import NativeAgent, NativeTeam
from .arguments import whole


class TeamStep(NamedTuple):
    """What a team did in a step."""

    actions: np.ndarray
    """Of each agent: (N,), int64, or (N, A), float32, where they are continuous."""
    delivered: np.ndarray
    """Bytes that were delivered, (N, N), int64, row the receiver; with those of an action that CommFormer's next agent is told
    although it does not hear its agent (`policy.previous_action`)."""
    messages: int
    """How many messages went along the graph: what a sender sends a receiver in a step is one."""


class Letter(NamedTuple):
    """What goes from one agent to another. Letters are told apart by step, round and sender."""

    round: int
    """The round of the step in which it is needed."""
    other: int
    """Where it goes to, or where it came from."""
    content: bytes


class Exchange(NamedTuple):
    """What an agent has to say, and what it waits for."""

    outgoing: list[Letter]
    """To be sent now, to all who can hear the agent."""
    awaited: list[tuple[int, int]]
    """Round and sender of each letter that it needs to go on."""
    action: int | np.ndarray | None
    """What it does, at the end of the step: a number, or (A,), float32. None before."""


class _Trained:
    """What is known of a team."""

    agents: int
    """N."""
    obs_dim: int
    """Numbers of an observation, O."""
    actions: int
    """How many actions an agent has, or of how many numbers an action consists, A."""
    discrete: bool
    """Whether an action is one of A."""
    obs_version: int | None
    """The version of the observations that the team learned from; that of a `VectorEnv` has to be the same."""

    def __init__(self, native: NativeTeam | NativeAgent) -> None:
        self._native = native
        self.agents, self.obs_dim, self.actions, self.discrete, self.obs_version = native.sizes

    def reset(self, seed: int | None = None) -> None:
        """Begins an episode: nothing is remembered. A seed starts the random numbers anew by which agents of IC3Net draw whether
        they send."""
        self._native.reset(None if seed is None else _seed(seed))


class Team(_Trained):
    """A trained team of N agents in one process, out of the file that `commformer export` writes.

    Each agent decides by its own observation and the messages that reach it, and takes its most likely action. What agents remember
    goes on from step to step: call `reset` at the start of each episode.
    """

    _native: NativeTeam

    def __init__(self, file: str | os.PathLike[str], seed: int = 0) -> None:
        super().__init__(NativeTeam(Path(file).read_bytes(), _seed(seed)))

    def act(self, obs: Any, available: Any = None, active: Any = None, departed: Any = None) -> TeamStep:
        """One step.

        `obs` is what the agents see, (N, O). `available` says which actions they can take, (N, A); `active` who is active,
        (N,), and `departed` who left in the step before, (N,). Without them it is all, all and nobody. Whoever is not active
        neither sends nor is sent anything, and its action has no meaning.

        Raises ValueError for arrays of other shapes, and for numbers that are not finite.
        """
        discrete, continuous, delivered, messages = self._native.act(
            _array("obs", obs, (self.agents, self.obs_dim), np.float32),
            _flags("available", available, (self.agents, self.actions)),
            _flags("active", active, (self.agents,)),
            _flags("departed", departed, (self.agents,)),
        )
        actions = discrete if self.discrete else continuous.reshape(self.agents, self.actions)
        return TeamStep(actions, delivered.reshape(self.agents, self.agents), messages)


class Agent(_Trained):
    """Agent number `agent` of a trained team, on a machine of its own: it knows of the others what is in their letters.

    A step begins with what the agent sees. Each exchange says what is to be sent, and which letters the agent needs before it
    goes on, until it has an action:

        exchange = agent.begin(obs)
        while True:
            for letter in exchange.outgoing:
                radio.send(step, letter)
            if exchange.action is not None:
                break
            exchange = agent.receive(radio.wait(step, exchange.awaited))

    A letter that does not come in time is left out: it is a message that was not sent, or, in a later round of methods other
    than CommFormer and MAT, its sender is taken to say what it said before. One that comes too soon is kept until it is
    awaited. Call `reset` at the start of each episode, and after a step in which the agent was not active.
    """

    _native: NativeAgent

    def __init__(self, file: str | os.PathLike[str], agent: int, seed: int = 0) -> None:
        number = whole("agent", agent, 0, 2**63 - 1)
        super().__init__(NativeAgent(Path(file).read_bytes(), number, _seed(seed)))

    def begin(self, obs: Any, available: Any = None) -> Exchange:
        """Begins a step, by what the agent sees, (O,), and which actions it can take, (A,); None: all.

        A step that did not come to its end is given up, as if it had not begun. Raises ValueError for arrays of other shapes,
        and for numbers that are not finite or too large for the network; after the latter no step is under way.
        """
        obs = _array("obs", obs, (self.obs_dim,), np.float32)
        return self._exchange(self._native.begin(obs, _flags("available", available, (self.actions,))))

    def receive(self, letters: Iterable[tuple[int, int, bytes]]) -> Exchange:
        """Takes in the letters that were awaited, as far as they have come: round, sender and content of each.

        Raises ValueError for other letters, and for one that cannot be read: nothing of them has been taken in then, and the
        agent can go on with fewer. Also for numbers that are too large for the network: if the letters have been taken in by
        then, the step is given up.
        """
        mail = [(whole("round", r, 0, 2**63 - 1), whole("sender", sender, 0, 2**63 - 1), bytes(content)) for r, sender, content in letters]
        return self._exchange(self._native.receive(mail))

    def _exchange(self, given: tuple) -> Exchange:
        outgoing, awaited, discrete, continuous = given
        action = discrete if continuous is None else np.array(continuous, np.float32)
        return Exchange([Letter(r, other, bytes(content)) for r, other, content in outgoing], awaited, action)


def _seed(seed: int) -> int:
    return whole("seed", seed, 0, 2**64 - 1)


def _flags(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Flags of this shape, flat, as Rust takes them."""
    if given is None:
        return None
    if not np.isin(given, (0, 1)).all():
        raise ValueError(f"{name} has others than True and False, or 1 and 0")
    return _array(name, given, shape, np.bool_)


def _array(name: str, given: Any, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Numbers of this shape, flat, as Rust takes them."""
    array = np.asarray(given)
    if array.dtype == object and any(isinstance(one, dict) for one in array.flat):
        raise ValueError(
            f"{name} has dictionaries, but must be numbers: what agents see is their `observation`, and their `action_mask` "
            "is `available`"
        )
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but must have {shape}")
    if array.dtype == object or not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"{name} is {array.dtype}, but must be numbers")
    return np.ascontiguousarray(array, dtype).ravel()
