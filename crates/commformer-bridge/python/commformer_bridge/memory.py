"""The memory that a worker shares with the program."""

from __future__ import annotations

import mmap
import os
import struct

import numpy as np

from .refusal import Refusal

MAGIC = b"commbrdg"
VERSION = 3
RUNNING, TERMINATED, TRUNCATED = 0, 1, 2
STEP, RESET = 0, 1


class Memory:
    """The memory shared with the parent: a header, then arrays at multiples of 64 bytes.

    The header is 64 bytes, little-endian: magic, version, bytes in all, then C environments, N agents, O numbers of
    observation, A actions (or numbers of one), M metrics, S numbers of the global state, and whether actions are discrete
    and masked.
    The parent lays it out (`layout.rs`); a difference between the two ends here.
    """

    HEADER = struct.Struct("<8sIQIIIIIIBB")

    def __init__(self, file: int, spec: dict):
        self.map = mmap.mmap(file, 0)
        os.close(file)
        magic, version, size, *sizes, discrete, masked = self.HEADER.unpack_from(self.map)
        expected = [spec["agents"], spec["obs_dim"], spec["actions"], len(spec["metrics"]), spec["state_dim"]]
        if (magic, version) != (MAGIC, VERSION) or size != len(self.map) or sizes[1:] != expected:
            raise Refusal(f"the shared memory is of another version or task: {version}, {size} bytes, {sizes}")
        num_envs, agents, obs, actions, metrics, state = sizes
        at = 64

        def array(kind, *shape):
            nonlocal at
            made = np.ndarray(shape, kind, self.map, at)
            at += -(-made.nbytes // 64) * 64
            return made

        self.obs = array(np.float32, num_envs, agents, obs)
        self.last_obs = array(np.float32, num_envs, agents, obs)
        self.state = array(np.float32, num_envs, state)
        self.last_state = array(np.float32, num_envs, state)
        self.actions = array(np.int64, num_envs, agents) if discrete else array(np.float32, num_envs, agents, actions)
        self.rewards = array(np.float32, num_envs, agents)
        self.metrics = array(np.float32, num_envs, metrics)
        self.seeds = array(np.int64, num_envs)
        self.available = array(np.bool_, num_envs, agents, actions if masked else 0)
        self.active = array(np.bool_, num_envs, agents)
        self.last_active = array(np.bool_, num_envs, agents)
        self.departed = array(np.bool_, num_envs, agents)
        self.last_departed = array(np.bool_, num_envs, agents)
        self.commands = array(np.uint8, num_envs)
        self.status = array(np.uint8, num_envs)
        if at != size:
            raise Refusal(f"the shared memory has {size} bytes, but its arrays take {at}")
