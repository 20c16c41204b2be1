"""Intake on a real Postgres, reached over HTTP; routing's part of an issue's life is appended as routing's own role."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.__main__ import application
from services.intake.bootstrap import App, bootstrap
from services.intake.entrypoints.subscriber import HANDLERS
from services.intake.settings import Settings
from shared.clock import PostgresClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Officer, Topic
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.security.principal import Principal
from tests.support import platform
from tests.support.events import TOWNSHIP, VILLAGE
from tests.support.platform import bearer, client, principal
from tests.support.raising import issue_body
from tests.support.servers import StackDatabase

CITIZEN = "203.0.113.9"
CADRE = principal("cadre", VILLAGE, units=(f"{VILLAGE}/village_committee",))
OFFICER = principal("officer", TOWNSHIP, units=(f"{TOWNSHIP}/construction", f"{TOWNSHIP}/discipline"))

BOARD: dict[str, Literal["full", "category", "none"]] = {"street_light": "full", "road": "full", "relief": "category", "cadre": "none"}
TOPICS = tuple(
    Topic(code=code, zh=code, en=code, township_unit="construction", county_unit="transport", board=board) for code, board in BOARD.items()
)
OFFICERS = tuple(
    Officer(officer_id=who.subject, name=who.name, role=who.role, regions=who.regions, units=who.units) for who in (CADRE, OFFICER)
)


class ShiftedClock:
    """Postgres' clock, moved forward by hand."""

    def __init__(self) -> None:
        self.shift = timedelta()
        self._clock = PostgresClock()

    async def now(self, session: AsyncSession) -> datetime:
        return await self._clock.now(session) + self.shift


@dataclass
class Intake:
    """One running intake."""

    app: App
    http: httpx.AsyncClient
    clock: ShiftedClock
    database: StackDatabase
    routing: Database
    routing_log: EventLog

    async def raise_issue(
        self, caller: Principal | None = None, *, key: str | None = None, http: httpx.AsyncClient | None = None, **changes: Any
    ) -> httpx.Response:
        """POST issues; `changes` replace members of a valid body, None removes one."""
        headers = {"Idempotency-Key": key or new_id()} | (bearer(caller) if caller else {})
        return await (http or self.http).post("/api/intake/v1/issues", json=body(**changes), headers=headers)

    async def raised(self, caller: Principal | None = None, **changes: Any) -> dict[str, str]:
        """An issue: its answer, with its `token`."""
        answer = await self.raise_issue(caller, **changes)
        assert answer.status_code == 201, answer.text
        document: dict[str, str] = answer.json()
        return document | {"token": document["tracking_url"].rpartition("/")[2]}

    async def upload(
        self,
        content: bytes,
        caller: Principal | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> httpx.Response:
        """POST attachments with a raw body."""
        own = {"Idempotency-Key": key or new_id(), "Content-Type": "application/octet-stream"} | (bearer(caller) if caller else {})
        return await self.http.post("/api/intake/v1/attachments", content=content, params=query, headers=own | dict(headers or {}))

    async def say(self, token: str, ask: str, **said: Any) -> httpx.Response:
        """The reporter's word: rating, withdrawal or reopening."""
        return await self.http.post(f"/api/intake/v1/public/{token}/{ask}", json=said)

    async def routed(self, issue_id: str, *events: Event) -> None:
        """Append as routing does."""
        async with self.routing.transaction() as session:
            loaded = await self.routing_log.load(session, issue_id)
            await self.routing_log.append(
                session,
                issue_id,
                events,
                after=loaded.head,
                now=await PostgresClock().now(session),
                region=loaded.head.region,
                correlation_id=issue_id,
                causation_id=None,
            )

    async def hears(self, issue_id: str, *events: Event) -> None:
        """Append as routing does, and let intake take it as its consumer brings it."""
        await self.routed(issue_id, *events)
        async with self.app.database.transaction() as session:
            for recorded in (await self.stream(issue_id))[-len(events) :]:
                await HANDLERS[type(recorded.data)](session, recorded)

    async def stream(self, issue_id: str) -> tuple[Recorded[Event], ...]:
        """The issue's events."""
        async with self.app.database.transaction() as session:
            return (await self.app.log.load(session, issue_id)).events

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a superuser sees."""
        with psycopg.connect(self.database.superuser) as connection:
            return connection.execute(statement.encode(), values).fetchall()


def body(**changes: Any) -> dict[str, Any]:
    """A valid body of `issues` as a citizen sends it, with changes; None removes a member."""
    reporter = {"name": "张三丰", "phone": "13800001234", "email": "zhang@example.cn", "language": "zh-CN"}
    return issue_body(**{"reporter": reporter} | changes)


Start = Callable[..., AbstractAsyncContextManager[Intake]]


@pytest.fixture
def start(stack_database: StackDatabase, tmp_path: Path) -> Start:
    """Starts intake on this test's database and folders; again, to see what a restart leaves."""

    @asynccontextmanager
    async def started(**settings: Any) -> AsyncIterator[Intake]:
        values = platform.settings_values(
            database_url=stack_database.url("intake"),
            secrets_dir=tmp_path / "secrets",
            attachments_dir=tmp_path / "attachments",
            internal_token="internal-secret",
            citizen_burst=10_000,
            citizen_rate_per_minute=100_000,
            lookup_burst=1_000,
        )
        clock = ShiftedClock()
        routing = Database(stack_database.url("routing"), pool_size=2)
        log = EventLog("/huiyin/routing")
        try:
            await _direct(routing, log)
            async with bootstrap(Settings(**values | settings), clock=clock) as app:
                api = application(app, verifier=platform.verifier())
                async with client(api, address=CITIZEN) as http:
                    yield Intake(app, http, clock, stack_database, routing, log)
        finally:
            await routing.close()

    return started


@pytest.fixture
async def intake(start: Start) -> AsyncIterator[Intake]:
    async with start() as running:
        yield running


async def _direct(routing: Database, log: EventLog) -> None:
    """The directory as routing publishes it, once."""
    async with routing.transaction() as session:
        loaded = await log.load(session, "directory")
        if loaded.events:
            return
        change = DirectoryChanged(topics=TOPICS, officers=OFFICERS, by=None)
        now = await PostgresClock().now(session)
        await log.append(session, "directory", [change], after=loaded.head, now=now, region=None, correlation_id="seed", causation_id=None)
