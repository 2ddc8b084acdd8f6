"""Google Research Football, as a task."""

from __future__ import annotations

from typing import Any

import numpy as np

from .loading import load
from .refusal import Refusal


class Football:
    """A scenario of Google Research Football, on its real engine (gfootball).

    `observation` is `encoded`, described at `encode`, with the actions that make sense now available, or
    `simple115v2`, the engine's own, with all of them. `reward` is `scoring,checkpoints` (the engine's: a goal is 1, and
    0.1 for each tenth of the way to it once an episode) or `scoring`. The engine may let a slot change its player, so
    an agent is a slot, not a person.
    """

    # How many players of the left team agents control: those of multi-agent research, the keeper never.
    CONTROLLED = {
        "academy_3_vs_1_with_keeper": 3,
        "academy_pass_and_shoot_with_keeper": 2,
        "academy_run_pass_and_shoot_with_keeper": 2,
        "academy_counterattack_easy": 4,
        "academy_counterattack_hard": 4,
    }
    DIRECTIONS = ("left", "top left", "top", "top right", "right", "bottom right", "bottom", "bottom left")
    action_names = ("idle", *DIRECTIONS, "long pass", "high pass", "short pass", "shot", "sprint", "stop moving",
                    "stop sprinting", "slide", "dribble", "stop dribbling")
    actions = len(action_names)
    metrics = ("score", "goals", "conceded")

    def __init__(self, scenario: str, agents: int = 0, observation: str = "encoded",
                 reward: str = "scoring,checkpoints") -> None:
        if observation not in ("encoded", "simple115v2"):
            raise Refusal(f"observation is {observation!r}: expected encoded or simple115v2")
        if reward not in ("scoring,checkpoints", "scoring"):
            raise Refusal(f"reward is {reward!r}: expected scoring,checkpoints or scoring")
        self.agents = agents or self.CONTROLLED.get(scenario, 0)
        if not self.agents:
            raise Refusal(f"how many players of {scenario} agents control is not known here: set the option agents")
        self.env = load("gfootball.env").create_environment(
            env_name=scenario,
            representation="raw" if observation == "encoded" else observation,
            rewards=reward,
            number_of_left_players_agent_controls=self.agents,
        )
        self.encodes = observation == "encoded"
        if self.encodes:
            self.available = self._available
        self.obs_dim = self.reset(0).shape[1]
        self.agent_names = [f"player {slot}" for slot in range(self.agents)]

    def reset(self, seed: int) -> np.ndarray:
        """Begins an episode: the engine's whole randomness comes from the seed."""
        # The engine derives the second from the first seed that it sees, and keeps it.
        settings = {"game_engine_random_seed": int(seed) % 2**31, "reverse_team_processing": bool(seed % 2)}
        self.env.unwrapped._config.update(settings)
        self.goals = self.conceded = 0
        observation = self.env.reset()
        self.length = max(self.env.unwrapped.observation()[0]["steps_left"], 1)
        return self._look(observation)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
        """One of the engine's steps, a tenth of a second."""
        observation, rewards, over, info = self.env.step(actions.tolist())
        score = int(info["score_reward"])
        self.goals += score > 0
        self.conceded += score < 0
        seen = self._look(observation)
        # A goal in the last step is how the episode ends; the clock has no part in it.
        timed_out = over and score == 0 and self.raw[0]["steps_left"] <= 0
        return seen, np.asarray(rewards, dtype=np.float32), over and not timed_out, timed_out

    def metric_values(self) -> tuple[float, float, float]:
        """Goals for less those against, and both."""
        return self.goals - self.conceded, self.goals, self.conceded

    def close(self) -> None:
        """Ends the engine."""
        self.env.close()

    def _look(self, observation: Any) -> np.ndarray:
        """What is seen, (N, O); keeps the engine's own description."""
        self.raw = self.env.unwrapped.observation()
        if not self.encodes:
            return np.asarray(observation, dtype=np.float32).reshape(self.agents, -1)
        return np.stack([self.encode(player, self.length) for player in self.raw])

    @staticmethod
    def encode(raw: dict[str, Any], length: int) -> np.ndarray:
        """What one player sees in an episode of this length, about -1 to 1.

        Everything but the first two numbers is as seen from it.

        Itself: place (2), direction (2), tiredness, whether it has the ball, what it keeps doing (10). The way to the
        middle of the other goal (2). The ball: way to it (2), its distance, height, direction (3), whether nobody, its own or
        the other team has it (3). Each other of its own team, in the engine's order: way to it (2), direction (2), whether it
        has the ball. Each of the other team: the same. The kind of play (7), and the share of the time that is left.
        """
        own, fast = raw["active"], 50.0  # Who runs at full speed moves 0.02 in a step.
        place = raw["left_team"][own]
        owner = (raw["ball_owned_team"], raw["ball_owned_player"])
        ball = raw["ball"][:2] - place

        def team(name: str, number: int, without: int | None = None) -> np.ndarray:
            has_ball = np.zeros(len(raw[name]))
            if owner[0] == number and owner[1] >= 0:
                has_ball[owner[1]] = 1.0
            rows = np.column_stack([raw[name] - place, raw[f"{name}_direction"] * fast, has_ball])
            return np.delete(rows, without, axis=0).ravel() if without is not None else rows.ravel()

        play = np.zeros(7)
        play[raw["game_mode"]] = 1.0
        parts_of_it = (
            place,
            raw["left_team_direction"][own] * fast,
            [raw["left_team_tired_factor"][own], owner == (0, own)],
            raw["sticky_actions"],
            np.array([1.0, 0.0]) - place,
            ball,
            [np.hypot(*ball), raw["ball"][2] / 4.0],
            raw["ball_direction"] * fast / 2.0,
            [owner[0] == -1, owner[0] == 0, owner[0] == 1],
            team("left_team", 0, own),
            team("right_team", 1),
            play,
            [raw["steps_left"] / length],
        )
        return np.concatenate(parts_of_it).astype(np.float32)

    def _available(self) -> np.ndarray:
        """Which actions make sense now, (N, 19)."""
        return np.stack([self.sensible(player) for player in self.raw])

    @staticmethod
    def sensible(raw: dict[str, Any]) -> np.ndarray:
        """Which actions make sense for one player, (19,): to idle and to move always do.

        Passing, shooting and dribbling, for who has the ball or is next to it while nobody has; shooting not from one's own
        half; sliding, while the other team has the ball; to stop what one does.
        """
        sensible = np.ones(19, dtype=bool)
        own, sticky = raw["active"], raw["sticky_actions"]
        team, player = raw["ball_owned_team"], raw["ball_owned_player"]
        near = np.hypot(*(raw["ball"][:2] - raw["left_team"][own])) < 0.03
        plays = (team, player) == (0, own) or (team == -1 and near)
        sensible[9:13] = plays
        sensible[12] &= raw["ball"][0] > 0.0
        sensible[13] = not sticky[8]
        sensible[14] = sticky[:8].any()
        sensible[15] = bool(sticky[8])
        sensible[16] = team == 1
        sensible[17] = plays and not sticky[9]
        sensible[18] = bool(sticky[9])
        return sensible

    def draw(self) -> dict[str, Any]:
        """The pitch, 2 x 0.84 of the engine's lengths, 50 of ours to one of its."""
        raw, scale = self.raw[0], 50.0

        def at(x: float, y: float) -> list[float]:
            return [(float(x) + 1.08) * scale, (float(y) + 0.5) * scale]

        slots = {player["active"]: slot for slot, player in enumerate(self.raw)}
        shapes, agents = [], [None] * self.agents
        for person, place in enumerate(raw["left_team"]):
            slot = slots.get(person)
            role = "note" if slot is None else {"agent": slot}
            shapes.append({"role": role, "circle": [*at(*place), 1.2]})
            if slot is not None:
                agents[slot] = at(*place)
                shapes.append({"role": role, "text": [*at(*place), 1.2, str(slot)]})
        shapes += [{"role": "enemy", "circle": [*at(*place), 1.2]} for place in raw["right_team"]]
        shapes.append({"role": "target", "circle": [*at(*raw["ball"][:2]), 0.6]})
        left, top = at(-1, -0.42)
        lines = [(-1, -0.42, 1, -0.42), (-1, 0.42, 1, 0.42), (-1, -0.42, -1, 0.42), (1, -0.42, 1, 0.42), (0, -0.42, 0, 0.42)]
        goals = [{"role": "wall", "rectangle": [*at(x, -0.044), 2.0, 0.088 * scale]} for x in (-1.04, 1.0)]
        return {
            "size": [2.16 * scale, scale],
            "scenery": [
                {"role": "ground", "rectangle": [left, top, 2 * scale, 0.84 * scale]},
                *({"role": "grid", "line": [*at(*line[:2]), *at(*line[2:])]} for line in lines),
                *goals,
            ],
            "shapes": shapes,
            "agents": agents,
        }
