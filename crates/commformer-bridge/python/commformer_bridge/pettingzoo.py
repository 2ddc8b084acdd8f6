"""Environments with PettingZoo's parallel API, as tasks."""

from __future__ import annotations

import contextlib
import traceback
import types
from typing import Any

import numpy as np

from .beside import Drawing, like_masks, pass_on
from .bounds import Bounds
from .masks import CONTRARY, Masks, array_size, is_unordered, like_mask_name, looks_like_mask, mask_name, may_list
from .particles import mpe_world, picture
from .refusal import Refusal, a
from .spaces import flat_size, flatten, is_box, is_discrete, parts
from .values import NUMBERS, array_of, expect, put, truth
from .warned import warn

# Where infos have the last observation of an episode if the environment has begun the next one by itself.
FINAL = ("final_observation", "final_obs", "terminal_observation")

# What an environment does where agents take turns.
ONLY_THE_MOVER = "only the agent whose turn it is in env.agents, so that the others pause"
# What is wrong with PettingZoo's turn_based_aec_to_parallel.
IN_TURNS = f"where all agents act and the actions of all but one have no effect, which would be learned from: expected {ONLY_THE_MOVER}"


def advice(made: Any) -> str:
    """What to do about the usual things that are returned instead of a task."""
    if hasattr(made, "agent_iter"):
        turns = ". It is an environment where agents take turns (AEC)"
        metadata = getattr(made, "metadata", None)
        if isinstance(metadata, dict) and metadata.get("is_parallelizable"):
            return f"{turns}: see pettingzoo.utils.aec_to_parallel"
        return f"{turns}: write a class with the parallel API that has {ONLY_THE_MOVER}"
    if any(hasattr(made, name) for name in ("possible_agents", "num_agents")) or not isinstance(getattr(made, "agents", 0), int):
        missing = [] if hasattr(made, "possible_agents") else ["possible_agents"]
        spaces = ("observation_space", "action_space")
        missing += [f"method {name}(agent)" for name in spaces if not callable(getattr(made, name, None))]
        return f". Of that API it has no {' and no '.join(missing)}: add what is missing in a wrapper of your own"
    if hasattr(made, "observation_space") and hasattr(made, "action_space"):
        return ". An environment of gymnasium has one agent: it needs a class that says who its agents are"
    return ""


def is_parallel(env: Any) -> bool:
    """Whether this is an environment with PettingZoo's parallel API."""
    return (
        hasattr(env, "possible_agents")
        and callable(getattr(env, "observation_space", None))
        and callable(getattr(env, "action_space", None))
        and not hasattr(env, "agent_iter")
    )


def span(words: str, sizes: list[int], remedy: str) -> list[str]:
    """The note that sizes are unequal, if they are."""
    return [f"{words.format(f'{min(sizes)} to {max(sizes)}')}: {remedy}"] if min(sizes) < max(sizes) else []


def outside(what: str, value: Any, space: Any, error: Exception) -> Refusal:
    """What to say of a value in which something is not as its space has it."""
    problem = traceback.format_exception_only(error)[-1].strip()
    return Refusal(f"{what} is {value}, not in its space {space}: {problem}")


