"""Plays one schedule on a running stack: work and faults, healing, what was left open, and the judgement."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from shared.ids import new_id
from tests.faults.checker import Violation
from tests.faults.client import Client, NobodyAnswers
from tests.faults.injectors.base import Fault, NotStruck
from tests.faults.integrator import Integrator
from tests.faults.record import Record
from tests.faults.schedule import Schedule, Strike
from tests.faults.stack import FaultStack, StackFailed
from tests.faults.work import BRIEF, Administrator, Matter, told
from tests.support.waiting import eventually

Check = Callable[[FaultStack, Record], Awaitable[list[Violation]]]

FINISH_WITHIN = 60.0
"""Seconds after healing in which whatever was asked is answered."""

CAUGHT_UP_WITHIN = 30.0
"""Seconds in which another system has read what the stream holds."""

CONNECTIONS = 40
"""At most so many to the gateway: nobody waits for a free one."""

DEEDS_A_MATTER = 4
"""Answered requests for each issue that make a schedule worth judging; a machine that is short of CPU gets longer for them."""

LONGEST_WORK = 60.0
"""Seconds after which a schedule is judged with what it has."""

SETTLING = 40
"""Times that a brief issue is asked to end, half a second apart: each consequence of the last word takes a moment."""


@dataclass
class Outcome:
    """What came of a schedule.

    Args:
        schedule: as it was played.
        struck: what each fault did to whom.
        counts: `requests`, of them `done`, `refused`, `failed` (5xx), `unanswered`; `asked again` after healing; `events` read.
        violations: what the checker found.
        failures: what else went wrong: the stack did not get well, or did not answer.
        seconds: how long each part took.
    """

    schedule: Schedule
    struck: list[str] = field(default_factory=list[str])
    counts: Counter[str] = field(default_factory=Counter[str])
    violations: list[Violation] = field(default_factory=list[Violation])
    failures: list[str] = field(default_factory=list[str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.violations and not self.failures


class Player:
    """Plays schedules on one stack, one after the other. The record and the sessions go on from one to the next.

    Args:
        stack: runs, and is healthy.
        faults: `injectors.ALL`, or a part of it.
        check: the checker.
    """

    def __init__(self, stack: FaultStack, faults: Mapping[str, Callable[[], Fault]], check: Check) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        http = httpx.AsyncClient(base_url=stack.proxies.url("gateway"), timeout=5.0, limits=limits, trust_env=False)
        self.stack = stack
        self.client = Client(http, stack.record())
        self._faults = faults
        self._check = check
        self._run = new_id()
        self._integrator = Integrator(stack.layout)

    async def begin(self) -> None:
        """Publish the policy with the brief clocks. Raises `StackFailed`."""
        if not await Administrator(self.client, f"begin-{self._run}", "begin").publish(0, 5, "keep"):
            raise StackFailed(f"the policy was not published: {self.client.record.entries[-1]}")

    async def play(self, schedule: Schedule) -> Outcome:
        """Work and faults side by side, then healing, then the judgement."""
        outcome, since = Outcome(schedule), len(self.client.record)
        self.client.schedule = schedule.seed
        matters = [
            Matter(self.client, f"{schedule.seed}-{self._run}-{number}", f"{schedule.seed}/matter/{number}")
            for number in range(schedule.matters)
        ]
        administrator = Administrator(self.client, f"{schedule.seed}-{self._run}-admin", f"{schedule.seed}/admin")
        reading, read_before = asyncio.Event(), self._integrator.events
        read = asyncio.create_task(self._integrator.live(reading))
        try:
            with _timed(outcome, "work"):
                await self._work(schedule, outcome, [*(matter.live for matter in matters), administrator.live], since)
            outcome.counts["asked again"] = len(self.client.open)
            with _timed(outcome, "settle"):
                await self.stack.wait_healthy()
                await self.client.finish(FINISH_WITHIN)
                for matter in matters:
                    await matter.ask_to_raise()
                await self._end(matters[::2])
            with _timed(outcome, "check"):
                outcome.violations += await self._check(self.stack, self.client.record)
                outcome.violations += await self._read_by_others()
            # So that the stack comes to rest. Those without brief clocks stay open, and are watched in later schedules too.
            await self._end(matters)
        except (StackFailed, NobodyAnswers) as failed:
            outcome.failures.append(str(failed))
        finally:
            reading.set()
            await read
        outcome.counts += told(self.client, since)
        outcome.counts["events"] = self._integrator.events - read_before
        return outcome

    async def close(self) -> None:
        """End the connections."""
        await self.client.http.aclose()

    async def _work(
        self, schedule: Schedule, outcome: Outcome, people: Sequence[Callable[[asyncio.Event], Awaitable[None]]], since: int
    ) -> None:
        """Return when the time is over, nobody works any more, and every fault is healed."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number, strike in enumerate(schedule.strikes):
                group.create_task(self._strike(strike, random.Random(f"{schedule.seed}/strike/{number}"), outcome))
            working = [asyncio.ensure_future(live(stop)) for live in people]
            await asyncio.wait(working, timeout=schedule.seconds, return_when=asyncio.FIRST_EXCEPTION)

            def enough() -> bool:
                answered = sum(not entry.unknown for entry in self.client.record.entries[since:])
                return answered >= DEEDS_A_MATTER * schedule.matters or all(task.done() for task in working)

            with suppress(AssertionError):  # then with what there is
                await eventually(enough, seconds=max(0.0, LONGEST_WORK - schedule.seconds), every=0.5)
            stop.set()
            await asyncio.gather(*working)

    async def _strike(self, strike: Strike, rng: random.Random, outcome: Outcome) -> None:
        """Strike in time and heal in time, whatever happens between. A fault that finds nobody to strike at is noted as such."""
        fault = self._faults[strike.fault]()
        await asyncio.sleep(strike.at)
        try:
            try:
                await fault.strike(self.stack, rng)
                outcome.struck.append(f"{strike.at:.1f} s {strike.fault}: {fault.told}")
                await asyncio.sleep(strike.lasts)
            finally:
                before = fault.told
                await fault.heal(self.stack)
            if fault.told not in ("", before):
                outcome.struck.append(f"  {strike.fault}: {fault.told}")
        except NotStruck as nobody:
            outcome.struck.append(f"{strike.at:.1f} s {strike.fault}: nothing struck ({nobody})")
        except AssertionError as broken:
            outcome.failures.append(f"{strike.fault}: {broken}")

    async def _read_by_others(self) -> list[Violation]:
        """What the integrator finds amiss once it has had the time to catch up."""
        with suppress(AssertionError):  # what is amiss says more than that it took too long
            await eventually(lambda: not self._integrator.amiss(), seconds=CAUGHT_UP_WITHIN, every=0.2)
        return [Violation("I2", "integrator", amiss) for amiss in self._integrator.amiss()]

    async def _end(self, matters: Sequence[Matter]) -> None:
        """Withdraw the brief ones among these issues. Raises `NobodyAnswers`."""
        left = [matter for matter in matters if matter.token is not None and BRIEF in matter.body.get("labels", ())]
        for attempt in range(SETTLING):
            answers = await asyncio.gather(*(matter.withdraw(attempt) for matter in left))
            left = [matter for matter, over in zip(left, answers, strict=True) if not over]
            if not left:
                return
            await asyncio.sleep(0.5)
        raise NobodyAnswers(f"these issues cannot be withdrawn: {', '.join(str(matter.issue_id) for matter in left)}")


@contextmanager
def _timed(outcome: Outcome, name: str) -> Iterator[None]:
    """Note in `outcome.seconds` how long the block took."""
    began = time.monotonic()
    try:
        yield
    finally:
        outcome.seconds[name] = round(time.monotonic() - began, 1)
