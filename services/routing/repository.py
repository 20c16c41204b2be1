"""Queries over routing's own rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Text, and_, any_, cast, delete, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.domain.commands import Actor
from services.routing.domain.state import Issue
from services.routing.snapshot import clocks_of
from services.routing.tables import IssueRow, SavedFilter
from shared.database import table_of, upsert
from shared.ids import new_id
from shared.regions import LADDER, at_level


async def save(session: AsyncSession, *issues: Issue) -> None:
    """Write the current-state rows, in the transaction of the events that made them."""
    await upsert(session, table_of(IssueRow), [row_of(issue) for issue in issues])


def row_of(issue: Issue) -> dict[str, object]:
    """The row of a routed issue."""
    role, region = _awaits(issue)
    policies = [deadline.policy_version for deadline in issue.running]
    return {
        "issue_id": issue.issue_id,
        "number": issue.number,
        "village": issue.village,
        "channel": issue.channel,
        "category": issue.category,
        "topic": issue.topic,
        "title": issue.title,
        "priority": issue.priority,
        "labels": list(issue.labels),
        "state": issue.state,
        "level": issue.level,
        "unit": issue.handler.unit if issue.handler else None,
        "officer_id": issue.handler.officer_id if issue.handler else None,
        "first_receiver": issue.first_receiver.officer_id if issue.first_receiver else None,
        "task_units": sorted({task.unit for task in issue.tasks.values()}),
        "awaits_role": role,
        "awaits_region": region,
        "due_at": issue.due_at,
        "next_at": issue.next_instant,
        "policy_version": max(policies, default=None),
        "clocks": clocks_of(issue).model_dump(mode="json", exclude_defaults=True),
        "correlation_id": issue.correlation_id,
        "version": issue.version,
        "stream_version": issue.stream_version,
        "raised_at": issue.raised_at,
    }


def _awaits(issue: Issue) -> tuple[str | None, str | None]:
    """Who has to decide: the dispatcher of the level above, at the top and after the third resolution the supervisor (domain.md, U)."""
    if issue.dissatisfied_again and issue.state == "visit_due":
        return "supervisor", at_level(issue.village, "county")
    if issue.state != "in_arbitration" and issue.extension is None:
        return None, None
    if issue.level is None or issue.level == LADDER[-1]:
        return "supervisor", at_level(issue.village, "county")
    return "dispatcher", at_level(issue.village, LADDER[LADDER.index(issue.level) + 1])


Part = Literal["handler", "task", "decision", "visit"]
"""Why an issue is on somebody's worklist: they or their unit have it, an invited unit's task, a decision, or a return visit."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What of a worklist is wanted; empty: everything.

    `text` stands in the number or title, or the issue is in one of the villages `places`; `region` is a prefix of the village's code.
    """

    text: str = ""
    places: tuple[str, ...] = ()
    region: str = ""
    topic: str = ""
    priority: str = ""
    part: Part | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """For the rows."""
        if self.text:
            texts = (col(column).icontains(self.text, autoescape=True) for column in (IssueRow.number, IssueRow.title))
            yield or_(*texts, col(IssueRow.village) == any_(cast(list(self.places), ARRAY(Text))))
        if self.region:
            yield col(IssueRow.village).startswith(self.region, autoescape=True)
        if self.topic:
            yield col(IssueRow.topic) == self.topic
        if self.priority:
            yield col(IssueRow.priority) == self.priority


def part_of(row: IssueRow, actor: Actor) -> Part:
    """Why a row of `actor`'s worklist is there; the first of these that is true."""
    if row.officer_id == actor.subject or row.unit in actor.units:
        return "handler"
    if set(row.task_units) & set(actor.units):
        return "task"
    return "decision" if row.awaits_role == actor.role and row.awaits_region in actor.regions else "visit"


