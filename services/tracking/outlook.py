"""What is late, what will be, and how old what is open is: one pass over the ledger's open rows.

Days and ages are handed in as instants and given back with the numbers, so that whoever shows a number can also show its issues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from sqlalchemy import ARRAY, DateTime, Row, case, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import LEDGER, NEVER, NOBODY, OPEN, OWED, WAITING
from services.tracking.statistics import Slice, below, conditions, within

Dimension = Literal["region", "level", "topic", "unit", "officer"]

_INSTANTS = ARRAY(DateTime(timezone=True))
_COLUMNS = ("day", "age", "region", "level", "topic", "unit", "officer", "post")
_GROUPINGS: Mapping[str, tuple[str, ...]] = {
    "whole": (),
    "day": ("day",),
    "age": ("age",),
    "region": ("region",),
    "level": ("level",),
    "topic": ("topic",),
    "unit": ("unit",),
    "officer": ("officer", "unit", "post"),
}
"""What each answer is grouped by. An officer counts once a unit, by post."""


@dataclass(frozen=True, slots=True)
class Held:
    """How many issues are open, late, and due within the days that were asked for; `unaccepted` of those nobody has accepted yet.

    A promise is watched after closing: a broken one makes an issue late that is not open.
    """

    open: int
    late: int
    due: int
    unaccepted: int


_NONE = Held(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Span:
    """What falls between two instants; None leaves a side open."""

    after: datetime | None
    before: datetime | None
    held: Held


@dataclass(frozen=True, slots=True)
class Holder:
    """What one region, level, topic, unit or officer holds; `none` where there is none. `unit` and `post` are an officer's."""

    key: str
    unit: str | None
    post: str | None
    held: Held


@dataclass(frozen=True, slots=True)
class Outlook:
    """`days`: the soonest first. `ages`: the youngest first. `groups`: the worst first."""

    whole: Held
    days: Sequence[Span]
    ages: Sequence[Span]
    groups: Mapping[Dimension, Sequence[Holder]]


async def outlook(
    session: AsyncSession, of: Slice, *, days: Sequence[datetime], ages: Sequence[datetime], group_by: Sequence[Dimension]
) -> Outlook:
    """Where the open issues stand.

    Args:
        session: reads in it.
        of: which issues; its period is that of raising.
        days: instants between which deadlines are counted, the first of them now: what is owed before it is late.
        ages: instants between which raisings are counted, ascending.
        group_by: for whom it is told apart.
    """
    wanted = ("whole", "day", "age", *dict.fromkeys(group_by))
    named = [name for name in _COLUMNS if any(name in _GROUPINGS[grouping] for grouping in wanted)]
    rows = _rows(of, days, ages)
    on = rows.c.day
    query = select(
        func.grouping(*(rows.c[name] for name in named)).label("left_out"),
        *(rows.c[name] for name in named),
        func.count().filter(rows.c.state.in_(OPEN)).label("open"),
        func.count().filter(on == 0).label("late"),
        func.count().filter(on.between(1, len(days) - 1)).label("due"),
        func.count().filter(on.between(1, len(days) - 1), rows.c.state == "assigned").label("unaccepted"),
    ).group_by(func.grouping_sets(*(tuple_(*(rows.c[column] for column in _GROUPINGS[name])) for name in wanted)))
    found: dict[int, list[Row[Any]]] = {}
    for row in (await session.execute(query)).all():
        found.setdefault(row.left_out, []).append(row)
    by = {grouping: found.get(_left_out(grouping, named), []) for grouping in wanted}
    by_day, by_age = ({getattr(row, name): _held(row) for row in by[name]} for name in ("day", "age"))
    (whole,) = by["whole"]
    oldest_first = [Span(*ends, by_age.get(n, _NONE)) for n, ends in enumerate(zip((None, *ages), (*ages, None), strict=True))]
    return Outlook(
        whole=_held(whole),
        days=[Span(*ends, by_day.get(n, _NONE)) for n, ends in enumerate(pairwise(days), 1)],
        ages=oldest_first[::-1],
        groups={name: _holders(by[name], name) for name in group_by},
    )


def _rows(of: Slice, days: Sequence[datetime], ages: Sequence[datetime]) -> Any:
    """One narrow row an issue that is open or owes something."""
    day = func.width_bucket(OWED, literal(list(days), _INSTANTS))
    return (
        select(
            LEDGER.state,
            case((LEDGER.state.in_(WAITING), None), else_=day).label("day"),
            func.width_bucket(LEDGER.raised_at, literal(list(ages), _INSTANTS)).label("age"),
            LEDGER[below(of.region)].label("region"),
            LEDGER.level,
            LEDGER.topic,
            LEDGER.handler_unit.label("unit"),
            LEDGER.handler_officer.label("officer"),
            LEDGER.handler_name.label("post"),
        )
        .where(
            *conditions(LEDGER, of, level=LEDGER.level, unit=LEDGER.handler_unit),
            *within(LEDGER.raised_at, of),
            or_(LEDGER.state.in_(OPEN), NEVER > OWED),
        )
        .subquery("held")
    )


def _left_out(grouping: str, named: Sequence[str]) -> int:
    """What Postgres' `grouping` says of a grouping set: a bit for each column that it leaves out, the first of them the highest."""
    return int("".join("0" if name in _GROUPINGS[grouping] else "1" for name in named), 2)


def _held(row: Row[Any]) -> Held:
    return Held(row.open, row.late, row.due, row.unaccepted)


def _holders(rows: Sequence[Row[Any]], name: Dimension) -> list[Holder]:
    officer = name == "officer"
    holders = [
        Holder(getattr(row, name) or NOBODY, row.unit if officer else None, row.post if officer else None, _held(row))
        for row in rows
        if row.open or row.late or row.due
    ]
    return sorted(holders, key=lambda one: (-one.held.late, -one.held.due, -one.held.open, one.key, one.unit or ""))
