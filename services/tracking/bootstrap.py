"""The composition root: the only place of tracking that opens connections."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.tracking.entrypoints.subscriber import DURABLE, PACE, handlers
from services.tracking.projections import Projector
from services.tracking.settings import Settings
from services.tracking.times import Calendars
from shared.clock import Clock, PostgresClock
from shared.database import Database
from shared.eventlog import EventLog
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.subscriber import Subscriber
from shared.ratelimit import Limit
from shared.regions import Regions


@dataclass(frozen=True, slots=True)
class Reading:
    """What the endpoints read from."""

    database: Database
    clock: Clock
    regions: Regions
    public_url: str
    guesses: Limit
    board_max_age: int
    calendars: Calendars


@dataclass(frozen=True, slots=True)
class App:
    """tracking, put together."""

    reading: Reading
    nats: NatsConnection
    subscriber: Subscriber

    async def nats_answers(self) -> None:
        """Return when NATS answers; raise when not."""
        await self.nats.flush(timeout=2)


def reading(settings: Settings, database: Database) -> Reading:
    """What the endpoints read from, over a connection that is open already."""
    return Reading(
        database=database,
        clock=PostgresClock(),
        regions=Regions.load(settings.regions_file),
        public_url=settings.public_url,
        guesses=Limit("token_guesses", settings.token_guesses_per_minute, settings.token_guesses_burst),
        board_max_age=settings.board_max_age,
        calendars=Calendars(EventLog("/huiyin/tracking")),
    )


@asynccontextmanager
async def bootstrap(settings: Settings) -> AsyncIterator[App]:
    """The service as long as the block lasts; every connection is closed at its end."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url.get_secret_value())
        stack.push_async_callback(database.close)
        nats = await connect(settings.nats_url.get_secret_value(), "tracking")
        stack.push_async_callback(nats.close)
        table = handlers(Projector())
        yield App(
            reading=reading(settings, database),
            nats=nats,
            subscriber=Subscriber(durable=DURABLE, nats=nats, database=database, handlers=table, pace=PACE),
        )
