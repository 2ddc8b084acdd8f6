"""The particle worlds of the MPE family, and their pictures."""

from __future__ import annotations

from typing import Any

import numpy as np


def mpe_world(env: Any) -> Any:
    """The world of an environment of the MPE family; None for others, which may have a `world` with agents too."""
    world = getattr(getattr(env, "unwrapped", env), "world", None)
    bodies = [getattr(world, kind, None) for kind in ("agents", "landmarks")]
    if not all(isinstance(kind, (list, tuple)) for kind in bodies) or not bodies[0]:
        return None
    return world if all(is_body(body) for kind in bodies for body in kind) else None


def is_body(body: Any) -> bool:
    """Whether this has what a picture is made of."""
    return hasattr(body, "name") and hasattr(body, "size") and hasattr(getattr(body, "state", None), "p_pos")


def picture(world: Any, names: list[str], active: np.ndarray) -> dict[str, Any]:
    """Agents and landmarks of a particle world; its middle is 0, 0 and 1.5 is seen to each side."""
    discs = {str(body.name): disc(body) for body in world.agents}
    places = [discs.get(name) if there else None for name, there in zip(names, active)]
    shapes = [{"role": "target", "circle": disc(body)} for body in world.landmarks]
    shapes += [{"role": {"agent": i}, "circle": place} for i, place in enumerate(places) if place]
    agents = [place[:2] if place else None for place in places]
    return {"size": [3.0, 3.0], "scenery": [], "shapes": shapes, "agents": agents}


def disc(body: Any) -> list[float]:
    """Middle and radius of a body of a particle world, y downwards."""
    x, y = body.state.p_pos[:2]
    return [float(x) + 1.5, 1.5 - float(y), float(body.size)]
