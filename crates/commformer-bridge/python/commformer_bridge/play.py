"""A task that is played in a check, and what its agents see."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .drawn import drawn
from .metrics import method_of_metrics, metrics_of
from .progress import begins
from .refusal import Refusal
from .report import Report, few
from .values import STEP_OF_A_TASK, expect, flags_of, numbers_of, rewards_of, truth


class Play:
    """A task that is played, and whose every answer is looked at; what does not fit is refused."""

    # The one that was reset or stepped last.
    latest: Play | None = None

    def __init__(self, task: Any, states: bool = False) -> None:
        self.task, self.states = task, states
        self.seed = self.steps = 0
        # Seconds that the last reset or step took.
        self.took = 0.0

    def reset(self, seed: int) -> dict[str, np.ndarray]:
        """Begins an episode; returns what is known then, by name."""
        self.seed, self.steps = seed, 0
        Play.latest = self
        begins(b"r")
        start = time.perf_counter()
        observations = self.task.reset(seed)
        self.took = time.perf_counter() - start
        return self._known(observations)

    def step(self, random: np.random.Generator) -> tuple[dict[str, np.ndarray], bool]:
        """A step with random available actions; returns what is known then, and whether it was the last."""
        self.steps += 1
        Play.latest = self
        begins(b"w")
        actions = self._actions(random)
        start = time.perf_counter()
        returned = self.task.step(actions)
        self.took = time.perf_counter() - start
        expect("step", STEP_OF_A_TASK, returned)
        observations, rewards, *ends = returned
        ends = [self._told(truth, key, end) for key, end in zip(("terminated", "truncated"), ends)]
        known = self._known(observations, any(ends))
        known["rewards"] = self._finite("rewards", self._told(rewards_of, rewards, self.task.agents))
        known["ends"] = np.array(ends)
        if any(ends):
            known |= self.metrics()
        return known, any(ends)

    def metrics(self) -> dict[str, np.ndarray]:
        """The metrics of an episode that ends here, as training asks for them."""
        names = list(getattr(self.task, "metrics", ()))
        return {f"{method_of_metrics(self.task)}()": self._told(metrics_of, self.task, names)} if names else {}

    def _known(self, observations: Any, over: bool = False) -> dict[str, np.ndarray]:
        """What can be asked of a task after a reset or a step. Where the episode is over, nobody acts any more."""
        task = self.task
        seen = self._told(numbers_of, "observations", observations, (task.agents, task.obs_dim))
        known = {"observations": self._finite("observations", seen)}
        if self.states:
            state = self._told(numbers_of, "the numbers of state()", task.state(), (task.state_dim,))
            known["state()"] = self._finite("the numbers of state()", state)
        if hasattr(task, "available"):
            table = self._flags("available()", task.available(), (task.agents, task.actions))
            for agent in () if over else np.flatnonzero(~table.any(axis=1)):
                self._refuse(f"agent {agent} has no available action: each needs one, an inactive one too")
            known["available()"] = table
        if hasattr(task, "active"):
            known["active()"] = self._flags("active()", task.active(), (task.agents,))
        if hasattr(task, "departed"):
            known["departed()"] = self._flags("departed()", task.departed(), (task.agents,))
            known.setdefault("active()", ~known["departed()"])
        if hasattr(task, "draw"):
            self._told(drawn, task)
        return known

    def _actions(self, random: np.random.Generator) -> np.ndarray:
        """An available action for each agent, or numbers about 0."""
        task = self.task
        if not hasattr(task, "actions"):
            return random.normal(size=(task.agents, task.action_dim)).astype(np.float32)
        if not hasattr(task, "available"):
            return random.integers(task.actions, size=task.agents)
        table = self._flags("available()", task.available(), (task.agents, task.actions))
        return np.array([random.choice(np.flatnonzero(row)) for row in table])

    def _finite(self, what: str, array: np.ndarray) -> np.ndarray:
        """Numbers whose squares training can add up with 32 bits."""
        with np.errstate(all="ignore"):
            numbers = array.astype(np.float32)
        sound = np.abs(numbers) <= 1e15
        if not sound.all():
            at = tuple(int(i) for i in np.argwhere(~sound)[0])
            self._refuse(f"{what} have {numbers[at]} at {at}: expected numbers within 1e15 of zero")
        return numbers

    def _flags(self, what: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Truth values of a shape."""
        return self._told(flags_of, what, value, shape).copy()

    def _told(self, rule: Any, *given: Any) -> Any:
        """What a rule makes of an answer; where it refuses it, with the place."""
        try:
            return rule(*given)
        except Refusal as refusal:
            self._refuse(str(refusal))

    def _refuse(self, text: str) -> None:
        raise Refusal(f"{text} ({self.place()})")

    def place(self) -> str:
        """How far the play is."""
        return f"step {self.steps} after reset({self.seed})"

    def moment(self) -> str:
        """What is being done."""
        return self.place() if self.steps else f"reset({self.seed})"


class Seen:
    """What the agents of a task have seen: of each number of the observation the least and the most."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.least, self.most = np.full(task.obs_dim, np.inf), np.full(task.obs_dim, -np.inf)
        self.active = np.zeros(task.agents, dtype=bool)

    def look(self, known: dict[str, np.ndarray]) -> None:
        """Adds what the active agents see now."""
        active = known.get("active()", np.ones(self.task.agents, dtype=bool))
        self.active |= active
        if active.any():
            self.least = np.minimum(self.least, known["observations"][active].min(axis=0))
            self.most = np.maximum(self.most, known["observations"][active].max(axis=0))

    def tell(self, steps: int, report: Report) -> None:
        """Notes what never varied, and who was never there."""
        names = getattr(self.task, "agent_names", ()) or [str(agent) for agent in range(self.task.agents)]
        never = [names[agent] for agent in np.flatnonzero(~self.active)]
        if len(never) == self.task.agents:
            report.wrong(f"nobody was active in {steps} steps: an episode needs agents that act")
        elif never:
            report.note(f"never active in {steps} steps: {few('agent', never)}; nothing is learned for them")
        same = np.flatnonzero(self.least == self.most)
        if same.size:
            places = few("number", [f"{place} (always {self.least[place]:g})" for place in same])
            report.note(
                f"observations have {same.size} of {self.task.obs_dim} numbers that never varied, for any agent, in {steps} "
                f"steps with random actions: {places}. Nothing can be learned from those: leave them out, or look at how "
                "they are made"
            )
