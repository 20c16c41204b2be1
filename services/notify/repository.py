"""notify's queries. All run inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, Select, bindparam, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from services.notify.domain.notice import REPORTER, Notice, notice_id
from services.notify.domain.state import Issue
from services.notify.tables import IssueRow, MessageRow, NoticeRow, OfficerRow, UnitRow
from shared.contracts.envelope import Recorded
from shared.contracts.event import Event
from shared.contracts.values import Officer, Unit
from shared.database import fetch, table_of, upsert
from shared.ids import new_id


def _next() -> "Select[tuple[NoticeRow]]":
    earlier = aliased(NoticeRow)
    now: BindParameter[datetime] = bindparam("now")
    most: BindParameter[int] = bindparam("most")
    held_up = exists().where(
        col(earlier.issue_id) == col(NoticeRow.issue_id),
        col(earlier.recipient) == col(NoticeRow.recipient),
        col(earlier.event_version) < col(NoticeRow.event_version),
        col(earlier.state) == "queued",
        (col(earlier.due_at) <= now) | col(earlier.claim).is_not(None),
    )
    return (
        select(NoticeRow)
        .where(col(NoticeRow.state) == "queued", col(NoticeRow.due_at) <= now, ~held_up)
        .order_by(col(NoticeRow.due_at), col(NoticeRow.event_version))
        .limit(most)
        .with_for_update(skip_locked=True)
    )


_NEXT = _next()
"""Made once: it is asked all the time, and making it costs as much as asking."""


async def issue(session: AsyncSession, issue_id: str) -> Issue | None:
    """What notify remembers of an issue."""
    return (await issues(session, [issue_id])).get(issue_id)


async def issues(session: AsyncSession, issue_ids: Sequence[str]) -> dict[str, Issue]:
    """What notify remembers of each of these issues, by id."""
    rows = await fetch(session, "SELECT issue_id, known FROM issues WHERE issue_id = ANY(%s)", (list(issue_ids),))
    return {issue_id: Issue.model_validate(known) for issue_id, known in rows}


async def save_issue(session: AsyncSession, known: Issue) -> None:
    """Keep what is remembered of an issue."""
    values = {"issue_id": known.issue_id, "region": known.region, "category": known.category, "known": known.model_dump(mode="json")}
    await upsert(session, table_of(IssueRow), [values])


async def queue(session: AsyncSession, recorded: Recorded[Event], notices: Sequence[Notice], *, issue: Issue | None, now: datetime) -> int:
    """Queue notices of one event, due at once. Returns how many were not queued before: whatever became of one since, it stays as it is."""
    rows = [
        {
            "notice_id": notice_id(recorded.id, notice),
            "issue_id": issue.issue_id if issue else None,
            "region": issue.region if issue else None,
            "event_id": recorded.id,
            "event_name": recorded.name,
            "event_version": recorded.version,
            "event_at": recorded.time,
            "kind": notice.kind,
            "recipient": notice.recipient,
            "facts": notice.facts.model_dump(mode="json", exclude_defaults=True),
            "state": "queued",
            "due_at": now,
            "stumbles": 0,
            "round": 0,
            "correlation_id": recorded.correlation_id,
            "traceparent": recorded.traceparent,
            "queued_at": now,
        }
        for notice in notices
    ]
    return await upsert(session, table_of(NoticeRow), rows, replace=False)


async def claim(session: AsyncSession, *, now: datetime, lease: timedelta, most: int) -> Sequence[NoticeRow]:
    """Claim the notices that have been due longest, at most `most`, until the end of the lease.

    An earlier notice to the same recipient about the same issue goes first, also while another worker has it, so that "assigned" does not
    overtake "received". One that waits for its next try holds up nobody.
    """
    rows = (await session.execute(_NEXT, {"now": now, "most": most})).scalars().all()
    identity = new_id()
    for row in rows:
        row.claim, row.due_at = identity, now + lease
    await session.flush()
    return rows


async def held(session: AsyncSession, claimed: Sequence[NoticeRow]) -> dict[str, NoticeRow]:
    """Those of some claimed notices whose claim still holds, by id; all are locked until the transaction ends."""
    claims = {notice.notice_id: notice.claim for notice in claimed}
    statement = select(NoticeRow).where(col(NoticeRow.notice_id).in_(list(claims))).order_by(col(NoticeRow.notice_id)).with_for_update()
    rows = (await session.execute(statement.execution_options(populate_existing=True))).scalars()
    return {row.notice_id: row for row in rows if row.state == "queued" and row.claim == claims[row.notice_id]}


async def locked(session: AsyncSession, notice: str) -> NoticeRow | None:
    """A notice, locked until the transaction ends."""
    statement = select(NoticeRow).where(col(NoticeRow.notice_id) == notice).with_for_update()
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def give_way(session: AsyncSession, notice: NoticeRow) -> bool:
    """Whether a later notice of the same issue waits or went to the reporter, so that this one says nothing new."""
    later = select(
        exists().where(
            col(NoticeRow.issue_id) == notice.issue_id,
            col(NoticeRow.recipient) == REPORTER,
            col(NoticeRow.event_version) > notice.event_version,
        )
    )
    return bool((await session.execute(later)).scalar_one())


async def message(session: AsyncSession, message_id: str) -> MessageRow | None:
    """A message as it stands."""
    return await session.get(MessageRow, message_id, populate_existing=True)


async def messages_of(session: AsyncSession, notices: Sequence[NoticeRow]) -> dict[str, list[MessageRow]]:
    """The messages of each notice's present round, by notice, in the order in which they were tried."""
    found = await _messages_by_notice(session, [notice.notice_id for notice in notices])
    return {
        notice.notice_id: [message for message in found.get(notice.notice_id, []) if message.round == notice.round] for notice in notices
    }


