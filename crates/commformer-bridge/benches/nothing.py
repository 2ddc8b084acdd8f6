"""An environment that does nothing, and how Python's own pipes step it: the other side of the bridge's benchmark.

Run by `cargo bench -p commformer-bridge`; prints environment steps a second. The arguments: envs, processes,
seconds.
"""

import multiprocessing
import sys
import time

import numpy as np


class Nothing:
    """Three agents, 32 numbers of observation, 5 actions, endless."""

    agents = 3
    obs_dim = 32
    actions = 5

    def __init__(self):
        self.obs = np.zeros((self.agents, self.obs_dim), np.float32)
        self.rewards = np.zeros(self.agents, np.float32)

    def reset(self, seed):
        return self.obs

    def step(self, actions):
        return self.obs, self.rewards, False, False


def serve(pipe, envs):
    """A process of a vector environment as it is commonly written: pickles over a pipe."""
    tasks = [Nothing() for _ in range(envs)]
    while (actions := pipe.recv()) is not None:
        pipe.send([task.step(chosen) for task, chosen in zip(tasks, actions)])


def main(envs, processes, seconds):
    share = envs // processes
    pipes = []
    for _ in range(processes):
        ours, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=serve, args=(theirs, share), daemon=True).start()
        pipes.append(ours)
    actions = np.zeros((share, Nothing.agents), np.int64)

    def step():
        for pipe in pipes:
            pipe.send(actions)
        results = [result for pipe in pipes for result in pipe.recv()]
        np.stack([result[0] for result in results])

    for _ in range(100):
        step()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        steps += envs
    print(steps / (time.perf_counter() - start))
    for pipe in pipes:
        pipe.send(None)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
