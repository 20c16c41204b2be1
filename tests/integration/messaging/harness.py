"""A subscriber that runs against real servers, and effects that can be counted."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts import EVENTS, Event
from shared.contracts.envelope import Recorded, parse
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, Assigned, ProgressReported
from shared.database import Database
from shared.ids import new_id
from shared.messaging.connection import NatsConnection
from shared.messaging.subjects import subject_of
from shared.messaging.subscriber import Handler, Subscriber, ignore
from tests.integration.eventlog.harness import acting_as, connected, rows, until
from tests.support.consumers import unfinished
from tests.support.events import bodies, example
from tests.support.servers import NatsAddress, StackDatabase

IGNORED: dict[type[Event], Handler] = dict.fromkeys(EVENTS.values(), ignore)


class Effects:
    """A handler that writes each event into a table, so that an effect is as durable as its transaction, and fails on demand."""

    def __init__(self, database: StackDatabase) -> None:
        self._database = database
        self.fails_on: dict[tuple[str, int], Exception] = {}
        self.tries = 0
        rows(database, "CREATE TABLE tracking.effects (at bigint GENERATED ALWAYS AS IDENTITY, stream text, version integer)")
        rows(database, "ALTER TABLE tracking.effects OWNER TO tracking")

    async def __call__(self, session: AsyncSession, event: Recorded[Event]) -> None:
        self.tries += 1
        await session.execute(text("INSERT INTO effects (stream, version) VALUES (:s, :v)"), {"s": event.stream, "v": event.version})
        if error := self.fails_on.get((event.stream, event.version)):
            raise error

    def seen(self, stream: str) -> list[int]:
        found = rows(self._database, "SELECT version FROM tracking.effects WHERE stream = %s ORDER BY at", stream)
        return [version for (version,) in found]

    async def reached(self, stream: str, versions: list[int]) -> None:
        async def reached() -> bool:
            return self.seen(stream) == versions

        await until(reached)


@asynccontextmanager
async def subscribed(
    database: StackDatabase,
    nats: NatsAddress,
    effects: Handler,
    handlers: Mapping[type[Event], Handler] | None = None,
    *,
    pace: float = 0.0,
) -> AsyncIterator[Database]:
    """The tracking service's subscriber, running for the length of the block."""
    table = IGNORED | dict.fromkeys((IssueRaised, Assigned, Accepted, ProgressReported), effects) if handlers is None else handlers
    stop = asyncio.Event()
    async with acting_as(database, "tracking") as connections, connected(nats, "tracking") as connection:
        subscriber = Subscriber(durable="tracking", nats=connection, database=connections, handlers=table, pace=pace)
        running = asyncio.create_task(subscriber.run(stop))
        try:
            yield connections
        finally:
            stop.set()
            await running


def story(issue: str, notes: int = 2) -> tuple[bytes, ...]:
    """An issue's events from version 1 on."""
    return bodies(example(IssueRaised), example(Assigned), *[example(ProgressReported)] * notes, stream=issue)


async def publish(connection: NatsConnection, *events: bytes, again: bool = False) -> None:
    """Store events as the relay would, in this order. `again`: under other ids, so that JetStream does not notice the repetition."""
    for body in events:
        event = parse(body)
        headers = {"Nats-Msg-Id": new_id() if again else event.id}
        reply = await connection.request(subject_of(event), body, timeout=5, headers=headers)
        assert "error" not in json.loads(reply.data)


async def drained(connection: NatsConnection) -> bool:
    return await unfinished(connection, "tracking") == 0
