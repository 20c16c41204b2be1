"""Queries of the ledger and the timeline. Who may see what comes in as a `Scope`; nothing is read beyond it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Row,
    Select,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.domain.words import STATES
from services.tracking.rates import CountedIn
from services.tracking.tables import LIVE, Topics, Units
from shared.database import table_of
from shared.regions import level_of

LEDGER = LIVE.ledger.c
_COUNTS = LIVE.ledger_counts.c
COUNTED = (
    select(
        *(_COUNTS[name] for name in ("county", "township", "village", "state", "category", "topic", "n")),
        func.nullif(_COUNTS.level, "").label("level"),
        func.nullif(_COUNTS.unit, "").label("handler_unit"),
    )
    .subquery("counted")
    .c
)
"""How many issues are alike, by columns named as the ledger's."""
_INSTANT = DateTime(timezone=True)
NEVER: ColumnElement[datetime] = literal_column("'infinity'::timestamptz", _INSTANT)
OWED: ColumnElement[datetime] = func.coalesce(func.least(LEDGER.overdue_since, LEDGER.due_at, type_=_INSTANT), NEVER)
"""The deadline that counts: one that was missed and is still owed, else the soonest running one. Lists are indexed by it."""
OPEN = tuple(state for state in STATES if state != "closed")
WAITING = ("suspended", "answered")
"""States whose deadline nobody can miss: a suspension ends by itself, and a rating is the reporter's to give."""
LATE = and_(func.now() > OWED, LEDGER.state.not_in(WAITING))
NOBODY = "none"
"""As unit or officer: where there is none."""

