"""Where issues stand, counted from the ledger; and what is counted at all. README.md defines each figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import COUNTED, LEDGER, Scope, in_region, in_scope


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
    """Where the issues stand that were raised in the period. Without a period the counts know it."""
    counted = of.since is of.until is None
    issues, n = (COUNTED, func.sum(COUNTED.n)) if counted else (LEDGER, func.count())
    columns = (issues.state, issues.level, issues.category, issues.topic, issues.handler_unit)
    chosen = conditions(issues, of, level=issues.level, unit=issues.handler_unit)
    chosen += [] if counted else within(LEDGER.raised_at, of)
    query = select(*columns, n.label("n")).where(*chosen).group_by(*columns).having(n != 0)
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


def below(region: str | None) -> str:
    """The column of the regions directly inside one: of the counties where none is named, and of itself for a village."""
    if region is None:
        return "county"
    return "township" if region.endswith("000000") else "village"


def conditions(columns: Any, of: Slice, *, level: Any, unit: Any) -> list[ColumnElement[bool]]:
    """What a slice means, but for its period, by the columns that hold its region, category and topic, and its level and unit."""
    conditions = [in_scope(columns, of.scope)]
    if of.region:
        conditions.append(in_region(columns, of.region))
    for column, values in ((columns.category, of.categories), (columns.topic, of.topics), (level, of.levels), (unit, of.units)):
        if values:
            conditions.append(column.in_(values))
    return conditions


def within(at: ColumnElement[datetime], of: Slice) -> list[ColumnElement[bool]]:
    """What a slice's period means for a column of instants."""
    return [*([at >= of.since] if of.since else ()), *([at < of.until] if of.until else ())]
