"""Routing's API and handlers on a database of its own, with issues that intake raised."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from services.routing.bootstrap import App, assemble, bootstrap
from services.routing.entrypoints.api import make_api
from services.routing.handlers import IssueHandlers
from services.routing.settings import Settings
from shared.clock import ManualClock
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.security.principal import Principal, Role
from shared.security.tokens import sign
from tests.integration.routing.staff_support import settings_for
from tests.support.life import MONDAY, VILLAGE, directory, raised_on_the_web
from tests.support.servers import StackDatabase


@dataclass
class Office:
    """A routing service whose clock is moved by hand."""

    app: App
    client: httpx.AsyncClient
    clock: ManualClock
    issues: IssueHandlers
    intake: Database
    intake_log: EventLog

    async def raised(self, **changes: Any) -> str:
        """An issue, assigned unless `settle=False`."""
        settle = changes.pop("settle", True)
        issue_id = new_id()
        await self.fact(issue_id, raised_on_the_web(number=f"330182-20260302-{issue_id[-6:]}", tracking_digest=issue_id, **changes))
        if settle:
            await self.settle(issue_id)
        return issue_id

    async def fact(self, issue_id: str, event: Event) -> None:
        async with self.intake.transaction() as session:
            head = (await self.intake_log.load(session, issue_id)).head
            await self.intake_log.append(
                session, issue_id, [event], after=head, now=self.clock.instant, region=VILLAGE, correlation_id=new_id(), causation_id=None
            )

    async def settle(self, issue_id: str) -> None:
        async with self.app.database.transaction() as session:
            await self.issues.settle(session, await self.issues.load(session, issue_id))

    async def history(self, issue_id: str) -> tuple[Recorded[Event], ...]:
        async with self.app.database.transaction() as session:
            return (await self.app.log.load(session, issue_id)).events

    async def names(self, issue_id: str) -> list[str]:
        return [recorded.name for recorded in await self.history(issue_id)]

    def bearer(self, who: Principal) -> dict[str, str]:
        """The Authorization header of anybody, known or not."""
        key = self.app.staff.keys.newest()
        token = sign(who, key, issuer=self.app.settings.issuer, audience="huiyin", now=datetime.now(UTC))
        return {"Authorization": f"Bearer {token}"}

    def staff(self, officer_id: str) -> dict[str, str]:
        """The Authorization header of one of the demo's staff."""
        officer = directory().officers[officer_id]
        role: Role = officer.role  # pyright: ignore[reportAssignmentType]
        return self.bearer(Principal(officer.officer_id, officer.name, role, officer.regions, officer.units))

    async def give(self, issue_id: str, command: str, body: Any = None, *, by: dict[str, str], **headers: str) -> httpx.Response:
        path = f"/api/routing/v1/issues/{issue_id}/{command}"
        return await self.client.post(path, json=body or {}, headers={**by, **headers})

    async def audit(self, action: str) -> list[tuple[str, str]]:
        """Who and with what result, for every audit entry of an action."""
        async with self.app.database.transaction() as session:
            rows = await session.execute(text("SELECT who, result FROM audit WHERE action = :action ORDER BY at"), {"action": action})
            return [(who, result) for who, result in rows]


@asynccontextmanager
async def office(database: StackDatabase, folder: Path, now: datetime = MONDAY, **further: Any) -> AsyncIterator[Office]:
    """Seeded as the demo is, with `further` settings. Whose tokens the API itself signs needs the real `now`."""
    values = settings_for(database, folder).model_dump() | further
    async with bootstrap(Settings.model_validate(values)) as app:
        await app.seed()
        clock = ManualClock(now)
        moved = assemble(app.settings, app.database, app.log, clock)
        raising = Database(database.url("intake"))
        async with make_api(moved) as api:
            transport = httpx.ASGITransport(app=api, client=("198.51.100.7", 4000))
            async with httpx.AsyncClient(transport=transport, base_url="http://routing") as client:
                yield Office(moved, client, clock, moved.issues, raising, EventLog("/huiyin/intake"))
        await raising.close()
