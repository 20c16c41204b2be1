"""Routing's composition root: the only place that builds connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin

from services.routing.calendars import Calendars
from services.routing.context import ContextSource
from services.routing.handlers import IssueHandlers
from services.routing.overseer import Overseer
from services.routing.policies import Policies
from services.routing.rollouts import Rollouts
from services.routing.rules import RulesHolder, read_rules, seed_rules
from services.routing.settings import Settings
from services.routing.staff import Staff, build_staff, seed_staff
from services.routing.timers import Timers
from shared.clock import Clock, PostgresClock
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog, outbox_bell
from shared.messaging.connection import NatsConnection, connect
from shared.receipts import Receipts
from shared.regions import Regions
from shared.telemetry import is_exported

SOURCE = "/huiyin/routing"

POOL = 25
"""Connections: the worker's looks and signals, 12 each, and a few. Fewer would be opened and closed all the time."""

SEED_ATTEMPTS = 5
"""Replicas that start together seed together; all but the first find everything done."""


@dataclass(frozen=True)
class App:
    """What the API and the worker share."""

    settings: Settings
    database: Database
    log: EventLog
    regions: Regions
    staff: Staff
    contexts: ContextSource
    issues: IssueHandlers
    rules: RulesHolder
    rollouts: Rollouts
    policies: Policies
    calendars: Calendars
    receipts: Receipts
    clock: Clock

    def wall_clock(self) -> datetime:
        """This machine's clock, for the expiry of receipts and nothing else."""
        return datetime.now(UTC)

    async def seed(self) -> None:
        """Give a new deployment its directory, policy and calendar. Safe at every start."""
        await seed_staff(self.settings, self.staff, self.log, self.regions, self.clock)
        extra = read_rules(self.settings.demo_folder / "policy.json") if self.settings.demo else ()
        for attempt in range(SEED_ATTEMPTS):
            try:
                async with self.database.transaction() as session:
                    await seed_rules(session, self.log, now=await self.clock.now(session), extra_rules=extra)
                return
            except ConcurrentAppend:
                if attempt == SEED_ATTEMPTS - 1:
                    raise


def assemble(settings: Settings, database: Database, log: EventLog, clock: Clock) -> App:
    """The handlers over a database, a log and a clock. Makes the first signing key where there is none."""
    regions = Regions.load(settings.regions_file)
    staff = build_staff(settings, database, log, regions, clock)
    rules = RulesHolder(log)
    contexts = ContextSource(clock, rules, staff.holder)
    issues = IssueHandlers(database, log, contexts)
    rollouts = Rollouts(database, log, contexts, issues, clock)
    return App(
        settings=settings,
        database=database,
        log=log,
        regions=regions,
        staff=staff,
        contexts=contexts,
        issues=issues,
        rules=rules,
        rollouts=rollouts,
        policies=Policies(log, rules, staff.holder, regions, rollouts, clock, settings.four_eyes),
        calendars=Calendars(log, rules, regions, rollouts, clock),
        receipts=Receipts.of(settings.secrets_dir),
        clock=clock,
    )


@asynccontextmanager
async def bootstrap(settings: Settings) -> AsyncIterator[App]:
    """Database, log and handlers, closed at the end."""
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=POOL)
    try:
        async with outbox_bell(url) as bell:
            yield assemble(settings, database, EventLog(SOURCE, wake=bell.ring), PostgresClock())
    finally:
        await database.close()


@dataclass(frozen=True)
class Connections:
    """What the worker has beside `App`."""

    nats: NatsConnection
    temporal: Client
    timers: Timers
    overseer: Overseer


async def temporal_client(address: str, namespace: str = "default") -> Client:
    """A client whose calls carry the trace along; Temporal's own spans are made where somebody gets them."""
    return await Client.connect(address, namespace=namespace, plugins=[OpenTelemetryPlugin(add_temporal_spans=is_exported())])


@asynccontextmanager
async def connections(app: App) -> AsyncIterator[Connections]:
    """NATS and Temporal, closed at the end."""
    temporal = await temporal_client(app.settings.temporal_address, app.settings.temporal_namespace)
    nats = await connect(app.settings.nats_url.get_secret_value(), "routing-worker")
    try:
        timers = Timers(app.database, app.log, temporal)
        yield Connections(nats, temporal, timers, Overseer(app.database, app.clock, timers))
    finally:
        await nats.close()
