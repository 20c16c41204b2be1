"""Routing, intake and tracking over one log, with one clock that is moved by hand: what the life of an issue needs, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from services.intake.__main__ import application
from services.intake.bootstrap import bootstrap
from services.intake.settings import Settings
from services.routing.domain.evolve import replay
from services.routing.domain.state import Issue
from services.tracking.bootstrap import reading
from services.tracking.entrypoints.api import ROUTERS
from services.tracking.settings import Settings as TrackingSettings
from shared.contracts.notify import NoticeDelivered
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.outgoing import http_client
from shared.receipts import Receipts
from shared.security.trusted import token_verifier
from shared.web.app import create_app
from tests.integration.hostile.county import UNTHROTTLED, key
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.staff_support import settings_for
from tests.integration.tracking.conftest import World
from tests.support.life import COUNTY, PHOTO
from tests.support.platform import settings
from tests.support.raising import issue_body
from tests.support.servers import StackDatabase


@dataclass
class Desk:
    """Where everybody comes: staff, reporters, notices and the clock."""

    office: Office
    intake: httpx.AsyncClient
    tracking: httpx.AsyncClient
    world: World
    notify: Database
    receipts: Receipts

    async def raised(self) -> tuple[str, str]:
        """An issue that a citizen raised and routing assigned: its id and tracking token."""
        answer = await self.intake.post("/api/intake/v1/issues", json=issue_body(), headers=key())
        assert answer.status_code == 201, answer.text
        issue_id, url = answer.json()["issue_id"], answer.json()["tracking_url"]
        await self.office.settle(issue_id)
        return issue_id, url.rpartition("/")[2]

    async def issue(self, issue_id: str) -> Issue:
        """The issue as its stream tells; for making commands that fit, not for judging answers."""
        issue = replay(await self.office.history(issue_id))
        assert issue is not None
        return issue

    async def shown(self, issue_id: str) -> httpx.Response:
        """What tracking shows the supervisor, once it has seen everything."""
        await self.world.publish()
        await self.world.sees(limit=10_000)
        return await self.tracking.get(f"/api/tracking/v1/issues/{issue_id}", headers=self.office.staff(f"supervisor-{COUNTY}"))

    async def say(self, token: str, row: str) -> httpx.Response:
        """The reporter's word."""
        asks: dict[str, tuple[str, dict[str, Any]]] = {
            "satisfied": ("rating", {"rating": "satisfied"}),
            "dissatisfied": ("rating", {"rating": "dissatisfied", "comment": "仍然不亮"}),
            "reopening": ("reopening", {"reason": "又坏了"}),
            "withdrawal": ("withdrawal", {"reason": "不需要了"}),
        }
        ask, body = asks[row]
        return await self.intake.post(f"/api/intake/v1/public/{token}/{ask}", json=body)

    async def delivered(self, issue_id: str) -> None:
        """The notice of the present resolution reaches the reporter; of none, where there is none."""
        event_id = (await self.issue(issue_id)).resolved_by_event or new_id()
        notice = NoticeDelivered(notice_id=new_id(), kind="resolved", channel="sms", stage="delivered", event_id=event_id, event_version=1)
        log = EventLog("/huiyin/notify")
        async with self.notify.transaction() as session:
            head = (await log.load(session, issue_id)).head
            now = self.office.clock.instant
            await log.append(
                session, issue_id, [notice], after=head, now=now, region=head.region, correlation_id=issue_id, causation_id=None
            )
        await self.office.settle(issue_id)

    async def wait(self, issue_id: str, hours: int) -> list[str]:
        """Let time pass; what is due takes effect, as the timer would have it. Returns the names of what happened."""
        before = len(await self.office.names(issue_id))
        self.office.clock.advance(timedelta(hours=hours))
        await self.office.settle(issue_id)
        return (await self.office.names(issue_id))[before:]

    def photo(self) -> str:
        """A receipt of intake's, good now."""
        return self.receipts.issue(PHOTO, now=datetime.now(UTC))


@asynccontextmanager
async def desk(database: StackDatabase, folder: Path) -> AsyncIterator[Desk]:
    """As the services are put together, but for the clock."""
    async with AsyncExitStack() as exits:
        enter = exits.enter_async_context
        place = await enter(office(database, folder))
        common = settings_for(database, folder).model_dump() | UNTHROTTLED
        verifier = token_verifier(settings(), await enter(http_client()), own_keys=place.app.staff.keys)
        own = {"database_url": database.url("intake"), "attachments_dir": folder / "attachments", "checkpoints": folder / "checkpoints"}
        intake = await enter(bootstrap(Settings.model_validate(common | own), clock=place.clock))
        world = World(database)
        exits.push_async_callback(world.close)
        shows = TrackingSettings.model_validate(common | {"database_url": database.url("tracking")})
        tracking = create_app(
            "tracking",
            settings=shows,
            database=world.tracking,
            services=reading(shows, world.tracking),
            routers=ROUTERS,
            verifier=verifier,
        )
        notify = Database(database.url("notify"), pool_size=1)
        exits.push_async_callback(notify.close)
        clients = [
            await enter(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test"))
            for app in (application(intake, verifier=verifier), tracking)
        ]
        yield Desk(place, clients[0], clients[1], world, notify, Receipts.of(folder))
