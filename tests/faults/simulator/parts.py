"""The processes of a cell: the product's classes, put together as the services' bootstraps do, over simulated servers."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from services.routing.activities import IssueActivities
from services.routing.context import ContextSource
from services.routing.domain.evolve import evolve
from services.routing.domain.state import Issue
from services.routing.entrypoints.subscriber import handlers as routing_table
from services.routing.handlers import IssueHandlers
from services.routing.overseer import GRACE, Overseer
from services.routing.rules import RulesHolder
from services.routing.timers import Timers
from services.tracking.columns import entry_from
from services.tracking.domain.entry import LedgerEntry
from services.tracking.entrypoints.subscriber import handlers as tracking_table
from services.tracking.projections import Projector
from shared.contracts.envelope import Recorded
from shared.messaging.effects import Effects
from shared.messaging.subscriber import Subscriber
from shared.messaging.tending import PAUSE, Tender
from tests.faults.simulator.alarm import Alarm
from tests.faults.simulator.bus import Bus
from tests.faults.simulator.gateway import Gateway
from tests.faults.simulator.loop import Loop, Process
from tests.faults.simulator.notices import Row
from tests.faults.simulator.pulling import Puller
from tests.faults.simulator.store import SimulatedClock, SimulatedDatabase, SimulatedLog, Store, Transaction
from tests.faults.simulator.temporal import SimulatedTemporal
from tests.support.life import directory


class Folded:
    """`replay`, with the states of histories that were folded before: a state follows from its events alone."""

    def __init__(self) -> None:
        self._known: dict[str, Issue] = {}

    def __call__(self, history: Iterable[Recorded[Any]]) -> Issue | None:
        past = tuple(history)
        whole = all(event.version == place for place, event in enumerate(past, 1))
        begin = next((place for place in range(len(past), 0, -1) if past[place - 1].hash in self._known), 0) if whole else 0
        issue = self._known[past[begin - 1].hash] if begin else None
        for event in past[begin:]:
            issue = evolve(issue, event)
            if whole:
                self._known[event.hash] = issue
        return issue


class Wakes(Protocol):
    """A relay, as far as the cell knows it."""

    alarm: Alarm


class Cell:
    """The servers of one simulated deployment."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.store = Store(loop)
        self.bus = Bus(loop)
        self.temporal = SimulatedTemporal(loop)
        self.gateway = Gateway(loop, self.store)
        self.clock: Any = SimulatedClock(self.store)
        self.relays: list[Wakes] = []
        self.unaudited: set[str] = set()
        self.fold = Folded()
        self.bus.damaged = self._look_at_the_stream
        self.store.watchers.append(self._after_commit)

    def database(self, process: Process) -> Any:
        """The store as one process reaches it."""
        return SimulatedDatabase(self.store, process)

    def _look_at_the_stream(self) -> None:
        for relay in self.relays:
            relay.alarm.set(2.1)

    def _after_commit(self, transaction: Transaction) -> None:
        if transaction.appended:
            for relay in self.relays:
                relay.alarm.set(0.2 if self.loop.random.random() < 0.1 else 0.005)


class Holder:
    """A directory that never changes."""

    current = directory()

    async def fresh(self, session: object) -> Any:
        """The same."""
        return self.current


def issue_handlers(cell: Cell, process: Process) -> tuple[IssueHandlers, ContextSource]:
    """Routing's handlers, with rules of this process."""
    log = SimulatedLog("/huiyin/routing", cell.store)
    contexts = ContextSource(cell.clock, RulesHolder(log), cast(Any, Holder()))
    return IssueHandlers(cell.database(process), log, contexts), contexts


def subscribe(cell: Cell, process: Process, durable: str, table: Mapping[Any, Any]) -> None:
    """A `Subscriber` whose pull loop and tender are driven by the loop."""
    database = cell.database(process)
    subscriber = Consumer(cell, process, durable, database, table)
    Puller(cell.bus, process, durable, cast(Any, subscriber.take_batch))


class Consumer(Subscriber):
    """The product's subscriber; `run` is the loop's business."""

    def __init__(self, cell: Cell, process: Process, durable: str, database: Any, table: Mapping[Any, Any]) -> None:
        super().__init__(durable=durable, nats=cast(Any, None), database=database, handlers=table)
        self._tender = LoopTender(cell, process, database, self._effects)

    async def take_batch(self, deliveries: Any) -> None:
        """What `PullLoop` calls."""
        await self._on_batch(deliveries)


