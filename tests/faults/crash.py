"""A process that ends at a step of its work, not at a moment of ours: `planted` has the crash points, armed here while people work."""

import random

from tests.faults.injectors import Target
from tests.faults.planted import CRASH_POINTS, Planted
from tests.faults.stack import planted_beside

AT_ONCE = 3
"""Points that are armed together: not every one is come by in every schedule."""


class CrashPoints:
    """The next process that comes by an armed point ends there as by `kill -9`; the supervisor starts it again."""

    name = "crash-points"

    def __init__(self) -> None:
        self.told = ""
        self._armed: list[str] = []

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Arm some."""
        self._armed = rng.sample(sorted(CRASH_POINTS), AT_ONCE)
        for point in self._armed:
            Planted(planted_beside(stack.data)).arm(point)
        self.told = f"armed {' '.join(self._armed)}"

    async def heal(self, stack: Target) -> None:
        """Nobody ends there any more. `told` says where somebody did."""
        planted = Planted(planted_beside(stack.data))
        for point in self._armed:
            planted.disarm(point)
        if self._armed:
            self.told = f"ended at {' '.join(point for point in self._armed if planted.struck(point)) or 'none'} of {' '.join(self._armed)}"
        self._armed = []
