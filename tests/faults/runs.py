"""Many schedules one after the other, on as few stacks as possible; and planted bugs, each on a stack of its own."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.checker import check
from tests.faults.crash import CrashPoints
from tests.faults.injectors import ALL, Fault
from tests.faults.planted import ALL_CRASH_POINTS
from tests.faults.play import Outcome, Player
from tests.faults.schedule import Schedule
from tests.faults.stack import FaultStack

SCHEDULES_A_STACK = 10
"""After so many a new stack: the checker reads the whole log each time, and a fault that hides until then shows in the same run."""


MATTERS_FOR_BUGS = 12
"""Issues among which a bug that shows at every fifth chance shows for certain."""


FAULTS: Mapping[str, Callable[[], Fault]] = {**ALL, CrashPoints.name: CrashPoints}
"""Everything that may overlap in a schedule."""


@dataclass
class Totals:
    """What a whole run came to."""

    schedules: int = 0
    failed: list[int] = field(default_factory=list[int])
    counts: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    violations: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count a schedule in."""
        self.schedules += 1
        self.counts += outcome.counts
        self.faults += Counter(strike.fault for strike in outcome.schedule.strikes)
        self.violations += len(outcome.violations)
        if not outcome.good:
            self.failed.append(outcome.schedule.seed)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.failed

    def told(self) -> str:
        """The totals, for a person."""
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        faults = ", ".join(f"{name} {times}" for name, times in sorted(self.faults.items()))
        ended = f"{self.violations} violations" + (f"; failed seeds: {', '.join(map(str, self.failed))}" if self.failed else "")
        return f"{self.schedules} schedules: {counts}\nfaults: {faults}\n{ended}"


@asynccontextmanager
async def player(folder: Path, env: Mapping[str, str]) -> AsyncIterator[Player]:
    """A player on a new stack in `folder`, which is stopped and removed afterwards; kept for a look where something was found."""
    stack = FaultStack(folder)
    try:
        await asyncio.to_thread(stack.up, env)
        playing = Player(stack, FAULTS, check)
        try:
            await playing.begin()
            yield playing
        finally:
            await playing.close()
    finally:
        await asyncio.to_thread(stack.close)


async def schedules(folder: Path, seeds: Sequence[int]) -> AsyncIterator[Outcome]:
    """Play the schedules of `seeds`; a stack on which something was found is left for the next schedule, and its files are kept."""
    left = list(seeds)
    number = 0
    while left:
        number += 1
        place, good = folder / f"stack-{number}", True
        async with player(place, {"HUIYIN_PLANTED": ALL_CRASH_POINTS}) as playing:
            for _ in range(SCHEDULES_A_STACK):
                if not left or not good:
                    break
                outcome = await playing.play(Schedule.of(left.pop(0), sorted(FAULTS)))
                good = outcome.good
                if not good:
                    outcome.failures.append(f"its stack's files are in {place}")
                yield outcome
        if good:
            shutil.rmtree(place)


async def caught(folder: Path, bug: str, seed: int) -> Outcome:
    """Play one schedule without faults on a stack with a planted bug."""
    async with player(folder, {"HUIYIN_PLANTED": bug}) as playing:
        outcome = await playing.play(replace(Schedule.of(seed, ()), matters=MATTERS_FOR_BUGS))
    shutil.rmtree(folder)
    return outcome
