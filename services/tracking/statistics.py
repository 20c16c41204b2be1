"""Figures from rows: stock from the ledger, flows and rates from the transitions. README.md defines each of them.

Flows count what was recorded in a period, under the dimensions it had then, so a past period's figures do not change afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ARRAY, ColumnElement, DateTime, Row, String, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import Scope, in_region, in_scope
from services.tracking.tables import LIVE

GroupBy = Literal["region", "category", "topic", "unit", "level", "priority", "channel", "month", "day"]

_DAY = 86_400
_T = LIVE.transitions.c
_L = LIVE.ledger.c
_CLOSED = (_T.event == "Closed") & (_T.reason != "withdrawn")


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
class Month:
    """The rates of one month, `2026-03`."""

    month: str
    response_rate: Rate
    resolution_rate: Rate
    satisfaction_rate: Rate
    on_time_rate: Rate


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
    chosen = conditions(_L, of, at=_L.raised_at, level=_L.level, unit=_L.handler_unit)
    query = select(*columns, func.count().label("n")).where(*chosen).group_by(*columns)
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
    query = (
        select(
            key.label("key"),
            _count(_T.event == "IssueRaised", "raised"),
            _count(_T.event == "Accepted", "accepted"),
            _count(_T.event == "Escalated", "escalated"),
            _count(_T.event == "Resolved", "resolved"),
            _count(_T.event == "Answered", "answered"),
            _count(_T.event == "Reopened", "reopened"),
            _count(_T.event == "Closed", "closed"),
            _count((_T.event == "Closed") & (_T.reason == "withdrawn"), "withdrawn"),
            *_rate_counts(),
            *_days(_T.resolved_after, _CLOSED, "resolve"),
            *_days(_T.since_raised, _CLOSED, "close"),
        )
        .where(*conditions(_T, of, at=_T.at, level=_T.to_level, unit=_T.unit))
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
        days_to_resolve=Days(_in_days(row.resolve_median), _in_days(row.resolve_p90), row.resolve_count),
        days_to_close=Days(_in_days(row.close_median), _in_days(row.close_p90), row.close_count),
        **_rates(row),
    )


NOTHING = Figures("", 0, 0, 0, 0, 0, 0, 0, 0, Rate(0, 0), Rate(0, 0), Rate(0, 0), Rate(0, 0), Days(None, None, 0), Days(None, None, 0))
"""Of a period in which nothing happened."""


async def trends(session: AsyncSession, of: Slice, months: Sequence[datetime]) -> list[Month]:
    """The rates month by month, oldest first; the last of `months` ends the last but one."""
    number = func.width_bucket(_T.at, literal(list(months), ARRAY(DateTime(timezone=True)))).label("number")
    period = replace(of, since=months[0], until=months[-1])
    query = (
        select(number, *_rate_counts())
        .where(*conditions(_T, period, at=_T.at, level=_T.to_level, unit=_T.unit), _T.event.in_(_RATED))
        .group_by(number)
    )
    found = {row.number: _rates(row) for row in (await session.execute(query)).all()}
    nothing = dict.fromkeys(("response_rate", "resolution_rate", "satisfaction_rate", "on_time_rate"), Rate(0, 0))
    return [Month(first.strftime("%Y-%m"), **found.get(n, nothing)) for n, first in enumerate(months[:-1], 1)]


_RATED = ("Answered", "VisitDue", "Closed", "Rated", "Resolved")
"""Events that decide a rate."""


def _rate_counts() -> tuple[Any, ...]:
    told, late, resolved = _T.event == "Answered", _T.event == "VisitDue", _T.event == "Resolved"
    return (
        _count(told & _T.on_time, "told_in_time"),
        _count((told | late) & _T.on_time.is_not(None), "told_decided"),
        _count(_CLOSED & (_T.outcome == "solved"), "closed_solved"),
        _count(_CLOSED, "closed_with_outcome"),
        _count((_T.event == "Rated") & _T.rating.in_(("satisfied", "fair")), "pleased"),
        _count(_T.event == "Rated", "rated"),
        _count(resolved & _T.on_time, "resolved_in_time"),
        _count(resolved & _T.on_time.is_not(None), "resolved_decided"),
    )


def _rates(row: Row[Any]) -> dict[str, Rate]:
    return {
        "response_rate": Rate(row.told_in_time, row.told_decided),
        "resolution_rate": Rate(row.closed_solved, row.closed_with_outcome),
        "satisfaction_rate": Rate(row.pleased, row.rated),
        "on_time_rate": Rate(row.resolved_in_time, row.resolved_decided),
    }


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
            return _T[below(of.region)]
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


def below(region: str | None) -> str:
    """The column of the regions directly inside one: of the counties where none is named, and of itself for a village."""
    if region is None:
        return "county"
    return "township" if region.endswith("000000") else "village"


def conditions(columns: Any, of: Slice, *, at: Any, level: Any, unit: Any) -> list[ColumnElement[bool]]:
    """What a slice means for the ledger or the transitions, by the columns that hold its period, level and unit."""
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
