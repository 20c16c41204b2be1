"""Fixtures of tracking's integration tests: a database, and a log that holds what a test says happened."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.tracking.bootstrap import reading
from services.tracking.counts import ALIKE
from services.tracking.entrypoints.api import OPERATION, PAGES, ROUTERS
from services.tracking.projections import Projector, on_directory_changed
from services.tracking.settings import Settings
from services.tracking.tables import LIVE
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import DirectoryChanged
from shared.database import Database
from shared.eventlog import EventLog, Head
from shared.ids import new_id
from shared.security.principal import Principal
from shared.web.app import create_app
from shared.web.pages.sessions import COOKIE
from tests.support.events import MONDAY, VILLAGE
from tests.support.platform import bearer, client, settings_values, token, verifier
from tests.support.servers import StackDatabase

OWNERS = ("intake", "routing", "notify")


class World:
    """The log and tracking's projections of one test.

    `happens` appends to the log as the events' owners do and publishes; `sees` brings the projections up to what has happened.
    """

    def __init__(self, stack: StackDatabase) -> None:
        self.tracking = Database(stack.url("tracking"))
        self._roles = {role: Database(stack.url(role), pool_size=1) for role in (*OWNERS, "relay")}
        self._seen = 0
        self.reader = EventLog("/huiyin/tracking")
        self.projector = Projector()

    async def happens(
        self,
        *events: Event,
        stream: str | None = None,
        region: str | None = VILLAGE,
        at: datetime = MONDAY,
        publish: bool = True,
    ) -> tuple[Recorded[Any], ...]:
        """Append events to one stream, each by its owner, all at one instant. Returns them."""
        stream = stream or new_id()
        recorded: list[Recorded[Any]] = []
        for event in events:
            async with self._roles[event.owner].transaction() as session:
                log = EventLog(f"/huiyin/{event.owner}")
                head = (await log.load(session, stream)).head
                recorded += await log.append(
                    session,
                    stream,
                    (event,),
                    after=head if head.version else Head(),
                    now=at,
                    region=head.region if head.version else region,
                    correlation_id=stream,
                    causation_id=None,
                )
        if publish:
            await self.publish()
        return tuple(recorded)

    async def publish(self) -> None:
        """What the relay does, without JetStream: the outbox moves into the total order."""
        async with self._roles["relay"].transaction() as session:
            waiting = (await session.execute(text("SELECT id::text FROM log.outbox ORDER BY position"))).scalars().all()
            await session.execute(text("SELECT log.move(CAST(:ids AS uuid[]))"), {"ids": list(waiting)})

    async def sees(self, *, limit: int = 1000) -> None:
        """Let the live projections take what was published and they have not taken, one event at a time, as the subscriber does."""
        async with self.tracking.transaction() as session:
            for item in await self.reader.published(session, after=self._seen, limit=limit):
                if isinstance(item.event.data, DirectoryChanged):
                    await on_directory_changed(session, item.event)  # pyright: ignore[reportArgumentType]
                elif item.event.data.aggregate == "issue":
                    await self.projector.on_issue_event(session, item.event)
                self._seen = item.position

    async def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, in the order of its key."""
        async with self.tracking.transaction() as session:
            return [dict(row) for row in (await session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))).mappings()]

    async def check_counts(self) -> None:
        """Counts are what counting gives, whatever the test did."""
        for counts, counted in ((LIVE.ledger_counts, LIVE.ledger), (LIVE.transition_counts, LIVE.transitions)):
            async with self.tracking.transaction() as session:
                kept = (await session.execute(text(f"SELECT * FROM {counts.name} WHERE n <> 0"))).all()
                alike = ", ".join(str(number) for number in range(1, len(counts.primary_key) + 1))
                found = await session.execute(text(f"SELECT {ALIKE[counts]}, count(*) FROM {counted.name} GROUP BY {alike}"))
                assert sorted(kept) == sorted(found.all())

    async def close(self) -> None:
        """Close every connection."""
        for database in (self.tracking, *self._roles.values()):
            await database.close()


@pytest.fixture
async def world(stack_database: StackDatabase) -> AsyncIterator[World]:
    world = World(stack_database)
    yield world
    await world.check_counts()
    await world.close()


class Api:
    """tracking's HTTP over the projections of a test, called as whoever the test wants."""

    def __init__(self, world: World, app: FastAPI) -> None:
        self.world = world
        self.app = app

    async def get(
        self, path: str, who: Principal | None = None, *, address: str = "203.0.113.9", headers: dict[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        """GET below `/api/tracking/v1`."""
        async with client(self.app, address=address) as caller:
            sent = (bearer(who) if who else {}) | (headers or {})
            return await caller.get(f"/api/tracking/v1{path}", params=query, headers=sent)

    async def page(self, path: str, who: Principal | None = None, *, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        """GET a page, signed in if need be."""
        async with client(self.app) as caller:
            if who is not None:
                caller.cookies.set(COOKIE, token(who))
            return await caller.get(path, params=query, headers=headers or {})


@pytest.fixture
async def api(world: World, stack_database: StackDatabase) -> Api:
    settings = Settings(**settings_values(database_url=stack_database.url("tracking"), token_guesses_burst=20, token_guesses_per_minute=1))
    services = reading(settings, world.tracking)
    return Api(
        world,
        create_app(
            "tracking",
            settings=settings,
            database=world.tracking,
            services=services,
            routers=ROUTERS,
            pages=PAGES,
            operation=OPERATION,
            verifier=verifier(),
        ),
    )
