"""Environment steps a second of the wheel's VectorEnv, random available actions included: steps.py [SECONDS]."""

import sys
import time

import commformer
import numpy as np

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0

for kind, num_envs, settings in [("predator-prey", 256, {}), ("smac", 64, {"map": "3m"}), ("smac", 64, {"map": "8m"})]:
    envs = commformer.VectorEnv(kind, num_envs=num_envs, seed=1, **settings)
    envs.reset()
    random = np.random.default_rng(0)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        scores = random.random((num_envs, envs.agents, envs.actions), np.float32)
        if envs.available is not None:
            scores *= envs.available
        envs.step(scores.argmax(axis=2))
        steps += num_envs
    print(f"{kind} {settings or ''} {num_envs} environments: {steps / (time.perf_counter() - start):,.0f} steps/s")
