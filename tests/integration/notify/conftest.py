"""A world around notify: real Postgres and NATS, the sinks over the wire, and a stand-in for intake's contacts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from deploy.local import sinks
from services.notify.bootstrap import App, bootstrap
from services.notify.channels.signing import Signer
from services.notify.entrypoints import failed, failed_pages
from services.notify.entrypoints.api import router
from services.notify.entrypoints.operation import operation
from services.notify.entrypoints.subscriber import handlers
from services.notify.handlers import Handlers
from services.notify.settings import Settings
from shared.clock import ManualClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.notify import NoticeDelivered, NoticeFailed
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.ids import new_id
from shared.outgoing import http_client
from shared.regions import Regions
from shared.web.app import create_app
from tests.support.events import MONDAY, VILLAGE
from tests.support.platform import settings_values, verifier
from tests.support.servers import NatsAddress, StackDatabase

SECRET = "s0123456789abcdef"
TOKEN = "internal"
PHONE = "13800002207"
MAIL = "wang@example.cn"
NAME = "王小明"


async def eventually(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    """What `condition` gives once it is true; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.02)


def listener() -> socket.socket:
    """A listening socket on a free port."""
    return socket.create_server(("127.0.0.1", 0))


def url_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@asynccontextmanager
async def served(app: FastAPI, listening: socket.socket) -> AsyncIterator[str]:
    """The application over the wire as long as the block lasts."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    server.capture_signals = lambda: AsyncExitStack()  # pyright: ignore[reportAttributeAccessIssue]
    task = asyncio.create_task(server._serve([listening]))  # pyright: ignore[reportPrivateUsage]
    try:
        await eventually(lambda: server.started)
        yield url_of(listening)
    finally:
        server.should_exit = True
        await task


@dataclass
class Intake:
    """Answers who a reporter is, as intake's internal port does."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    down: bool = False
    asked: list[str] = field(default_factory=list[str])

    def app(self) -> FastAPI:
        app = FastAPI()

        async def contact(request: Request) -> Response:
            assert request.headers["authorization"] == f"Bearer {TOKEN}"
            issue_id = (await request.json())["issue_id"]
            self.asked.append(issue_id)
            if self.down:
                return Response(status_code=503)
            known = self.contacts.get(issue_id)
            if known is None:
                return Response(status_code=410)
            return Response(httpx.Response(200, json=known).content, media_type="application/json")

        app.add_api_route("/internal/v1/contacts", contact, methods=["POST"])
        return app


