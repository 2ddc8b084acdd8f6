"""Actions of real numbers, as their spaces have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .refusal import Refusal

# Bounds beyond this are no bounds: the largest number of 32 bits is a usual way to say so.
UNBOUNDED = 1e30


class Bounds:
    """What the numbers of actions are made of, for each agent's Box: the policy's are about -1 to 1."""

    def __init__(self, spaces: dict[Any, Any]) -> None:
        self.spaces = spaces
        self.bounds = {}
        stretched: set[tuple[float, float]] = set()
        unbounded = half = False
        for name, space in spaces.items():
            low, high = (np.broadcast_to(np.asarray(bound, dtype=np.float64), space.shape) for bound in (space.low, space.high))
            if not (low <= high).all():
                raise Refusal(f"the actions of {name} have bounds {space.low} to {space.high}: expected low below high")
            finite = [np.abs(bound) < UNBOUNDED for bound in (low, high)]
            both = finite[0] & finite[1]
            stretch = both & ((low != -1) | (high != 1))
            stretched |= set(zip(low[stretch].tolist(), high[stretch].tolist()))
            unbounded |= bool((~finite[0] & ~finite[1]).any())
            half |= bool((finite[0] ^ finite[1]).any())
            # Zeros elsewhere: what is computed there is not used, and of infinite bounds it would be no number.
            self.bounds[name] = (np.where(stretch, low, 0), np.where(stretch, high, 0), stretch)
        self.notes = []
        if stretched:
            few = ", ".join(f"{low:g} to {high:g}" for low, high in sorted(stretched)[:3])
            more = ", ..." if len(stretched) > 3 else ""
            self.notes.append(f"actions have bounds {few}{more}: the policy's -1 to 1 is stretched onto them")
        if half:
            self.notes.append("actions have a bound on one side only: they are cut there, and not stretched")
        if unbounded:
            self.notes.append("actions have no bounds in the environment: they are passed on as they are")

    def action(self, name: Any, given: np.ndarray) -> np.ndarray:
        """An action as the agent's space has it, of the first numbers that are given."""
        space = self.spaces[name]
        numbers = np.asarray(given)[: int(np.prod(space.shape))].reshape(space.shape)
        low, high, stretch = self.bounds[name]
        if stretch.any():
            # From -1 to 1 onto low to high; without a difference of bounds, which may be beyond what a number can be.
            share = (np.clip(numbers, -1, 1).astype(np.float64) + 1) / 2
            numbers = np.where(stretch, low * (1 - share) + high * share, numbers)
        return np.clip(numbers, space.low, space.high).astype(space.dtype)
