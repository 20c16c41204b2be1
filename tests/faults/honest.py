"""A small honest system for tests of the checker: two issues from raising to closing, with everything that they leave behind.

The events are what the pure domain decides (`tests/support/life.py`), written to a real log under the services' own roles; tracking and
notify take them as their subscribers do. What the gateway and the sender would have written is put beside them: audit entries, messages,
the sink's file, the client's record.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from opentelemetry.context import attach, detach
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.entrypoints.subscriber import handlers as notify_handlers
from services.notify.handlers import Handlers
from services.routing import repository
from services.routing.domain.evolve import replay
from services.tracking.entrypoints.subscriber import handlers as tracking_handlers
from services.tracking.projections import Projector
from shared import audit
from shared.clock import PostgresClock
from shared.contracts import Event, notify
from shared.contracts.envelope import Recorded, parse
from shared.database import Database
from shared.ids import new_id
from shared.messaging.effects import Effects
from shared.messaging.inbox import Inbox
from shared.regions import Regions
from shared.telemetry import context_from
from shared.web.call import Call, begin
from tests.faults.checker.requests import EVENT_OF
from tests.faults.record import Entry
from tests.integration.eventlog.harness import acting_as
from tests.support.events import sealed
from tests.support.life import DEMO, Life
from tests.support.servers import StackDatabase

NAME, PHONE, NARRATIVE = "欧阳金丝雀", "13712345678", "住在金丝雀巷七号。"
"""Canaries: nothing but the client's own record holds them."""

_NOTICES = UUID("6f0d7c58-52f2-5d0e-9a3a-0c6f5b1f2a11")
_COMMAND_OF = {name: command for command, name in EVENT_OF.items() if command != "roll-back"}
_SECOND = timedelta(seconds=1)


def closed_life(serial: int) -> Life:
    """Accepted, resolved, told of, rated."""
    life = Life().raised(number=f"330182-20260302-{serial:06d}", tracking_digest=f"{serial:064x}")
    _later(life).ok("accept")
    _later(life).ok("resolve")
    resolved = life.history[-1]
    for stage in ("accepted", "delivered"):
        notice = _notice_of(resolved.id)
        told = {"notice_id": notice, "kind": "resolved", "channel": "sms", "stage": stage, "event_id": resolved.id, "event_version": 4}
        _later(life).fact(notify.NoticeDelivered.model_validate(told))
    return _later(life).rated("satisfied")


def climbed_life(serial: int) -> Life:
    """Missed at the village, accepted and resolved at the township, rated before it was told of."""
    life = Life().raised(number=f"330182-20260302-{serial:06d}", tracking_digest=f"{serial:064x}")
    life.pass_time(working_days=1.5)
    _later(life).ok("accept")
    _later(life).ok("resolve")
    return _later(life).rated("satisfied")


def _later(life: Life) -> Life:
    return life.until(life.now + _SECOND)


def _notice_of(event: str) -> str:
    return str(uuid5(_NOTICES, f"{event}/reporter/resolved"))


@asynccontextmanager
async def system(database: StackDatabase, data: Path) -> AsyncIterator["System"]:
    """An empty system on a database of its own."""
    async with AsyncExitStack() as stack:
        names = ("intake", "routing", "tracking", "notify", "relay")
        roles = {name: await stack.enter_async_context(acting_as(database, name, pool_size=1)) for name in names}
        yield System(roles, data)


