"""Records games of the package `rware` that `commformer-env` must replay to the last number.

    pip install rware==2.0.0 gymnasium==1.4.0 networkx==3.6.1 numpy==2.4.6 safetensors==0.8.0
    python tests/golden/rware/record.py OUT.safetensors [--seed 1] [--times 1]

Half of the games are played by robots that fetch requested shelves, and now and then do something else; so that
shelves are really delivered and put back. `--times` multiplies the steps of each case.

The metadata have the cases: their names, and their settings as `commformer-env` reads them. A case NAME has these tensors, for T
steps, E episodes, N robots, Q requests, O numbers in an observation:

    NAME.start     (E, N, 3) column, row and direction of each robot at first
    NAME.requests  (E, Q) shelves requested at first, counted from 0
    NAME.actions   (T, N)
    NAME.draws     (D) new requests in their order: which of the shelves that were not requested
    NAME.places    (E + T, N, 2) the first two numbers of each observation, at the start of an episode and after every step
    NAME.bits      (E + T, N, ceil((O - 2) / 8)) the others, which are 0 or 1, as bits
    NAME.rewards   (T, N)
    NAME.ends      (T) whether the episode ends
"""

import argparse
import json
from collections import deque

import numpy as np
from rware.warehouse import Direction, RewardType, Warehouse
from safetensors.numpy import save_file

SIZES = {"tiny": (1, 3), "small": (2, 3)}
REWARDS = {"global": RewardType.GLOBAL, "individual": RewardType.INDIVIDUAL, "two-stage": RewardType.TWO_STAGE}
NOOP, FORWARD, LEFT, RIGHT, TOGGLE = range(5)
STEP = {Direction.UP: (0, -1), Direction.DOWN: (0, 1), Direction.LEFT: (-1, 0), Direction.RIGHT: (1, 0)}

CROWDED = "x.x.g.x\n.......\nx.xxx.g\n......."
WIDE = "...xx...xx...\n" * 4 + "......g......\n" + "...xx...xx...\n" * 4

# Name, settings, steps, how the robots are led.
CASES = [
    ("tiny-2ag", {"agents": 2}, 300, "fetch"),
    ("tiny-2ag-ends", {"agents": 2, "episode_limit": 60, "inactivity_limit": 45}, 300, "fetch"),
    ("tiny-4ag-global", {"agents": 4, "reward": "global"}, 300, "fetch"),
    ("tiny-2ag-easy-random", {"agents": 2, "request_queue": 4, "episode_limit": 100}, 200, "random"),
    ("small-4ag-two-stage", {"agents": 4, "size": "small", "reward": "two-stage"}, 400, "fetch"),
    ("tiny-3ag-sensor-2", {"agents": 3, "sensor_range": 2, "normalised_coordinates": True}, 200, "fetch"),
    ("crowded", {"agents": 9, "floor_plan": CROWDED, "request_queue": 5, "episode_limit": 40}, 400, "push"),
    ("crowded-two-stage", {"agents": 5, "floor_plan": CROWDED, "request_queue": 6, "reward": "two-stage"}, 300, "fetch"),
    ("wide", {"agents": 16, "floor_plan": WIDE, "request_queue": 8, "episode_limit": 50}, 200, "push"),
]


def make(settings):
    rows, columns = SIZES[settings.get("size", "tiny")]
    return Warehouse(
        shelf_columns=columns,
        column_height=8,
        shelf_rows=rows,
        n_agents=settings["agents"],
        msg_bits=0,
        sensor_range=settings.get("sensor_range", 1),
        request_queue_size=settings.get("request_queue", settings["agents"]),
        max_inactivity_steps=settings.get("inactivity_limit"),
        max_steps=settings.get("episode_limit", 500),
        reward_type=REWARDS[settings.get("reward", "individual")],
        layout=settings.get("floor_plan"),
        normalised_coordinates=settings.get("normalised_coordinates", False),
    )


class Recorder:
    """Stands before the package's generator, and notes which shelves are requested."""

    def __init__(self, generator):
        self.generator = generator
        self.draws = []

    def choice(self, items, *args, **kwargs):
        chosen = self.generator.choice(items, *args, **kwargs)
        if not args and not kwargs:
            self.draws.append(items.index(chosen))
        return chosen