@dataclass
class World:
    """Everything that a test moves or looks at."""

    stack: StackDatabase
    nats: NatsAddress
    app: App
    http: httpx.AsyncClient
    clock: ManualClock
    intake: Intake
    sms: sinks.SmsSink
    mail: sinks.MailSink
    folder: Path
    roles: dict[str, Database]

    def __post_init__(self) -> None:
        regions = Regions.load(self.app.settings.regions_file)
        self.table = handlers(Handlers(clock=self.clock, regions=regions, wake=self.app.sender.wake))

    def reporter(self, issue_id: str, *, phone: str | None = PHONE, email: str | None = None, language: str = "zh-CN") -> None:
        """Intake knows this reporter from now on."""
        link = f"https://huiyin.example/t/{issue_id}"
        self.intake.contacts[issue_id] = {"name": NAME, "phone": phone, "email": email, "language": language, "tracking_url": link}

    async def append(self, stream: str, *events: Event, region: str | None = VILLAGE, at: datetime | None = None) -> list[Recorded[Any]]:
        """Events in the log, each by its owner."""
        found: list[Recorded[Any]] = []
        for event in events:
            log = EventLog(f"/huiyin/{event.owner}")
            while True:
                try:
                    async with self.roles[event.owner].transaction() as session:
                        head = (await log.load(session, stream)).head
                        found += await log.append(
                            session,
                            stream,
                            [event],
                            after=head,
                            now=at or self.clock.instant,
                            region=region,
                            correlation_id=stream,
                            causation_id=None,
                        )
                    break
                except ConcurrentAppend:
                    continue
        return found

    async def hand(self, recorded: list[Recorded[Any]]) -> None:
        """Give events to notify's handlers, as its subscriber does."""
        for event in recorded:
            async with self.app.database.transaction() as session:
                await self.table[type(event.data)](session, event)

    async def happens(self, stream: str, *events: Event, region: str | None = VILLAGE, at: datetime | None = None) -> list[Recorded[Any]]:
        """Events in the log and in notify's queue."""
        recorded = await self.append(stream, *events, region=region, at=at)
        await self.hand(recorded)
        return recorded

    async def drain(self) -> None:
        """Send everything that is due now."""
        while await self.app.sender.send_due():
            pass

    async def tick(self, by: timedelta) -> None:
        """Let time pass, then send what is due."""
        self.clock.advance(by)
        await self.drain()

    async def history(self, stream: str) -> list[Recorded[Event]]:
        """The issue's stream."""
        async with self.roles["notify"].transaction() as session:
            return list((await EventLog("/huiyin/notify").load(session, stream)).events)

    async def told(self, stream: str) -> list[tuple[str, str, str | None]]:
        """What notify said in the log: kind, stage or reason, channel."""
        return [
            (event.kind, event.stage if isinstance(event, NoticeDelivered) else event.reason, event.channel)
            for event in (recorded.data for recorded in await self.history(stream))
            if isinstance(event, NoticeDelivered | NoticeFailed)
        ]

    async def receipt(self, body: bytes, *, secret: str = SECRET, provider: str = "sms", headers: dict[str, str] | None = None) -> int:
        """Post a receipt as a gateway does; the status of the answer."""
        signed = Signer(secret).headers(new_id(), body) if headers is None else headers
        return (await self.http.post(f"/api/notify/v1/receipts/{provider}", content=body, headers=signed)).status_code

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What came to the SMS gateway."""
        return list(self.sms.shelf.kept)

    @property
    def mails(self) -> list[dict[str, Any]]:
        """What came to the mail server."""
        return list(self.mail.shelf.kept)


@dataclass
class Builder:
    """Puts a world together; keyword arguments change notify's settings."""

    stack: StackDatabase
    nats: NatsAddress
    folder: Path
    exits: AsyncExitStack

    async def build(self, *, receipts: bool = True, take: Any = None, **values: Any) -> World:
        """Start everything. `receipts`: whether the gateway sends receipts; `take`: wraps the gateway's answer to a message."""
        intake = Intake()
        intake_url = await self.exits.enter_async_context(served(intake.app(), listener()))
        sms, mail = sinks.SmsSink(self.folder, Signer(SECRET)), sinks.MailSink(self.folder)
        if take is not None:
            sms.take = take(sms.take)
        smtp = listener()
        port = smtp.getsockname()[1]
        smtp.close()
        await self.exits.enter_async_context(sinks.smtp_server(mail, port))
        sms_url = await self.exits.enter_async_context(served(sinks.create_app(sms, mail), listener()))
        if receipts:
            stop = asyncio.Event()
            paying = asyncio.create_task(sms.pay(stop))

            async def end() -> None:
                stop.set()
                await paying

            self.exits.push_async_callback(end)
        own = listener()
        settings = Settings(
            **settings_values(
                **{
                    "database_url": self.stack.url("notify"),
                    "nats_url": self.nats.url("notify"),
                    "public_url": url_of(own),
                    "intake_url": intake_url,
                    "internal_token": SecretStr(TOKEN),
                    "sms_url": f"{sms_url}/messages",
                    "sms_secret": SECRET,
                    "smtp_url": f"smtp://127.0.0.1:{port}",
                    "notice_retry_delays": (60, 300),
                    "notice_timeout": timedelta(seconds=20),
                }
                | values
            )
        )
        clock = ManualClock(MONDAY)
        app = await self.exits.enter_async_context(bootstrap(settings, clock=clock))
        api = create_app(
            "notify",
            settings=settings,
            database=app.database,
            services=app,
            routers=[router, failed.router],
            pages=[failed_pages.router],
            operation=operation(app),
            verifier=verifier(),
        )
        url = await self.exits.enter_async_context(served(api, own))
        roles = {role: Database(self.stack.url(role), pool_size=2) for role in ("intake", "routing", "notify")}
        for database in roles.values():
            self.exits.push_async_callback(database.close)
        http = await self.exits.enter_async_context(http_client(base_url=url))
        return World(self.stack, self.nats, app, http, clock, intake, sms, mail, self.folder, roles)


@pytest.fixture
async def builder(stack_database: StackDatabase, nats: NatsAddress, tmp_path: Path) -> AsyncIterator[Builder]:
    """For tests that need other settings than `world` has."""
    async with AsyncExitStack() as exits:
        yield Builder(stack_database, nats, tmp_path, exits)


@pytest.fixture
async def world(builder: Builder) -> World:
    """notify with sinks and contacts; time stands until the test moves it."""
    return await builder.build()