@dataclass
class System:
    """A database with what was appended to it, the client's record, and a data folder.

    Args:
        roles: connections as each role.
        data: holds the sink's file.
    """

    roles: Mapping[str, Database]
    data: Path
    entries: list[Entry] = field(default_factory=list[Entry])

    async def live(self, life: Life) -> str:
        """Append a whole life, append by append; all consumers take it, the relay publishes it, its notices are sent. Returns the issue."""
        issue_id = new_id()
        prev: str | None = None
        bodies: list[bytes] = []
        for (owner, _), append in groupby(life.history, key=lambda event: (event.data.owner, event.time)):
            steps = list(append)
            entry = self._entry(issue_id, steps[-1] if owner == "intake" else _commanded(steps))
            trace = entry.fields["trace_id"] if entry else None
            written: list[str] = []
            for event in steps:
                body, prev = sealed(event, issue_id, prev, traceparent=f"00-{trace}-{'1' * 16}-01" if trace else None)
                bodies.append(body)
                written.append(body.decode())
            await self._append(owner, issue_id, steps[0].version - 1, written, entry)
        await self._consume(issue_id, bodies)
        await self._publish()
        return issue_id

    async def _append(self, role: str, issue_id: str, after: int, bodies: Sequence[str], entry: Entry | None) -> None:
        begin(Call("POST", "192.0.2.7"))
        token = attach(context_from(f"00-{entry.fields['trace_id']}-{'1' * 16}-01" if entry else None))
        try:
            async with self.roles[role].transaction() as session:
                prev = parse(bodies[0]).prev_hash
                connection: Any = (await (await session.connection()).get_raw_connection()).driver_connection
                await connection.execute("SELECT log.append(%s, 'issue', %s, %s, %b::text[])", (issue_id, after, prev, list(bodies)))
                if role == "routing":
                    await self._save(session, connection, issue_id)
                if entry is not None:
                    assert entry.status is not None
                    await audit.record(session, audit.Entry(action=entry.command, status=entry.status, who=entry.actor, issue_id=issue_id))
        finally:
            detach(token)

    @staticmethod
    async def _save(session: AsyncSession, connection: Any, issue_id: str) -> None:
        rows = await connection.execute("SELECT body FROM log.events WHERE stream = %s ORDER BY version", (issue_id,))
        issue = replay([parse(body) for (body,) in await rows.fetchall()])
        assert issue is not None
        await repository.save(session, issue)

    async def _consume(self, issue_id: str, bodies: Sequence[bytes]) -> None:
        async def nobody() -> None:
            """No sender waits."""

        notices = Handlers(clock=PostgresClock(), regions=Regions.load(DEMO / "regions.csv"), wake=nobody)
        tables: Mapping[str, Mapping[type[Event], Any]] = {"tracking": tracking_handlers(Projector()), "notify": notify_handlers(notices)}
        for service, handlers in tables.items():
            effects = Effects(service, handlers)
            async with self.roles[service].transaction() as session:
                inbox = Inbox(session, service)
                await inbox.lock([issue_id])
                for body in bodies:
                    await effects.apply(session, inbox, parse(body), body)
                await inbox.save()

    async def _publish(self) -> None:
        async with self.roles["relay"].transaction() as session:
            await session.execute(text("SELECT log.move(array(SELECT id FROM log.outbox ORDER BY position))"))
        async with self.roles["notify"].transaction() as session:
            sent = await session.execute(text(_SEND))
            (self.data / "sinks").mkdir(exist_ok=True)
            with (self.data / "sinks" / "sms.jsonl").open("a", encoding="utf-8") as file:
                for notice in [row.notice_id for row in sent if row.recipient == "reporter"]:
                    message = str(uuid5(_NOTICES, f"{notice}/sms/0"))
                    await session.execute(text(_MESSAGE), {"message": message, "notice": notice})
                    file.write(json.dumps({"message_id": message, "to": PHONE, "text": NAME, "status": 202}) + "\n")

    def _entry(self, issue_id: str, event: Recorded[Event] | None) -> Entry | None:
        """What the client wrote down about the command that led to `event`; None for what nobody commanded."""
        command = _COMMAND_OF.get(event.name) if event is not None else None
        if event is None or command is None:
            return None
        of_reporter = event.data.owner == "intake"
        path = f"/api/intake/v1/{command}" if of_reporter else f"/api/routing/v1/issues/{issue_id}/{command}"
        number = getattr(event.data, "number", None)
        entry = Entry(
            key=new_id(),
            actor="reporter" if of_reporter else str(getattr(event.data, "by", "")),
            command=command,
            issue_id=issue_id,
            asked_at=event.time,
            answered_at=event.time,
            status=201 if number else 200,
            body={"issue_id": issue_id, "number": number},
            fields={"path": path, "trace_id": UUID(new_id()).hex, "request": _said(command)},
        )
        self.entries.append(entry)
        return entry


_SEND = (
    "UPDATE notify.notices SET state = CASE recipient WHEN 'reporter' THEN 'delivered' ELSE 'skipped' END WHERE state = 'queued'"
    " RETURNING notice_id, recipient"
)
_MESSAGE = (
    "INSERT INTO notify.messages (message_id, notice_id, channel, round, masked, state, tries, awaits_receipt, first_tried_at)"
    " VALUES (:message, :notice, 'sms', 0, '137****5678', 'delivered', 1, false, clock_timestamp())"
)


def _said(command: str) -> Mapping[str, Any]:
    return {"narrative": NARRATIVE, "reporter": {"name": NAME, "phone": PHONE}} if command == "raise" else {}


def _commanded(steps: Sequence[Recorded[Event]]) -> Recorded[Event] | None:
    """The event of an append of routing's that answers somebody's command."""
    return next((event for event in reversed(steps) if getattr(event.data, "by", None) is not None), None)