def way(env, robot, goals):
    """The first cell of a shortest way to one of the goals: around all that stands in it. None if there is no way."""
    blocked = {(other.x, other.y) for other in env.agents if other is not robot}
    if robot.carrying_shelf:
        blocked |= {(shelf.x, shelf.y) for shelf in env.shelfs if shelf is not robot.carrying_shelf}
    height, width = env.grid_size
    start = (robot.x, robot.y)
    came = {start: None}
    queue = deque([start])
    while queue:
        cell = queue.popleft()
        if cell in goals and cell != start:
            while came[cell] != start:
                cell = came[cell]
            return cell
        for dx, dy in STEP.values():
            after = (cell[0] + dx, cell[1] + dy)
            if 0 <= after[0] < width and 0 <= after[1] < height and after not in came and after not in blocked:
                came[after] = cell
                queue.append(after)
    return None


def fetch(env, robot):
    """Brings the nearest requested shelf to a goal, and puts a delivered one back."""
    here = (robot.x, robot.y)
    load = robot.carrying_shelf
    if load is None:
        carried = [other.carrying_shelf for other in env.agents]
        goals = {(shelf.x, shelf.y) for shelf in env.request_queue if shelf not in carried}
    elif load in env.request_queue:
        goals = set(env.goals)
    else:
        taken = {(shelf.x, shelf.y) for shelf in env.shelfs if shelf is not load}
        height, width = env.grid_size
        cells = {(x, y) for x in range(width) for y in range(height) if not env.highways[y, x]}
        goals = cells - taken
    if here in goals:
        return TOGGLE
    after = way(env, robot, goals)
    if after is None:
        return NOOP
    step = (after[0] - here[0], after[1] - here[1])
    if STEP[robot.dir] == step:
        return FORWARD
    circle = [Direction.UP, Direction.RIGHT, Direction.DOWN, Direction.LEFT]
    turned = circle[(circle.index(robot.dir) + 1) % 4]
    return RIGHT if STEP[turned] == step else LEFT


def act(env, robot, how, rng):
    if how == "random":
        return int(rng.integers(5))
    if how == "push":
        return int(rng.choice(5, p=[0.04, 0.72, 0.08, 0.08, 0.08]))
    return fetch(env, robot) if rng.random() > 0.1 else int(rng.integers(5))


def play(settings, steps, how, seed):
    env = make(settings)
    env.reset(seed=seed)
    env._np_random = recorder = Recorder(env.np_random)
    rng = np.random.default_rng(seed)
    kept = {name: [] for name in ["start", "requests", "actions", "places", "bits", "rewards", "ends"]}

    def see(observations):
        observations = np.stack(observations)
        bits = observations[:, 2:]
        assert np.isin(bits, [0, 1]).all()
        kept["places"].append(observations[:, :2])
        kept["bits"].append(np.packbits(bits.astype(np.uint8), axis=1))

    def begin():
        observations, _ = env.reset()
        kept["start"].append([(robot.x, robot.y, robot.dir.value) for robot in env.agents])
        kept["requests"].append([shelf.id - 1 for shelf in env.request_queue])
        see(observations)

    begin()
    for step in range(steps):
        actions = [act(env, robot, how, rng) for robot in env.agents]
        observations, rewards, done, truncated, _ = env.step(actions)
        assert not truncated
        kept["actions"].append(actions)
        kept["rewards"].append(rewards)
        kept["ends"].append(done)
        see(observations)
        if done and step + 1 < steps:
            begin()
    kinds = {"places": np.float32, "rewards": np.float32}
    tensors = {name: np.array(rows, dtype=kinds.get(name, np.uint8)) for name, rows in kept.items()}
    tensors["draws"] = np.array(recorder.draws, dtype=np.uint8)
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=1)
    arguments = parser.parse_args()
    tensors, cases = {}, []
    for name, settings, steps, how in CASES:
        played = play(settings, steps * arguments.times, how, arguments.seed)
        tensors |= {f"{name}.{tensor}": values for tensor, values in played.items()}
        cases.append({"name": name, "settings": settings})
        deliveries = len(played["draws"])
        print(f"{name}: {len(played['actions'])} steps, {len(played['start'])} episodes, {deliveries} deliveries")
    save_file(tensors, arguments.out, metadata={"cases": json.dumps(cases)})


if __name__ == "__main__":
    main()
