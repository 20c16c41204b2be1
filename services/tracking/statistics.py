"""Figures from rows: stock from the ledger, flows and rates from the transitions. README.md defines each of them.

Flows count what was recorded in a period, under the dimensions it had then, so a past period's figures do not change afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, String, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import Scope, in_region, in_scope
from services.tracking.tables import LIVE

GroupBy = Literal["region", "category", "topic", "unit", "level", "priority", "channel", "month", "day"]

_DAY = 86_400
_T = LIVE.transitions.c
_L = LIVE.ledger.c


@dataclass(frozen=True, slots=True)
class Slice:
    """What is counted. `since` is included, `until` is not; None leaves a side open."""

    scope: Scope
    region: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    categories: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with what it is a share of; `rate` is None where nothing was decided."""

    numerator: int
    denominator: int

    @property
    def rate(self) -> float | None:
        """Between 0 and 1, to four digits."""
        return round(self.numerator / self.denominator, 4) if self.denominator else None


@dataclass(frozen=True, slots=True)
class Days:
    """Days of 24 hours, to two digits; None where nothing was closed."""

    median: float | None
    p90: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a period, under one key of the grouping."""

    key: str
    raised: int
    accepted: int
    escalated: int
    resolved: int
    answered: int
    reopened: int
    closed: int
    withdrawn: int
    response_rate: Rate
    resolution_rate: Rate
    satisfaction_rate: Rate
    on_time_rate: Rate
    days_to_resolve: Days
    days_to_close: Days


@dataclass(frozen=True, slots=True)
class Stock:
    """Issues raised in the period, as they stand now."""

    total: int
    by_state: Mapping[str, int]
    by_level: Mapping[str, int]
    by_state_and_level: Mapping[str, Mapping[str, int]]
    by_category: Mapping[str, int]
    by_topic: Mapping[str, int]
    by_unit: Mapping[str, int]

    @property
    def open(self) -> int:
        """How many are not closed."""
        return self.total - self.by_state.get("closed", 0)


async def stock(session: AsyncSession, of: Slice) -> Stock:
    """Where the issues stand that were raised in the period."""
    columns = (_L.state, _L.level, _L.category, _L.topic, _L.handler_unit)
    conditions = _conditions(_L, of, at=_L.raised_at, level=_L.level, unit=_L.handler_unit)
    query = select(*columns, func.count().label("n")).where(*conditions).group_by(*columns)
    rows = (await session.execute(query)).all()
    by_both: dict[str, dict[str, int]] = {}
    for row in rows:
        levels = by_both.setdefault(row.state, {})
        level = row.level or "none"
        levels[level] = levels.get(level, 0) + row.n
    return Stock(
        total=sum(row.n for row in rows),
        by_state=_summed(rows, "state"),
        by_level=_summed(rows, "level"),
        by_state_and_level=by_both,
        by_category=_summed(rows, "category"),
        by_topic=_summed(rows, "topic"),
        by_unit=_summed(rows, "handler_unit"),
    )


def _summed(rows: Sequence[Row[Any]], name: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in rows:
        key = getattr(row, name) or "none"
        sums[key] = sums.get(key, 0) + row.n
    return dict(sorted(sums.items()))


async def figures(session: AsyncSession, of: Slice, group_by: GroupBy | None = None) -> list[Figures]:
    """What happened in the period: one set of figures, or one a group, by key."""
    key = _key(of, group_by)
    closed = (_T.event == "Closed") & (_T.reason != "withdrawn")
    told, late = _T.event == "Answered", _T.event == "VisitDue"
    query = (
        select(
            key.label("key"),
            _count(_T.event == "IssueRaised", "raised"),
            _count(_T.event == "Accepted", "accepted"),
            _count(_T.event == "Escalated", "escalated"),
            _count(_T.event == "Resolved", "resolved"),
            _count(told, "answered"),
            _count(_T.event == "Reopened", "reopened"),
            _count(_T.event == "Closed", "closed"),
            _count((_T.event == "Closed") & (_T.reason == "withdrawn"), "withdrawn"),
            _count(told & _T.on_time, "told_in_time"),
            _count((told | late) & _T.on_time.is_not(None), "told_decided"),
            _count(closed & (_T.outcome == "solved"), "closed_solved"),
            _count(closed, "closed_with_outcome"),
            _count((_T.event == "Rated") & _T.rating.in_(("satisfied", "fair")), "pleased"),
            _count(_T.event == "Rated", "rated"),
            _count((_T.event == "Resolved") & _T.on_time, "resolved_in_time"),
            _count((_T.event == "Resolved") & _T.on_time.is_not(None), "resolved_decided"),
            *_days(_T.resolved_after, closed, "resolve"),
            *_days(_T.since_raised, closed, "close"),
        )
        .where(*_conditions(_T, of, at=_T.at, level=_T.to_level, unit=_T.unit))
        .group_by(key)
        .order_by(key)
    )
    rows = (await session.execute(query)).all()
    return [_figures(row) for row in rows]


def _figures(row: Row[Any]) -> Figures:
    return Figures(
        key=row.key,
        raised=row.raised,
        accepted=row.accepted,
        escalated=row.escalated,
        resolved=row.resolved,
        answered=row.answered,
        reopened=row.reopened,
        closed=row.closed,
        withdrawn=row.withdrawn,
        response_rate=Rate(row.told_in_time, row.told_decided),
        resolution_rate=Rate(row.closed_solved, row.closed_with_outcome),
        satisfaction_rate=Rate(row.pleased, row.rated),
        on_time_rate=Rate(row.resolved_in_time, row.resolved_decided),
        days_to_resolve=Days(_in_days(row.resolve_median), _in_days(row.resolve_p90), row.resolve_count),
        days_to_close=Days(_in_days(row.close_median), _in_days(row.close_p90), row.close_count),
    )


NOTHING = Figures("", 0, 0, 0, 0, 0, 0, 0, 0, Rate(0, 0), Rate(0, 0), Rate(0, 0), Rate(0, 0), Days(None, None, 0), Days(None, None, 0))
"""Of a period in which nothing happened."""


def _in_days(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / _DAY, 2)


def _count(condition: ColumnElement[bool], name: str) -> Any:
    return func.count().filter(condition).label(name)


def _days(seconds: Any, condition: ColumnElement[bool], name: str) -> tuple[Any, Any, Any]:
    there = condition & seconds.is_not(None)
    return (
        func.percentile_cont(0.5).within_group(seconds).filter(there).label(f"{name}_median"),
        func.percentile_cont(0.9).within_group(seconds).filter(there).label(f"{name}_p90"),
        func.count().filter(there).label(f"{name}_count"),
    )


def _key(of: Slice, group_by: GroupBy | None) -> ColumnElement[Any]:
    local = func.timezone("Asia/Shanghai", _T.at)
    match group_by:
        case None:
            return literal("", String)
        case "region":
            return _T[_below(of.region)]
        case "level":
            return func.coalesce(_T.to_level, "none")
        case "unit":
            return func.coalesce(_T.unit, "none")
        case "month":
            return func.to_char(local, "YYYY-MM")
        case "day":
            return func.to_char(local, "YYYY-MM-DD")
        case _:
            return cast(_T[group_by], String)


def _below(region: str | None) -> str:
    """The column of the regions directly inside one: of the counties where none is named, and of itself for a village."""
    if region is None:
        return "county"
    return "township" if region.endswith("000000") else "village"


def _conditions(columns: Any, of: Slice, *, at: Any, level: Any, unit: Any) -> list[ColumnElement[bool]]:
    conditions = [in_scope(columns, of.scope)]
    if of.region:
        conditions.append(in_region(columns, of.region))
    if of.since:
        conditions.append(at >= of.since)
    if of.until:
        conditions.append(at < of.until)
    for column, values in ((columns.category, of.categories), (columns.topic, of.topics), (level, of.levels), (unit, of.units)):
        if values:
            conditions.append(column.in_(values))
    return conditions
