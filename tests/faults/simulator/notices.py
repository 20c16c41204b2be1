"""Notify's queries on the simulated store. Mirrors services.notify.repository, function by function; rows are plain namespaces."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from services.notify.domain.notice import REPORTER, Notice, notice_id
from services.notify.domain.state import Issue
from shared.contracts.envelope import Recorded
from shared.contracts.event import Event
from tests.faults.simulator.store import Transaction
from tests.support.life import directory

Row = SimpleNamespace


def message_row(**values: Any) -> Row:
    """In place of `tables.MessageRow`: the same defaults."""
    defaults = {"state": "sending", "reason": None, "tries": 0, "awaits_receipt": False, "accepted_at": None, "ended_at": None}
    return Row(**{**defaults, **values})


class Notices:
    """In place of the module `services.notify.repository`."""

    def __init__(self, new_id: Any) -> None:
        self._new_id = new_id

    def _mine(self, session: Transaction, table: str, key: Any) -> Row | None:
        """A row that this transaction may change: a copy of its own, written when it commits."""
        if (table, key) in session.rows:
            return session.rows[table, key]
        found = session.get(table, key)
        if found is not None:
            found = Row(**vars(found))
            session.put(table, key, found)
        return found

    async def issue(self, session: Transaction, issue_id: str) -> Issue | None:
        """What notify remembers of an issue."""
        return session.get("known", issue_id)

    async def issues(self, session: Transaction, issue_ids: Sequence[str]) -> dict[str, Issue]:
        """What notify remembers of each of these issues."""
        return {issue_id: known for issue_id in issue_ids if (known := session.get("known", issue_id)) is not None}

    async def save_issue(self, session: Transaction, known: Issue) -> None:
        """Keep it."""
        session.put("known", known.issue_id, known)

    async def queue(
        self, session: Transaction, recorded: Recorded[Event], notices: Sequence[Notice], *, issue: Issue | None, now: datetime
    ) -> int:
        """Queue notices, unless they were queued before. Returns how many were not."""
        new = [notice for notice in notices if session.get("notices", notice_id(recorded.id, notice)) is None]
        for notice in new:
            row = _queued(recorded, notice, issue, now)
            session.put("notices", row.notice_id, row)
        return len(new)

    async def claim(self, session: Transaction, *, now: datetime, lease: timedelta, most: int) -> Sequence[Row]:
        """The notices that have been due longest; an earlier one to the same recipient goes first. Rows that are locked are skipped."""
        session.check()
        held = session._store.locks  # pyright: ignore[reportPrivateUsage]
        queued = [row for row in session.scan("notices").values() if row.state == "queued"]

        def held_up(row: Row) -> bool:
            return any(
                each.issue_id == row.issue_id
                and each.recipient == row.recipient
                and each.event_version < row.event_version
                and (each.due_at <= now or each.claim is not None)
                for each in queued
            )

        due = sorted((row for row in queued if row.due_at <= now), key=lambda row: (row.due_at, row.event_version, row.notice_id))
        free = [row for row in due if ("notice", row.notice_id) not in held and not held_up(row)][:most]
        claimed: list[Row] = []
        identity = self._new_id()
        for row in free:
            await session.lock(("notice", row.notice_id))
            mine = self._mine(session, "notices", row.notice_id)
            assert mine is not None
            mine.claim, mine.due_at = identity, now + lease
            claimed.append(mine)
        return claimed

    async def held(self, session: Transaction, claimed: Sequence[Row]) -> dict[str, Row]:
        """Those whose claim still holds, locked."""
        claims = {row.notice_id: row.claim for row in claimed}
        found: dict[str, Row] = {}
        for identity in sorted(claims):
            row = await self.locked(session, identity)
            if row is not None and row.claim == claims[identity] and row.state == "queued":
                found[identity] = row
        return found

    async def locked(self, session: Transaction, notice: str) -> Row | None:
        """A notice, locked."""
        await session.lock(("notice", notice))
        return self._mine(session, "notices", notice)

    async def give_way(self, session: Transaction, notice: Row) -> bool:
        """Whether a later notice of the same issue waits or went to the reporter."""
        return any(
            row.issue_id == notice.issue_id and row.recipient == REPORTER and row.event_version > notice.event_version
            for row in session.scan("notices").values()
        )

    async def message(self, session: Transaction, message_id: str) -> Row | None:
        """A message as it stands."""
        return self._mine(session, "messages", message_id)

    async def messages_of(self, session: Transaction, notices: Sequence[Row]) -> dict[str, list[Row]]:
        """The messages of each notice's present round, in the order in which they were tried."""
        rounds = {(notice.notice_id, notice.round): list[Row]() for notice in notices}
        for key, row in session.scan("messages").items():
            if (row.notice_id, row.round) in rounds and (mine := self._mine(session, "messages", key)) is not None:
                rounds[row.notice_id, row.round].append(mine)
        return {notice: sorted(rows, key=lambda row: row.first_tried_at) for (notice, _), rows in rounds.items()}

    async def without_receipt(self, session: Transaction, *, accepted_before: datetime, limit: int = 100) -> Sequence[str]:
        """Messages whose receipt is overdue."""
        late = [
            row
            for row in session.scan("messages").values()
            if row.state == "accepted" and row.awaits_receipt and row.accepted_at < accepted_before
        ]
        return [row.message_id for row in sorted(late, key=lambda row: row.accepted_at)][:limit]

    async def unit_names(self, session: Transaction, unit_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The texts are not rendered here."""
        return {}

    async def officers_by_id(self, session: Transaction, officer_ids: Sequence[str]) -> dict[str, Row]:
        """Those of these staff members whom there are."""
        there = [each for each in officer_ids if each in directory().officers]
        return {each: Row(officer_id=each, units=[], email=f"{each}@county.example") for each in there}

    async def officers_by_role(self, session: Transaction, role: str, region: str) -> Sequence[Row]:
        """Everybody of a role who is in charge of exactly this region."""
        found = [each for each in directory().officers.values() if each.role == role and region in each.regions]
        return [Row(officer_id=each.officer_id, units=[], email=f"{each.officer_id}@county.example") for each in found]


def _queued(recorded: Recorded[Event], notice: Notice, issue: Issue | None, now: datetime) -> Row:
    return Row(
        notice_id=notice_id(recorded.id, notice),
        issue_id=issue.issue_id if issue else None,
        region=issue.region if issue else None,
        event_id=recorded.id,
        event_name=recorded.name,
        event_version=recorded.version,
        event_at=recorded.time,
        kind=notice.kind,
        recipient=notice.recipient,
        facts=notice.facts.model_dump(mode="json", exclude_defaults=True),
        state="queued",
        reason=None,
        due_at=now,
        claim=None,
        stumbles=0,
        round=0,
        correlation_id=recorded.correlation_id,
        traceparent=recorded.traceparent,
        queued_at=now,
        ended_at=None,
    )