async def worklist(session: AsyncSession, actor: Actor, narrowed: Narrowed) -> Sequence[IssueRow]:
    """The open issues that wait for `actor`: theirs or their unit's, visits they owe, tasks of their units, decisions they have to take."""
    units = cast(list(actor.units), ARRAY(Text))
    parts: dict[Part, ColumnElement[bool]] = {
        "handler": or_(col(IssueRow.officer_id) == actor.subject, col(IssueRow.unit) == any_(units)),
        "task": col(IssueRow.task_units).op("&&")(units),
        "decision": and_(
            col(IssueRow.awaits_role) == actor.role, col(IssueRow.awaits_region) == any_(cast(list(actor.regions), ARRAY(Text)))
        ),
        "visit": and_(col(IssueRow.first_receiver) == actor.subject, col(IssueRow.state) == "visit_due"),
    }
    mine = parts[narrowed.part] if narrowed.part else or_(*parts.values())
    open_ones = select(IssueRow).where(col(IssueRow.state) != "closed", mine, *narrowed.conditions())
    return (await session.execute(open_ones)).scalars().all()


async def unenforced(session: AsyncSession, now: datetime, grace: timedelta, *, limit: int = 1000) -> Sequence[str]:
    """Issues for which something should have happened by itself more than `grace` ago, longest first."""
    query = select(col(IssueRow.issue_id)).where(col(IssueRow.next_at) < now - grace).order_by(col(IssueRow.next_at)).limit(limit)
    return (await session.execute(query)).scalars().all()


async def lapsed(session: AsyncSession, now: datetime) -> tuple[int, timedelta]:
    """For how many issues something should have happened by itself already, and since when the longest of them waits."""
    count, first = (await session.execute(select(func.count(), func.min(col(IssueRow.next_at))).where(col(IssueRow.next_at) < now))).one()
    return count, now - first if first else timedelta(0)


async def waiting(session: AsyncSession) -> Sequence[str]:
    """The issues for which something will happen by itself, soonest first."""
    query = select(col(IssueRow.issue_id)).where(col(IssueRow.next_at).is_not(None)).order_by(col(IssueRow.next_at))
    return (await session.execute(query)).scalars().all()


async def open_counts(session: AsyncSession) -> Sequence[tuple[str, str, int]]:
    """How many issues are open, by level and state."""
    query = (
        select(func.coalesce(col(IssueRow.level), ""), col(IssueRow.state), func.count())
        .where(col(IssueRow.state) != "closed")
        .group_by(col(IssueRow.level), col(IssueRow.state))
    )
    return [(level, state, count) for level, state, count in (await session.execute(query)).all()]


async def find(session: AsyncSession, named: Sequence[str]) -> dict[str, str]:
    """The issue id behind each number or id that a person typed; what is unknown is left out."""
    given = cast(list(named), ARRAY(Text))
    query = select(col(IssueRow.issue_id), col(IssueRow.number)).where(
        or_(col(IssueRow.number) == any_(given), col(IssueRow.issue_id) == any_(given))
    )
    found = (await session.execute(query)).all()
    return {name: issue_id for issue_id, number in found for name in (issue_id, number) if name in named}


MOST_FILTERS = 20
"""Saved filters of one person: more than anybody tells apart."""


async def filters_of(session: AsyncSession, username: str) -> Sequence[SavedFilter]:
    """Somebody's saved filters, by name."""
    query = select(SavedFilter).where(col(SavedFilter.username) == username).order_by(col(SavedFilter.name))
    return (await session.execute(query)).scalars().all()


async def save_filter(session: AsyncSession, username: str, name: str, wanted: Mapping[str, str]) -> SavedFilter | None:
    """Save a filter of somebody's, in place of one of that name; None where they have as many as they may."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("saved_filters " + username, 0))))
    own = {row.name: row for row in await filters_of(session, username)}
    if name not in own and len(own) >= MOST_FILTERS:
        return None
    row = own.get(name) or SavedFilter(filter_id=new_id(), username=username, name=name, filter={})
    row.filter = dict(wanted)
    session.add(row)
    await session.flush()
    return row


async def remove_filter(session: AsyncSession, username: str, filter_id: str) -> bool:
    """Remove a filter of somebody's. Returns whether there was one."""
    own = (col(SavedFilter.username) == username, col(SavedFilter.filter_id) == filter_id)
    gone = await session.execute(delete(SavedFilter).where(*own).returning(col(SavedFilter.filter_id)))
    return gone.first() is not None