class PettingZoo:
    """An environment with PettingZoo's parallel API.

    Agents are `possible_agents` in their order. One that terminates or is truncated is out for the episode, whoever
    lists it afterwards. One that is not listed for a while pauses: it comes back. Both are inactive: they see zeros, and
    their actions go nowhere; who pauses is paid what the rewards name it. The episode ends when all are out, or nobody
    is listed any more. It is truncated if somebody was truncated in its last step: these are shown what they saw last,
    and those that terminated have departed.
    """

    def __init__(self, env: Any) -> None:
        if not is_parallel(env):
            raise Refusal(
                f"parallel_env returned {a(env)}: expected PettingZoo's parallel API "
                f"(possible_agents, observation_space(agent), action_space(agent)){advice(env)}"
            )
        # Told now: the masks of classic games leave those who wait no action, which would be refused first.
        if type(env).__name__.startswith("turn_based_aec_to_parallel"):
            raise Refusal(f"parallel_env returned {a(env)}, {IN_TURNS}")
        self.env = env
        self.names = list(env.possible_agents)
        twice = next((name for place, name in enumerate(self.names) if name in self.names[:place]), None)
        if twice is not None:
            raise Refusal(f"possible_agents have {twice!r} twice, {self.names}: give each agent a name of its own")
        if not self.names:
            raise Refusal("the environment has no possible_agents: the number of agents must be known")
        self.agents = len(self.names)
        self.agent_names = [str(name) for name in self.names]
        # Who acts, in the environment's order; who has left for good; who has been there.
        self.live: list[Any] = []
        self.gone: set[Any] = set()
        self.came: set[Any] = set()
        # Where the last observations of an episode are that is over, if the next one has begun.
        self.anew: str | None = None
        self.masks: dict[Any, np.ndarray] = {}
        # What those do who have ended and are listed still.
        self.idle: dict[Any, Any] = {}
        # Who was given a mask, and who was given none, in some step or other.
        self.with_mask: set[Any] = set()
        self.without_mask: set[Any] = set()
        # Of which kind masks are; those of infos beside others in the observations can be of another.
        self.kinds, self.second_kinds = Masks(), Masks()
        # In a check: where masks were found.
        self.found: dict[str, str] | None = None
        # What could have been one, by its key in the infos, with what is said of it.
        self.unused: dict[Any, str] = {}
        self.spaces = {name: env.action_space(name) for name in self.names}
        self._read_observations()
        self._read_actions()
        self._read_state()
        pass_on(env, self)
        if mpe_world(env) is not None:
            # Its own pictures go first; many have a draw() that returns none.
            own = getattr(self, "draw", None)
            self.draw = self._draw if own is None else Drawing(env, self._draw)

    def _read_observations(self) -> None:
        """Sizes of what is seen, without masks of actions."""
        self.views, self.masked = {}, {}
        for name in self.names:
            space = self.env.observation_space(name)
            inner = parts(space) or {}
            key, only = self.masked[name] = self._split(name, inner, flat_size)
            if key is not None:
                rest = types.SimpleNamespace(spaces={part: inner[part] for part in inner if part != key}, beside=(key,))
                space = rest if only is None else inner[only]
            else:
                self._refuse_inner_masks(name, inner)
            self.views[name] = space
        sizes = [flat_size(space) for space in self.views.values()]
        self.obs_dim = max(sizes)
        # What was seen last, for those that are truncated without another look.
        self.seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self.notes = span("observations have {} numbers", sizes, "the shorter are padded with zeros")
        keys = sorted({key for key, _ in self.masked.values() if key is not None and mask_name(key) == "plain"})
        self.notes += [f"`{key}` of the observations says which actions are available" for key in keys]

    def _refuse_inner_masks(self, name: Any, inner: dict[Any, Any]) -> None:
        """Refuses masks of actions within a part of an observation, where they would be numbers that are seen."""
        space = self.spaces[name]
        for part, below in inner.items() if is_discrete(space) else ():
            deeper = parts(below) or {}
            for key in deeper:
                if mask_name(key) == "sure" and flat_size(deeper[key]) == int(space.n):
                    raise Refusal(
                        f"the observation space of {name} has {key!r} within {part!r}, where masks of actions are not looked "
                        f"for: lift it out, beside {part!r}; if it is none, call it otherwise"
                    )
            self._refuse_inner_masks(name, deeper)

    def _split(self, name: Any, inner: Any, size: Any) -> tuple[Any, Any]:
        """Among the parts of an observation, or of its space: the key of the mask, and that of the rest if it is one."""
        key = self._mask_key(name, inner, size)
        rest = [part for part in inner if part != key]
        if key is None or not rest:
            return None, None
        return key, rest[0] if len(rest) == 1 else None

    def _mask_key(self, name: Any, holder: Any, size: Any) -> Any:
        """The key of the mask of actions in an info or an observation, if there is one."""
        space = self.spaces[name]
        if not is_discrete(space):
            return None
        names = ((key, mask_name(key)) for key in holder)
        keys = [key for key, kind in names if kind == "sure" or (kind and size(holder[key]) == int(space.n))]
        contrary = [key for key in keys if CONTRARY.search(key.lower())]
        if contrary or len(keys) > 1:
            raise Refusal(
                f"{name} is given {' and '.join(map(repr, contrary or keys))}: expected one mask that says which actions "
                "are available, such as action_mask of truth values"
            )
        return keys[0] if keys else None

    def _read_actions(self) -> None:
        """Kind and sizes of what is done."""
        spaces = list(self.spaces.values())
        if all(is_discrete(space) for space in spaces):
            sizes = [int(space.n) for space in spaces]
            self.actions = max(sizes)
            self.notes += span("agents have {} actions", sizes, "those an agent lacks are never available")
            self.available = self._available
        elif all(is_box(space) and np.issubdtype(space.dtype, np.floating) for space in spaces):
            sizes = [int(np.prod(space.shape)) for space in spaces]
            self.action_dim = max(sizes)
            self.notes += span("actions have {} numbers", sizes, "what an agent has too many is not used")
            self.bounds = Bounds(self.spaces)
            self.notes += self.bounds.notes
        else:
            kinds = ", ".join(sorted({str(space) for space in spaces}))
            raise Refusal(
                f"action spaces are {kinds}: expected Discrete for all agents, or Box of real numbers for "
                "all; convert others in a wrapper of your own (env.make=MODULE:FUNCTION)"
            )

    def _read_state(self) -> None:
        """Size of the global state, where the environment has one whose numbers are known."""
        self.state_space = getattr(self.env, "state_space", None)
        if self.state_space is None or not callable(getattr(self.env, "state", None)):
            return
        with contextlib.suppress(Refusal):
            self.state_dim = flat_size(self.state_space)

    def state(self) -> np.ndarray:
        """What a critic may know, (S,)."""
        if self.anew:
            raise Refusal(
                f"env.global_state is true, but the infos have {self.anew!r}: where an environment has begun the next episode "
                "by itself, its state() is of that one. Let it begin with reset() alone"
            )
        value = self.env.state()
        try:
            return flatten(self.state_space, value)
        except Refusal as error:
            raise Refusal(f"the global state {error}") from error
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise outside("the global state", value, self.state_space, error) from error

    def reset(self, seed: int) -> np.ndarray:
        """Begins an episode. Seeds are below 2^31, which every generator takes."""
        returned = self.env.reset(seed=int(seed) % 2**31)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise Refusal(f"reset returned {a(returned)}: expected (observations, infos), see PettingZoo")
        self.live, self.gone, self.idle, self.anew = list(self.env.agents), set(), {}, None
        self.came = set(self.live)
        self.seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self._known("env.agents", self.live)
        self._named("reset", ("observations", "infos"), returned)
        return self._look(*returned)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool, bool]:
        """One step of all who are there."""
        acting = self.live
        chosen = {name: self._action(name, actions[self.names.index(name)]) for name in acting}
        chosen |= self.idle
        returned = self.env.step(chosen)
        parts_of_it = ("observations", "rewards", "terminations", "truncations", "infos")
        expect("step", parts_of_it, returned)
        self._named("step", parts_of_it, returned)
        self._known("env.agents", self.env.agents)
        observations, rewards, terminations, truncations, infos = returned
        self._refuse_turns(infos)
        absent = [name for name in acting if name not in rewards]
        if absent:
            raise Refusal(f"step returned no reward for {absent[0]}, who acted: expected one for {acting}")
        playing = [name for name in self.names if name not in self.gone]
        paid = np.empty(self.agents, dtype=np.float32)
        put(paid, ..., [self._paid(rewards, name) if name in playing else 0.0 for name in self.names])
        ended = self._ended("terminations", terminations, playing)
        truncated = self._ended("truncations", truncations, playing)
        if (ended or truncated) and not self.came <= self.gone | ended | truncated:
            # Who has not come yet cannot have ended, though many say so of all that are not in `agents`.
            ended &= self.came
            truncated &= self.came
        if self.gone and not self.gone.isdisjoint(self.env.agents):
            again = next(name for name in self.env.agents if name in self.gone)
            warn("again", f"{again} is in env.agents after it ended: its observations and rewards are ignored")
        truncated -= ended
        out = self.gone | ended | truncated
        left = [name for name in self.env.agents if name not in out]
        self.came.update(left)
        if left or (self.env.agents and self.came - out):
            if truncated:
                first = next(name for name in self.names if name in truncated)
                warn("truncated", f"{first} was truncated while others go on: it counts as terminated, with nothing ahead of it")
            self.live, self.gone = left, out
            self.idle = self._idle(observations, infos) if len(left) < len(self.env.agents) else {}
            return self._look(observations, infos), paid, False, False
        # Who was truncated before has left. Where somebody is truncated now, so is who pauses; these have something ahead.
        ahead = [name for name in playing if truncated and name in self.came - ended]
        self.live = ahead or acting
        self.gone.update(name for name in playing if name not in ahead)
        seen = self._look(observations, infos, last=True, estimated=bool(ahead))
        self.masks = {}  # after the end nobody acts, and some environments mask everything then
        return seen, paid, not ahead, bool(ahead)

    def _idle(self, observations: dict[Any, Any], infos: dict[Any, Any]) -> dict[Any, Any]:
        """What those do next who have ended and are listed, since PettingZoo gives an action to everybody who is: the
        first that their mask has, or the first of all; of numbers, the middle.
        """
        idle = {}
        for name in self.env.agents:
            space = self.spaces[name]
            if name in self.gone and not is_discrete(space):
                idle[name] = self._action(name, np.zeros(self.action_dim))
            elif name in self.gone:
                holders = [holder for holder in (infos.get(name), observations.get(name)) if isinstance(holder, dict)]
                named = ((key, holder[key]) for holder in holders for key in holder if mask_name(key))
                masks = (value for key, value in named if not CONTRARY.search(key.lower()))
                able = next((mask for mask in masks if looks_like_mask(mask, int(space.n))), [0])
                idle[name] = self._action(name, np.argmax(able))
        return idle

    @staticmethod
    def _paid(rewards: dict[Any, Any], name: Any) -> Any:
        """An agent's reward, one number."""
        reward = rewards.get(name, 0.0)
        if type(reward) is not float:
            array = array_of(f"the reward of {name}", reward)
            if array.ndim or array.dtype.kind not in NUMBERS:
                shape = f", of the shape {array.shape}" if array.ndim else ""
                raise Refusal(f"step's rewards have {reward!r} for {name}{shape}: expected one number, such as 1.0")
        return reward

    @staticmethod
    def _ended(what: str, ends: dict[Any, Any], playing: list[Any]) -> set[Any]:
        """Whose end these say has come. `__all__` is RLlib's way to name everybody."""
        if truth(what, ends.get("__all__", False), "__all__"):
            return set(playing)
        return {name for name in playing if truth(what, ends.get(name, False), name)}

    def _named(self, verb: str, expected: tuple[str, ...], returned: Any) -> None:
        """Refuses what is no dictionary of agents."""
        for what, part in zip(expected, returned):
            if not hasattr(part, "keys"):
                raise Refusal(f"{verb} returned {a(part)} for {what}: expected a dictionary with an entry for each agent")
            if what == "infos":
                self._refuse_common_masks(verb, part)
                continue
            # "__all__" and "__common__" are other people's words for the whole team.
            names = [name for name in part if not (isinstance(name, str) and name.startswith("__"))]
            self._known(f"{verb}'s {what}", names)

    def _refuse_common_masks(self, verb: str, infos: dict[Any, Any]) -> None:
        """Refuses masks that are beside the agents' infos, where nobody looks for them."""
        for key in infos:
            if key not in self.spaces and mask_name(key):
                value = infos[key]
                if self.spaces.keys() & value if isinstance(value, dict) else mask_name(key) == "sure" and array_size(value):
                    raise Refusal(
                        f"{verb}'s infos have {key!r} beside the agents: expected each agent's mask in its own info, "
                        f"infos[{self.names[0]!r}][{key!r}]"
                    )

    def _refuse_turns(self, infos: dict[Any, Any]) -> None:
        """Refuses infos that name the one agent whose action counts, where others are listed as well."""
        listed = list(self.env.agents)
        info = infos.get(listed[0]) if len(listed) > 1 else None
        mover = info.get("active_agent") if isinstance(info, dict) else None
        if isinstance(mover, (str, int)) and not isinstance(mover, bool) and mover in self.names:
            raise Refusal(
                f"step's infos say that {mover!r} is the active_agent, but {listed} are in env.agents, as with "
                f"turn_based_aec_to_parallel, {IN_TURNS}"
            )

    def _known(self, what: str, names: Any) -> None:
        """Refuses agents that were never announced."""
        for name in names:
            if name not in self.names:
                raise Refusal(f"{what} have an agent {name!r}, who is not in possible_agents: {self.names}")

    def active(self) -> np.ndarray:
        """Who is there, (N,)."""
        return np.array([name in self.live for name in self.names])

    def departed(self) -> np.ndarray:
        """Who has left for good, (N,)."""
        return np.array([name in self.gone for name in self.names])

    def close(self) -> None:
        """Closes the environment, where it can be: some that are no subclass of PettingZoo's cannot."""
        if hasattr(self.env, "close"):
            self.env.close()

    def _look(
        self, observations: dict[Any, Any], infos: dict[Any, Any], last: bool = False, estimated: bool = True
    ) -> np.ndarray:
        """What is seen, (N, O), and from it or from the infos, which actions are available.

        At the last look, an observation that the info keeps of it goes before the one that is shown, which can be the
        next episode's, and who is not shown anything sees what it saw before. So does who is shown numbers that are not
        finite, where nothing is estimated from them.
        """
        seen = np.zeros((self.agents, self.obs_dim), dtype=np.float32)
        self.masks = {}
        for row, name in enumerate(self.names):
            if name not in self.live:
                continue
            info = infos.get(name) or {}
            kept = next((key for key in FINAL if info.get(key) is not None), None) if last else None
            self.anew = self.anew or kept
            value = observations.get(name) if kept is None else info[kept]
            if last and value is None:
                seen[row] = self.seen[row]
                continue
            if value is None and name not in observations:
                raise Refusal(f"no observation was returned for {name}, who is in env.agents")
            key, only = self.masked[name]
            try:
                if isinstance(value, dict) and parts(self.views[name]) is None and key is None:
                    key, only = self._split(name, value, array_size)
                whole, value = value, value if only is None else value[only]
                flat = flatten(self.views[name], value, int(key is not None and only is None))
            except Refusal as error:
                raise Refusal(f"the observation of {name} {error}") from error
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise outside(f"the observation of {name}", value, self.views[name], error) from error
            put(seen[row], slice(flat.size), flat)
            if not estimated and not np.isfinite(seen[row]).all():
                seen[row] = self.seen[row]
            self.seen[row] = seen[row]
            if not last and is_discrete(self.spaces[name]):
                self._read_mask(name, whole, key, info)
        return seen

    def _read_mask(self, name: Any, whole: Any, key: Any, info: dict[Any, Any]) -> None:
        """Keeps which actions an agent can take, if its observation or its info says so."""
        count, second = int(self.spaces[name].n), None
        if key is not None:
            if count == 2 and self.masked[name][0] is None:  # What a space has is no list, which would be of any length.
                self._refuse_list(name, key, whole[key])
            self.masks[name] = self.kinds.read(f"the {key} of {name}", whole[key], count)
            for second in info:
                if not mask_name(second) or CONTRARY.search(second.lower()):
                    continue
                if looks_like_mask(info[second], count) and not may_list(second, info[second], count):
                    self._compare(name, key, second, info[second])
        elif any(map(mask_name, info)):
            arrays = {
                named: value
                for named, value in info.items()
                if (kind := mask_name(named)) and (array_size(value) or (kind == "sure" and is_unordered(value)))
            }
            second = self._mask_key(name, arrays, array_size)
            if second is not None:
                if count == 2:
                    self._refuse_list(name, second, info[second])
                self.masks[name] = self.kinds.read(f"the {second} of {name}", info[second], count)
        (self.with_mask if name in self.masks else self.without_mask).add(name)
        if name in self.with_mask and name in self.without_mask:
            warn(
                "mask",
                f"{name} is given a mask of actions in some steps and none in others, where all its actions count as "
                "available: give one with every observation, that of the reset too",
            )
        if self.found is not None or (info and name not in self.masks):
            self._note_masks(name, key, second if key is None else None, info)

    @staticmethod
    def _refuse_list(name: Any, key: Any, value: Any) -> None:
        """Refuses what may be a mask of two actions, or a list of those that can be taken."""
        if may_list(key, value, 2):
            raise Refusal(
                f"the {key} of {name} is {value!r}: a mask of its 2 actions, or a list of those that are available. Give "
                "truth values (dtype bool), or call a mask action_mask"
            )

    def _compare(self, name: Any, key: Any, second: Any, value: Any) -> None:
        """Refuses a mask in an info that is not the one in the observation."""
        mask = self.masks[name]
        other = self.second_kinds.read(f"the {second} of {name}", value, len(mask))
        if (mask != other).any():
            raise Refusal(
                f"{name} is given two masks of actions that differ: {key} of its observation is {mask.tolist()}, {second} "
                f"of its info is {other.tolist()} (true: available). Expected one, or two that are the same: leave one out"
            )

    def _note_masks(self, name: Any, in_observation: Any, in_info: Any, info: dict[Any, Any]) -> None:
        """Notes what in the infos could be a mask and is not used; in training, where it has such a name. In a check, also
        where a mask is.
        """
        for key, place in ((in_observation, "observations"), (in_info, "infos")):
            if key is not None and self.found is not None:
                self.found[f"`{key}` of the {place}"] = ""
        count = int(self.spaces[name].n)
        for key, value in info.items():
            used = key == in_info or (in_observation is not None and mask_name(key))
            if used or (self.found is None and not like_mask_name(key)):
                continue
            if key not in self.unused and count > 1 and looks_like_mask(value, count):
                self.unused[key] = (
                    f"the infos have {key!r}, {count} truth values or numbers for the {count} actions of {name}, which "
                    "are not used: if they say which actions are available, call them action_mask"
                )
                if self.found is None:
                    warn("unused", self.unused[key])

    def notes_of_play(self) -> list[str]:
        """What a check tells of the masks that it met."""
        if self.found is None or not hasattr(self, "actions"):
            return []
        where = ", ".join(self.found) or "none was found, so that every agent can always take each of its actions"
        methods = [] if self.found else like_masks(self.env)
        not_called = [f"{', '.join(methods)}: not called; give the mask in the infos, as action_mask"] if methods else []
        return [f"masks of actions: {where}", *self.unused.values(), *not_called]

    def _available(self) -> np.ndarray:
        """Which actions can be taken, (N, A); of those who are not there, the first."""
        table = np.zeros((self.agents, self.actions), dtype=bool)
        for row, name in enumerate(self.names):
            if name not in self.live:
                table[row, 0] = True
                continue
            count = int(self.spaces[name].n)
            table[row, :count] = self.masks.get(name, True)
        return table

    def _action(self, name: Any, action: Any) -> Any:
        """An action as the agent's space has it."""
        space = self.spaces[name]
        if is_discrete(space):
            return int(action) + int(getattr(space, "start", 0))
        return self.bounds.action(name, action)

    def _draw(self) -> dict[str, Any]:
        """A picture of a particle world; of one that has become another, none."""
        world = mpe_world(self.env)
        return Drawing.NOTHING if world is None else picture(world, self.agent_names, self.active())