class LoopTender(Tender):
    """The product's tender, called when there is something to tend."""

    def __init__(self, cell: Cell, process: Process, database: Any, effects: Effects) -> None:
        super().__init__(database, effects)
        self._tables = cell.store.tables
        self.alarm = Alarm(cell.loop, process, self._look, "tend")
        cell.store.watchers.append(self._committed)
        process.on_death.append(lambda: cell.store.watchers.remove(self._committed))
        self._arm()

    def _committed(self, transaction: Transaction) -> None:
        if any(table in ("watermarks", "parked") for table, _ in transaction.rows):
            self._arm()

    def _arm(self) -> None:
        """The next look that can find something."""
        marks = self._tables["watermarks"]
        parked = (key for key in self._tables["parked"] if key[0] == self._consumer)
        if any(version <= marks.get((consumer, stream), 0) + 1 for consumer, stream, version in parked):
            self.alarm.set(PAUSE)

    def nudge(self) -> None:
        """Look at once."""
        self.alarm.set(0)

    async def _look(self) -> None:
        await self._guarded(self.tend)
        self._arm()


class RoutingWorker:
    """services.routing.entrypoints.worker: subscriber, timers, activities, overseer."""

    def __init__(self, cell: Cell, process: Process) -> None:
        self.cell = cell
        database = cell.database(process)
        self.issues, self.contexts = issue_handlers(cell, process)
        self.timers = Timers(database, SimulatedLog("/huiyin/routing", cell.store), cast(Any, cell.temporal))
        self.overseer = Overseer(database, cell.clock, self.timers)
        self.alarm = Alarm(cell.loop, process, self._look, "overseer")
        subscribe(cell, process, "routing", routing_table(self.issues))
        Puller(cell.bus, process, "timers", cast(Any, self.timers.handle))
        cell.temporal.workers[process] = IssueActivities(self.issues).tick
        cell.store.watchers.append(self._committed)
        process.on_death += [lambda: cell.temporal.workers.pop(process, None), lambda: cell.store.watchers.remove(self._committed)]
        self.alarm.set(0)

    def _committed(self, transaction: Transaction) -> None:
        if any(table == "issues" for table, _ in transaction.rows):
            self._arm()

    def _arm(self) -> None:
        nexts = [row["next_at"] for row in self.cell.store.tables["issues"].values() if row["next_at"] is not None]
        if nexts:
            late = (min(nexts) + GRACE - self.cell.store.now).total_seconds()
            self.alarm.set(max(late, 0) + self.cell.loop.random.uniform(0.001, 5))

    async def _look(self) -> None:
        """As `Overseer.run`: what fails is tried again at the next look."""
        try:
            await self.overseer.look()
        except Exception as error:
            self.cell.loop.tell("failed", f"overseer: {type(error).__name__}")
        self._arm()


class RoutingRows:
    """In place of the module `services.routing.repository`, on the simulated store; `row_of` is the product's."""

    def __init__(self, row_of: Any) -> None:
        self._row_of = row_of

    async def save(self, session: Transaction, issue: Any) -> None:
        """The current-state row."""
        session.put("issues", issue.issue_id, self._row_of(issue))

    async def unenforced(self, session: Transaction, now: datetime, grace: timedelta, *, limit: int = 1000) -> list[str]:
        """Issues whose next instant passed more than `grace` ago."""
        session.check()
        rows = session.scan("issues").values()
        late = sorted((row["next_at"], row["issue_id"]) for row in rows if row["next_at"] is not None and row["next_at"] < now - grace)
        return [issue_id for _, issue_id in late][:limit]

    async def open_counts(self, session: Transaction) -> list[tuple[str, str, int]]:
        """A gauge; not looked at."""
        return []

    async def waiting(self, session: Transaction) -> list[str]:
        """The issues for which something will happen by itself."""
        rows = [row for row in session.scan("issues").values() if row["next_at"] is not None]
        return [row["issue_id"] for row in sorted(rows, key=lambda row: (row["next_at"], row["issue_id"]))]


class RowProjector(Projector):
    """The product's projector over rows in memory."""

    async def _entries(self, session: Any, issue_ids: set[str]) -> dict[str, LedgerEntry]:
        found = {issue_id: session.get("ledger", issue_id) for issue_id in sorted(issue_ids)}
        return {issue_id: entry_from(cast(Any, Row(**row))) for issue_id, row in found.items() if row is not None}


def tracking(cell: Cell, process: Process) -> None:
    """services.tracking.bootstrap."""
    subscribe(cell, process, "tracking", tracking_table(RowProjector()))
