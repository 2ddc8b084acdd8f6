#!/usr/bin/env python3
"""Steps a second of processor time of the package `rware`: rware-speed.py [SECONDS], after `pip install rware==2.0.0`.

Random actions that are drawn beforehand, with episodes begun where one ends, as in
`cargo bench -p commformer-env --bench warehouse`.
"""

import sys
import time

import gymnasium
import numpy as np
import rware  # noqa: F401, registers the tasks

PREPARED = 1024


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    for name in ["tiny-2ag", "tiny-4ag", "small-4ag", "large-16ag"]:
        env = gymnasium.make(f"rware-{name}-v2", disable_env_checker=True).unwrapped
        env.reset(seed=1)
        prepared = np.random.default_rng(1).integers(5, size=(PREPARED, env.n_agents)).tolist()
        steps, start = 0, time.process_time()
        while time.process_time() - start < seconds:
            for actions in prepared:
                if env.step(actions)[2]:
                    env.reset()
            steps += PREPARED
        print(f"{name}: {steps / (time.process_time() - start):.0f} steps/s")


if __name__ == "__main__":
    main()
