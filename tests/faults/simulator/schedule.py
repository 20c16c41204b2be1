"""One schedule: a seed chooses when it begins, who does what and which faults strike; after healing the checker reads what is left."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.rules import CALENDAR, POLICY, statutory_calendar
from shared.contracts.routing import CalendarChanged
from shared.eventlog import Head
from tests.faults.simulator.invariants import Violation, check
from tests.faults.simulator.loop import Loop, Process, TooManySteps
from tests.faults.simulator.notifying import NotifyProcess
from tests.faults.simulator.parts import Cell, tracking
from tests.faults.simulator.patches import simulated
from tests.faults.simulator.people import People
from tests.faults.simulator.relays import RelayProcess
from tests.faults.simulator.rollouts import Rollouts
from tests.faults.simulator.store import SimulatedLog
from tests.faults.simulator.trouble import Trouble
from tests.faults.simulator.web import Clients
from tests.support.ruled import policy

BEGINS = (
    datetime(2026, 3, 2, 1, 0, tzinfo=UTC),  # a working Monday, 09:00 in Shanghai
    datetime(2026, 3, 5, 15, 58, tzinfo=UTC),  # two minutes to midnight
    datetime(2026, 2, 13, 8, 0, tzinfo=UTC),  # before Spring Festival and its make-up days
    datetime(2026, 12, 31, 15, 50, tzinfo=UTC),  # ten minutes to the new year
    datetime(2026, 12, 28, 2, 0, tzinfo=UTC),  # deadlines fall into 2027, whose holidays are not announced
    datetime(2027, 9, 29, 2, 0, tzinfo=UTC),  # in the year that is not announced, before National Day
)
REPLICAS = ("routing-worker", "routing-api", "intake", "tracking", "notify", "relay")
DAY = 86_400
WORK, SETTLE, AFTERWARDS = 8 * DAY, 60.0, 6 * DAY
"""Seconds: of work and faults, of healing until every backlog must be empty, of quiet in which what falls due must be enforced."""
PATCH = Callable[[Cell], AbstractContextManager[Any]]


@dataclass
class Result:
    """What came of a schedule."""

    seed: int
    trace: str
    events: int
    steps: int
    struck: Counter[str]
    names: Counter[str]
    violations: list[Violation] = field(default_factory=list[Violation])
    story: list[str] | None = None


def run(seed: int, *, story: bool = False, plant: PATCH | None = None) -> Result:
    """Play the schedule of a seed. The same seed gives the same trace, digest for digest."""
    chance = Random(seed)
    loop = Loop(seed, chance.choice(BEGINS), story=story)
    cell = Cell(loop)
    with simulated(cell), plant(cell) if plant else nullcontext():
        scene = Scene(cell, chance)
        try:
            violations = scene.play()
        except TooManySteps as error:
            violations = [Violation("I7", "the loop", f"goes round and round: {error}")]
        scene.close()
    events = [each for past in cell.store.streams.values() for each in past]
    names = Counter(each.event.name for each in events)
    return Result(seed, loop.trace, len(events), loop.steps, scene.trouble.struck, names, violations, loop.story)


class Scene:
    """A cell with its people and its faults."""

    def __init__(self, cell: Cell, chance: Random, *, people: bool = True) -> None:
        self.cell, self.loop = cell, cell.loop
        self.clients, self.rollouts = Clients(cell), Rollouts(cell)
        cell.gateway.receipts = self._receipt
        self._notify: dict[Process, NotifyProcess] = {}
        self._seed()
        boots: dict[str, Callable[[Process], object]] = {
            "routing-worker": self.rollouts.serve,
            "routing-api": self.clients.serve,
            "intake": self.clients.serve,
            "tracking": lambda process: tracking(cell, process),
            "notify": self._boot_notify,
            "relay": lambda process: RelayProcess(cell, process),
        }
        for kind in REPLICAS:
            for number in range(2):
                Process(self.loop, kind, f"{kind}-{number}", boots[kind]).boot()
        if people:
            People(self.clients, self.rollouts, issues=chance.choice((1, 1, 1, 2)), acts=chance.choice((1, 2, 4, 10)))
        self.trouble = Trouble(cell, self.rollouts, chance.choice((1, 2, 4, 6)) if people else 0)

    def _boot_notify(self, process: Process) -> None:
        self._notify[process] = NotifyProcess(self.cell, process)
        process.on_death.append(lambda: self._notify.pop(process, None))

    def _seed(self) -> None:
        """The policy and the calendar of the first start."""
        process = Process(self.loop, "seed", "seed")
        log = SimulatedLog("/huiyin/routing", self.cell.store)

        async def append() -> None:
            async with self.cell.database(process).transaction() as session:
                rules = policy(1, DEFAULT_RULES).model_copy(update={"effective_from": self.loop.instant})
                for stream, event in ((POLICY, rules), (CALENDAR, _calendar())):
                    now = self.cell.store.now
                    await log.append(session, stream, [event], after=Head(), now=now, region=None, correlation_id="seed", causation_id=None)

        self.loop.spawn(process, append(), "seed")
        self.loop.run(1)

    def _receipt(self, message_id: str) -> None:
        """The gateway tells what became of a message: mostly, sometimes twice, sometimes never."""
        chance = self.loop.random
        fate = chance.choices(("delivered", "failed", "never"), (10, 1, 1))[0]
        if fate == "never":
            return
        for _ in range(2 if chance.random() < 0.1 else 1):
            self.loop.spawn(self.clients.process, self._call_back(message_id, fate, chance.uniform(0.1, 300)), "receipt")

    async def _call_back(self, message_id: str, fate: str, after: float) -> None:
        await self.loop.sleep(after)
        for _ in range(5):
            ready = [process for process in self._notify if process.alive]
            if ready:
                process = self.loop.random.choice(ready)
                task = self.loop.spawn(process, self._notify[process].receipts.take(message_id, fate, None), "receipt")  # pyright: ignore[reportArgumentType]
                if await task.done.wait(10) and task.error is None:
                    return
            await self.loop.sleep(30)

    def play(self) -> list[Violation]:
        """Work and faults, healing, a look; then quiet until the last deadline, and another look."""
        self.loop.run(WORK)
        self.trouble.heal()
        while not all(process.works for process in self.loop.processes):
            self.loop.run(1)
        self.loop.run(SETTLE)
        violations = check(self.cell, self.clients, self.trouble, quiet=False)
        self.loop.run(AFTERWARDS)
        return violations or check(self.cell, self.clients, self.trouble, quiet=True)

    def close(self) -> None:
        """End every coroutine, so that none outlives its schedule."""
        for process in self.loop.processes:
            for task in list(process.tasks):
                task.end(None, None)


@cache
def _calendar() -> CalendarChanged:
    return statutory_calendar(2026)
