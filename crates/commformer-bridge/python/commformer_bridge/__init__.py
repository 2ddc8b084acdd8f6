"""The Python side of commformer's bridge: a task as the worker sees it, what makes one, its check, and the worker.

A *task* is any object with

- `agents` (N), `obs_dim` (O), and `actions`, how many an agent chooses from (A), or `action_dim`, how many real numbers
  an action is;
- `reset(seed) -> obs`, (N, O);
- `step(actions) -> (obs, rewards, terminated, truncated)`: actions is an array (N,) of int64 or (N, action_dim) of
  float32, rewards a number for all or (N,);

and, if it likes, `available() -> (N, A)` of bool, `active() -> (N,)` of bool, `departed() -> (N,)` of bool, who has left
for good and earns nothing more, or `leaves`, True if that is everybody who is no longer active, `metrics` (names) with
`metric_values()` (numbers of the episode so far; `figures()` is its old name), `agent_names`, `action_names`, `notes`,
`draw()` and `close()`.

It needs numpy and whatever makes the environment.
"""

import sys

try:
    import numpy.random  # Now, while the user's folder is not looked at: NumPy itself imports it when it is used.
except ImportError as error:
    sys.exit(
        f"{sys.executable} cannot import numpy ({str(error).strip()}), which commformer needs there: install it "
        f"({sys.executable} -m pip install numpy), or name another interpreter with env.python (--python for a check)"
    )
