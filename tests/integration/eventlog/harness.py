"""What the tests of log, relay and consumers share: appending as a role, a relay process, looking at what JetStream holds."""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.database import Database
from shared.eventlog import EventLog
from shared.eventlog.copy import Stored, StreamCopy
from shared.eventlog.health import RelaySettings
from shared.eventlog.relay import serve
from shared.messaging.connection import NatsConnection, connect
from tests.support.events import MONDAY, VILLAGE
from tests.support.servers import NatsAddress, StackDatabase


@asynccontextmanager
async def acting_as(database: StackDatabase, role: str, *, pool_size: int = 5) -> AsyncIterator[Database]:
    """Connections as a service's role."""
    connections = Database(database.url(role), pool_size=pool_size)
    try:
        yield connections
    finally:
        await connections.close()


@asynccontextmanager
async def connected(nats: NatsAddress, user: str = "relay") -> AsyncIterator[NatsConnection]:
    connection = await connect(nats.url(user), "test")
    try:
        yield connection
    finally:
        await connection.close()


async def append(
    database: Database, source: str, stream: str, *events: Event, region: str | None = VILLAGE, now: datetime = MONDAY
) -> tuple[Recorded[Event], ...]:
    """Append at the stream's end, in a transaction of its own."""
    log = EventLog(f"/huiyin/{source}")
    async with database.transaction() as session:
        head = (await log.load(session, stream)).head
        return await log.append(session, stream, events, after=head, now=now, region=region, correlation_id="test", causation_id=None)


@asynccontextmanager
async def relaying(database: StackDatabase, nats: NatsAddress, health_file: Path | None = None) -> AsyncIterator[None]:
    """A relay for the length of the block, in this process."""
    settings = RelaySettings(database_url=SecretStr(database.url("relay")), nats_url=SecretStr(nats.url("relay")), health_file=health_file)
    stop = asyncio.Event()
    relay = asyncio.create_task(serve(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await relay


class RelayProcess:
    """A relay in a process of its own, to be killed. Forked from a server that has the modules loaded, so that it starts at once."""

    _fork_server = multiprocessing.get_context("forkserver")
    _fork_server.set_forkserver_preload(["shared.eventlog.relay"])

    def __init__(self, database: StackDatabase, nats: NatsAddress) -> None:
        self._addresses = (database.url("relay"), nats.url("relay"))
        self._process: BaseProcess | None = None

    def start(self) -> None:
        self._process = self._fork_server.Process(target=_relay, args=self._addresses)
        self._process.start()

    def kill(self) -> None:
        """As `kill -9`; a process that is not there is left alone."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None


def _relay(database_url: str, nats_url: str) -> None:
    asyncio.run(serve(RelaySettings(database_url=SecretStr(database_url), nats_url=SecretStr(nats_url)), asyncio.Event()))


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = 20) -> Any:
    """The first true answer of `condition`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        if found := await condition():
            return found
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.05)


def rows(database: StackDatabase, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Look, or meddle, as the superuser."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


async def stored(connection: NatsConnection) -> list[Stored]:
    """Every message of the stream, in its order."""
    copy = StreamCopy(connection)
    state = await copy.state()
    return [message async for portion in copy.read(max(state.first, 1), state.last) for message in portion]


async def everything_published(database: StackDatabase) -> bool:
    return rows(database, "SELECT count(*) FROM log.outbox")[0][0] == 0