async def without_receipt(session: AsyncSession, *, accepted_before: datetime, limit: int = 100) -> Sequence[str]:
    """Ids of messages that the gateway accepted before that instant and never told of again."""
    statement = select(col(MessageRow.message_id)).where(
        col(MessageRow.state) == "accepted", col(MessageRow.awaits_receipt), col(MessageRow.accepted_at) < accepted_before
    )
    return (await session.execute(statement.order_by(col(MessageRow.accepted_at)).limit(limit))).scalars().all()


async def notices_of(session: AsyncSession, issue_id: str) -> Sequence[tuple[NoticeRow, Sequence[MessageRow]]]:
    """Every notice of an issue with all its messages, oldest first."""
    notices = (await session.execute(select(NoticeRow).where(col(NoticeRow.issue_id) == issue_id))).scalars().all()
    by_notice = await _messages_by_notice(session, [notice.notice_id for notice in notices])
    ordered = sorted(notices, key=lambda notice: (notice.event_version, notice.recipient != REPORTER, notice.recipient))
    return [(notice, by_notice.get(notice.notice_id, [])) for notice in ordered]


async def failed(
    session: AsyncSession,
    *,
    reason: str | None,
    channel: str | None,
    issue_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[tuple[NoticeRow, str | None, Sequence[MessageRow]]]:
    """Notices that failed for good, newest first, each with its issue's number and all its messages. `after` is the place of the last."""
    place = tuple_(col(NoticeRow.ended_at), col(NoticeRow.notice_id))
    query = (
        select(NoticeRow, col(IssueRow.known)["number"].astext)
        .outerjoin(IssueRow, col(IssueRow.issue_id) == col(NoticeRow.issue_id))
        .where(col(NoticeRow.state) == "failed")
        .order_by(col(NoticeRow.ended_at).desc(), col(NoticeRow.notice_id).desc())
        .limit(limit)
    )
    query = query if reason is None else query.where(col(NoticeRow.reason) == reason)
    query = query if issue_id is None else query.where(col(NoticeRow.issue_id) == issue_id)
    query = query if after is None else query.where(place < after)
    if channel is not None:
        ours = (col(MessageRow.notice_id) == col(NoticeRow.notice_id), col(MessageRow.channel) == channel)
        query = query.where(exists().where(*ours, col(MessageRow.state) == "failed"))
    found = (await session.execute(query)).all()
    messages = await _messages_by_notice(session, [notice.notice_id for notice, _ in found])
    return [(notice, number, messages.get(notice.notice_id, [])) for notice, number in found]


async def failed_by_reason(session: AsyncSession, since: datetime | None = None) -> dict[str, int]:
    """How many notices failed for good, by reason, the most frequent first; with `since` only those that did so later."""
    query = select(col(NoticeRow.reason), func.count()).where(col(NoticeRow.state) == "failed").group_by(col(NoticeRow.reason))
    query = query if since is None else query.where(col(NoticeRow.ended_at) > since)
    rows = (await session.execute(query.order_by(func.count().desc(), col(NoticeRow.reason)))).all()
    return {reason or "": count for reason, count in rows}


async def _messages_by_notice(session: AsyncSession, notices: Sequence[str]) -> dict[str, list[MessageRow]]:
    """All messages of these notices as they stand, in the order in which they were tried."""
    statement = select(MessageRow).where(col(MessageRow.notice_id).in_(notices))
    rows = (await session.execute(statement.execution_options(populate_existing=True))).scalars()
    found: dict[str, list[MessageRow]] = {}
    for row in sorted(rows, key=lambda row: row.first_tried_at):
        found.setdefault(row.notice_id, []).append(row)
    return found


async def forget_addresses(session: AsyncSession, issue_id: str) -> None:
    """Remove even the masked addresses of an issue's reporter."""
    reporters = select(col(NoticeRow.notice_id)).where(col(NoticeRow.issue_id) == issue_id, col(NoticeRow.recipient) == REPORTER)
    await session.execute(update(MessageRow).where(col(MessageRow.notice_id).in_(reporters)).values(masked=""))


async def queue_age(session: AsyncSession, now: datetime) -> timedelta:
    """For how long the oldest unsent notice has waited."""
    oldest = (await session.execute(select(func.min(col(NoticeRow.queued_at))).where(col(NoticeRow.state) == "queued"))).scalar_one()
    return now - oldest if oldest else timedelta(0)


async def queued(session: AsyncSession, now: datetime) -> tuple[int, timedelta]:
    """How many notices wait to be sent, and for how long the first of them has been due (not those that wait for a later try)."""
    rows = select(func.count(), func.min(col(NoticeRow.due_at))).where(col(NoticeRow.state) == "queued")
    count, due = (await session.execute(rows)).one()
    return count, max(now - due, timedelta(0)) if due else timedelta(0)


async def save_officers(session: AsyncSession, officers: Sequence[Officer]) -> None:
    """Add or replace staff members."""
    await upsert(
        session,
        table_of(OfficerRow),
        [officer.model_dump(mode="json", include={"officer_id", "role", "regions", "units", "email"}) for officer in officers],
    )


async def save_units(session: AsyncSession, units: Sequence[Unit]) -> None:
    """Add or replace names of units."""
    await upsert(session, table_of(UnitRow), [unit.model_dump(include={"unit_id", "zh", "en"}) for unit in units])


async def remove_from_directory(session: AsyncSession, removed: Sequence[str]) -> None:
    """Take out what a DirectoryChanged names as `officer:<officer_id>`; names of units stay, old notices speak of them."""
    officers = [name.removeprefix("officer:") for name in removed if name.startswith("officer:")]
    await session.execute(delete(OfficerRow).where(col(OfficerRow.officer_id).in_(officers)))


async def officers_by_id(session: AsyncSession, officer_ids: Sequence[str]) -> dict[str, OfficerRow]:
    """Those of these staff members who are in the directory, by id."""
    rows = (await session.execute(select(OfficerRow).where(col(OfficerRow.officer_id).in_(officer_ids)))).scalars()
    return {row.officer_id: row for row in rows}


async def officers_by_role(session: AsyncSession, role: str, region: str) -> Sequence[OfficerRow]:
    """Everybody of a role who is in charge of exactly this region."""
    statement = select(OfficerRow).where(col(OfficerRow.role) == role, col(OfficerRow.regions).contains([region]))
    return (await session.execute(statement.order_by(col(OfficerRow.officer_id)))).scalars().all()


async def unit_names(session: AsyncSession, unit_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Names (zh, en) of those units that the directory knows."""
    rows = (await session.execute(select(UnitRow).where(col(UnitRow.unit_id).in_(unit_ids)))).scalars().all()
    return {row.unit_id: (row.zh, row.en) for row in rows}
