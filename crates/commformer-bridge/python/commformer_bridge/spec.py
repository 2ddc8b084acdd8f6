"""What the program must know of a task."""

from __future__ import annotations

from .refusal import Refusal


def spec_of(task) -> dict:
    """What the parent must know of a task."""
    discrete = hasattr(task, "actions")
    if discrete == hasattr(task, "action_dim"):
        raise Refusal("a task has either `actions`, how many there are, or `action_dim`, how many numbers one has")
    for key in ("metrics", "agent_names", "action_names", "notes"):
        for word in getattr(task, key, ()):
            try:
                str(word).encode()
            except UnicodeEncodeError as error:
                raise Refusal(
                    f"{key} has {str(word)!a}, which is no text: {error.object[error.start]!a} is half of a letter "
                    "(a lone surrogate), as it comes of decoding with errors='surrogateescape'"
                ) from error
    return {
        "agents": int(task.agents),
        "obs_dim": int(task.obs_dim),
        "discrete": discrete,
        "actions": int(task.actions if discrete else task.action_dim),
        "masked": hasattr(task, "available"),
        "leaves": hasattr(task, "departed") or bool(getattr(task, "leaves", False)),
        "metrics": [str(name) for name in getattr(task, "metrics", ())],
        "agent_names": [str(name) for name in getattr(task, "agent_names", ())],
        "action_names": [str(name) for name in getattr(task, "action_names", ())],
        "notes": [str(note) for note in getattr(task, "notes", ())],
    }
