"""Intake's composition root: the only place that builds connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.intake.arrivals import Arrivals
from services.intake.attachment_files import AttachmentFiles
from services.intake.attachments import DRAWN_AT_ONCE, Attachments
from services.intake.directory import seed
from services.intake.erasure import Erasure, Journal
from services.intake.handlers import Handlers
from services.intake.housekeeping import Housekeeping
from services.intake.keys import KEY_FILE, FixedKeys, KeyFile, KeyRing, Keys
from services.intake.numbers import Numbers
from services.intake.settings import Settings
from services.intake.vault import Vault
from shared.clock import Clock, PostgresClock
from shared.database import Database
from shared.eventlog import EventLog, outbox_bell
from shared.messaging.connection import NatsConnection, connect
from shared.ratelimit import Limit, RateLimiter
from shared.receipts import Receipts
from shared.regions import Regions

SOURCE = "/huiyin/intake"
POOL_SIZE = 16
"""Connections kept; each request holds one for a few milliseconds, and Postgres has to serve five such pools."""


@dataclass(frozen=True)
class App:
    """What the API, the subscriber and the command line share."""

    settings: Settings
    database: Database
    log: EventLog
    clock: Clock
    regions: Regions
    vault: Vault
    files: AttachmentFiles
    handlers: Handlers
    arrivals: Arrivals
    attachments: Attachments
    erasure: Erasure
    housekeeping: Housekeeping
    limiter: RateLimiter
    lookup_limit: Limit


@asynccontextmanager
async def bootstrap(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[App]:
    """Database, log, vault and handlers, closed at the end. `clock` replaces Postgres' in tests."""
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=POOL_SIZE)
    numbers = Numbers(number_engine(url))
    vault = Vault(keys_of(settings))
    files = AttachmentFiles(settings.attachments_dir, vault)
    receipts = Receipts.of(settings.secrets_dir)
    regions = Regions.load(settings.regions_file)
    clock = clock or PostgresClock()
    limiter = RateLimiter(database, settings)
    try:
        async with outbox_bell(url) as bell:
            log = EventLog(SOURCE, wake=bell.ring)
            await seed(database, log, regions)
            handlers = Handlers(settings, log, clock, vault, receipts, numbers, regions)
            yield App(
                settings=settings,
                database=database,
                log=log,
                clock=clock,
                regions=regions,
                vault=vault,
                files=files,
                handlers=handlers,
                arrivals=Arrivals(database, handlers),
                attachments=Attachments(database, log, clock, files, receipts, asyncio.Semaphore(DRAWN_AT_ONCE)),
                erasure=Erasure(database, log, clock, files, Journal(settings.checkpoints_dir)),
                housekeeping=Housekeeping(database, clock, files, limiter),
                limiter=limiter,
                lookup_limit=Limit("lookup", settings.lookup_rate_per_minute, settings.lookup_burst),
            )
    finally:
        await numbers.close()
        await database.close()


@asynccontextmanager
async def jetstream(settings: Settings) -> AsyncIterator[NatsConnection]:
    """A connection to NATS as intake's user, closed at the end."""
    nats = await connect(settings.nats_url.get_secret_value(), "intake")
    try:
        yield nats
    finally:
        await nats.close()


def number_engine(url: str) -> AsyncEngine:
    """The one connection that hands out numbers: what `numbers` says of its commits holds for no other."""
    return create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": "-c synchronous_commit=off", "application_name": "intake-numbers"},
    )


def keys_of(settings: Settings) -> Keys:
    """The vault's keys: of the environment where it has them, else of the key file, which is made if it is missing."""
    if settings.vault_keys:
        return FixedKeys(KeyRing.parse(settings.vault_keys.get_secret_value()))
    return KeyFile(settings.secrets_dir / KEY_FILE)