Standing = Literal["open", "late", "due"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may see: prefixes of region codes (`""` is everything), and those where conduct matters are included."""

    prefixes: tuple[str, ...]
    conduct: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed down to; an empty or None field narrows nothing."""

    region: str | None = None
    states: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    unit: str | None = None
    officer: str | None = None
    label: str | None = None
    search: str | None = None
    due_after: datetime | None = None
    due_before: datetime | None = None
    raised_after: datetime | None = None
    raised_before: datetime | None = None
    overdue: bool | None = None
    standing: Standing | None = None
    counted_in: CountedIn | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the issue with this sort value (None where nothing is due) and id."""

    value: datetime | None
    issue_id: str


def in_region(columns: Any, code: str) -> ColumnElement[bool]:
    """Rows of a region and what lies inside it, by the column that its level's index stands on."""
    inside: ColumnElement[bool] = columns[level_of(code)] == code
    return inside


def in_scope(columns: Any, scope: Scope) -> ColumnElement[bool]:
    """Rows that somebody may see. `columns` are of the ledger or the transitions."""
    everywhere, with_conduct = _within(columns, scope.prefixes), _within(columns, scope.conduct)
    if scope.prefixes == scope.conduct:
        return everywhere
    ordinary = and_(everywhere, columns.category != "conduct")
    return or_(ordinary, with_conduct) if scope.conduct else ordinary


def _within(columns: Any, prefixes: Sequence[str]) -> ColumnElement[bool]:
    if "" in prefixes:
        return true()
    return or_(false(), *(in_region(columns, prefix.ljust(12, "0")) for prefix in prefixes))


async def find(session: AsyncSession, issue_id: str) -> Row[Any] | None:
    """The ledger's row of an issue, whoever may see it."""
    return (await session.execute(select(LIVE.ledger).where(LEDGER.issue_id == issue_id))).one_or_none()


async def find_by_number(session: AsyncSession, number: str) -> str | None:
    """The id of the newest issue with that number: after a restored backup an old one may be given out again."""
    query = select(LEDGER.issue_id).where(LEDGER.number == number).order_by(LEDGER.raised_at.desc()).limit(1)
    return (await session.execute(query)).scalars().first()


async def find_by_digest(session: AsyncSession, digest: str) -> Row[Any] | None:
    """The ledger's row behind a tracking token's SHA-256."""
    return (await session.execute(select(LIVE.ledger).where(LEDGER.tracking_digest == digest))).one_or_none()


async def timeline(session: AsyncSession, issue_id: str) -> Sequence[Row[Any]]:
    """The events of an issue, oldest first."""
    columns = LIVE.timeline.c
    query = select(columns.version, columns.event, columns.at, columns.facts).where(columns.issue_id == issue_id)
    return (await session.execute(query.order_by(columns.version))).all()


async def page(
    session: AsyncSession, scope: Scope, filters: Filters, *, newest: bool = False, after: Place | None = None, limit: int = 50
) -> Sequence[Row[Any]]:
    """At most `limit` rows of the ledger: by `OWED`, what was missed longest ago first (what owes nothing comes last), or newest first."""
    query = select(LIVE.ledger).where(in_scope(LEDGER, scope), *_conditions(filters), *_counted_in(filters, scope)).limit(limit)
    if newest:
        if after:
            query = query.where(tuple_(LEDGER.raised_at, LEDGER.issue_id) < tuple_(literal(after.value, _INSTANT), literal(after.issue_id)))
        query = query.order_by(LEDGER.raised_at.desc(), LEDGER.issue_id.desc())
    else:
        if after:
            value = literal(after.value, _INSTANT) if after.value else NEVER
            query = query.where(tuple_(OWED, LEDGER.issue_id) > tuple_(value, literal(after.issue_id)))
        query = query.order_by(OWED, LEDGER.issue_id)
    return (await session.execute(query)).all()


_NOT_COUNTED = {
    "priorities": (),
    "officer": None,
    "label": None,
    "search": None,
    "due_after": None,
    "due_before": None,
    "raised_after": None,
    "raised_before": None,
    "overdue": None,
    "counted_in": None,
}
"""Filters by what the counts do not know, as they are where they narrow nothing."""


async def counts_by_state(session: AsyncSession, scope: Scope, filters: Filters) -> dict[str, int]:
    """How many issues each state has. The filter of states is left out of it, so that the other states show too."""
    filters = replace(filters, states=())
    if filters.standing in (None, "open") and all(getattr(filters, name) == empty for name, empty in _NOT_COUNTED.items()):
        of, n = COUNTED, func.sum(COUNTED.n)
    else:
        of, n = LEDGER, func.count()
    chosen = (in_scope(of, scope), *_conditions(filters, of), *_counted_in(filters, scope))
    query: Select[Any] = select(of.state, n.label("n")).where(*chosen).group_by(of.state)
    return {row.state: row.n for row in (await session.execute(query)).all() if row.n}


def _conditions(filters: Filters, of: Any = LEDGER) -> list[ColumnElement[bool]]:
    """What filters ask of rows; `of` are the ledger's columns, or the counts' where they know all that is asked for."""
    chosen: list[tuple[Any, tuple[str, ...]]] = [
        (of.state, filters.states),
        (of.level, filters.levels),
        (of.category, filters.categories),
        (of.topic, filters.topics),
    ]
    conditions: list[ColumnElement[bool]] = [column.in_(values) for column, values in chosen if values]
    if filters.priorities:
        conditions.append(LEDGER.priority.in_(filters.priorities))
    if filters.region:
        conditions.append(in_region(of, filters.region))
    if filters.unit:
        conditions.append(of.handler_unit.is_(None) if filters.unit == NOBODY else of.handler_unit == filters.unit)
    if filters.officer:
        conditions.append(LEDGER.handler_officer.is_(None) if filters.officer == NOBODY else LEDGER.handler_officer == filters.officer)
    if filters.label:
        conditions.append(LEDGER.labels.contains([filters.label]))
    if filters.search:
        found = LEDGER.title.icontains(filters.search, autoescape=True)
        conditions.append(or_(LEDGER.number.startswith(filters.search, autoescape=True), found))
    if filters.due_before:  # the second follows from the first, and is what the index knows
        conditions += [LEDGER.due_at < filters.due_before, literal(filters.due_before, _INSTANT) > OWED]
    for column, since in ((LEDGER.due_at, filters.due_after), (LEDGER.raised_at, filters.raised_after)):
        if since:
            conditions.append(column >= since)
    if filters.raised_before:
        conditions.append(LEDGER.raised_at < filters.raised_before)
    if filters.overdue is not None:
        conditions.append(LATE if filters.overdue else ~LATE)
    match filters.standing:
        case "open":
            conditions.append(of.state.in_(OPEN))
        case "late":
            conditions.append(LATE)
        case "due":
            conditions += [func.now() <= OWED, NEVER > OWED, LEDGER.state.not_in(WAITING)]
        case None:
            pass
    return conditions


def _counted_in(filters: Filters, scope: Scope) -> Iterator[ColumnElement[bool]]:
    """Issues with a transition that the rate counts. An issue counts where it is: its region never changes."""
    if filters.counted_in:
        of = LIVE.transitions.c
        where = in_region(of, filters.region) if filters.region else in_scope(of, scope)
        yield LEDGER.issue_id.in_(select(of.issue_id).where(where, *filters.counted_in.conditions(of)))


def owed_at(row: Row[Any]) -> datetime | None:
    """`OWED` of a row; None where nothing is."""
    return min((at for at in (row.overdue_since, row.due_at) if at), default=None)


async def supervised(session: AsyncSession, issue_ids: Sequence[str]) -> dict[str, list[str]]:
    """How far the supervision of these issues has gone since they came to whoever has them now: `urge`, `notice`, `criticism`."""
    of, steps = LIVE.transitions.c, dict[str, list[str]]()
    query = (
        select(of.issue_id, of.event, of.reason)
        .where(of.issue_id.in_(issue_ids), of.event.in_(("Supervised", "Escalated", "Reopened")))
        .order_by(of.issue_id, of.version)
    )
    for row in (await session.execute(query)).all() if issue_ids else ():
        taken = steps.setdefault(row.issue_id, [])
        if row.event != "Supervised":
            taken.clear()
        elif row.reason not in taken:
            taken.append(row.reason)
    return steps


@dataclass(frozen=True, slots=True)
class Called:
    """Names of the directory in both languages, by id. What it does not know is called by its id."""

    units: Mapping[str, tuple[str, str]]
    topics: Mapping[str, tuple[str, str]]


async def names(session: AsyncSession, units: Sequence[str]) -> Called:
    """The names of these units and of every topic."""
    unit, topic = table_of(Units).c, table_of(Topics).c
    found_units = (await session.execute(select(unit.unit_id, unit.zh, unit.en).where(unit.unit_id.in_(units)))).all() if units else ()
    found_topics = (await session.execute(select(topic.code, topic.zh, topic.en))).all()
    return Called({row.unit_id: (row.zh, row.en) for row in found_units}, {row.code: (row.zh, row.en) for row in found_topics})
