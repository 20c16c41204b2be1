"""What happened, counted from the transitions: figures and rates of a period. README.md defines each of them.

Flows count what was recorded in a period, under the dimensions it had then, so a past period's figures do not change afterwards.
Whole months of counties and townships are read from the counts: a year of transitions is too much for a page.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any, Literal

from sqlalchemy import ARRAY, ColumnElement, Float, Row, String, case, cast, false, func, literal, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.domain.words import SHANGHAI
from services.tracking.statistics import Slice, below, conditions, within
from services.tracking.tables import LIVE
from shared.regions import level_of

GroupBy = Literal["region", "category", "topic", "unit", "level", "priority", "channel", "month", "day"]

_DAY = 86_400
_SHARES: ColumnElement[Any] = literal([0.5, 0.9], ARRAY(Float()))
"""Median and 90th percentile."""
_T = LIVE.transitions.c
_IS_CLOSED = _T.event == literal_column("'Closed'")
"""Spelled out, as the indexes of closings do."""
_C = LIVE.transition_counts.c
_COUNTED = (
    select(
        *(_C[name] for name in ("county", "township", "month", "event", "category", "topic", "n")),
        *(func.nullif(_C[name], "").label(name) for name in ("unit", "to_level", "outcome", "rating", "reason")),
        case((_C.on_time == "kept", true()), (_C.on_time == "missed", false())).label("on_time"),
    )
    .subquery("counted")
    .c
)
"""How many transitions of a month are alike, by columns named as theirs."""


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
class Flows:
    """What happened in a period: all of it, and by key of the grouping."""

    whole: Figures
    groups: list[Figures]


@dataclass(frozen=True, slots=True)
class Month:
    """The rates of one month, `2026-03`."""

    month: str
    response_rate: Rate
    resolution_rate: Rate
    satisfaction_rate: Rate
    on_time_rate: Rate


Counts = Counter[str]
"""How many facts there are of each kind that `_kinds` knows."""


async def figures(session: AsyncSession, of: Slice, group_by: GroupBy | None = None) -> Flows:
    """What happened in the period; without a grouping there are no groups."""
    found = await _counts(session, of, group_by)
    whole = sum(found.values(), Counts())
    days = await _days(session, of, group_by) if whole["closed"] else {}
    groups = [_figures(key, found[key], days.get(key)) for key in sorted(found)] if group_by else []
    return Flows(_figures("", whole, days.get(None)), groups)


async def trends(session: AsyncSession, of: Slice, months: Sequence[datetime]) -> list[Month]:
    """The rates month by month, oldest first; the last of `months` ends the last but one."""
    found = await _counts(session, replace(of, since=months[0], until=months[-1]), "month")
    names = [f"{first.astimezone(SHANGHAI):%Y-%m}" for first in months[:-1]]
    return [Month(name, **_rates(found.get(name, Counts()))) for name in names]


async def _counts(session: AsyncSession, of: Slice, group_by: GroupBy | None) -> dict[str, Counts]:
    """By key. From the counts where they know all that is asked for, else from the transitions themselves."""
    counted = _counted(of, group_by)
    facts, n = (_COUNTED, _COUNTED.n) if counted else (_T, literal(1))
    key, withdrawn = _key(facts, of, group_by), (facts.reason == literal_column("'withdrawn'")).label("withdrawn")
    alike = (key, facts.event, facts.outcome, facts.rating, withdrawn, facts.on_time)
    query = (
        select(key.label("key"), *alike[1:], func.sum(n).label("n"))
        .where(*conditions(facts, of, level=facts.to_level, unit=facts.unit), *(_in_months(of) if counted else within(_T.at, of)))
        .group_by(*alike)
    )
    found: dict[str, Counts] = {}
    for row in (await session.execute(query)).all():
        counts = found.setdefault(row.key, Counts())
        for kind in _kinds(row):
            counts[kind] += row.n
    return found


def _kinds(fact: Row[Any]) -> Iterator[str]:
    """What a fact counts as: README.md of tracking defines each figure."""
    if fact.event in _EVENTS:
        yield _EVENTS[fact.event]
    match fact.event:
        case "Answered" | "VisitDue" if fact.on_time is not None:
            yield "told_decided"
            yield from ("told_in_time",) if fact.on_time else ()
        case "Resolved" if fact.on_time is not None:
            yield "resolved_decided"
            yield from ("resolved_in_time",) if fact.on_time else ()
        case "Closed" if fact.withdrawn:
            yield "withdrawn"
        case "Closed":
            yield "closed_with_outcome"
            yield from ("closed_solved",) if fact.outcome == "solved" else ()
        case "Rated":
            yield "rated"
            yield from ("pleased",) if fact.rating in ("satisfied", "fair") else ()
        case _:
            pass


_EVENTS = {
    "IssueRaised": "raised",
    "Accepted": "accepted",
    "Escalated": "escalated",
    "Resolved": "resolved",
    "Answered": "answered",
    "Reopened": "reopened",
    "Closed": "closed",
}


def _figures(key: str, counts: Counts, days: tuple[Days, Days] | None) -> Figures:
    to_resolve, to_close = days or (Days(None, None, 0), Days(None, None, 0))
    happened = {name: counts[name] for name in (*_EVENTS.values(), "withdrawn")}
    return Figures(key=key, days_to_resolve=to_resolve, days_to_close=to_close, **happened, **_rates(counts))


def _rates(counts: Counts) -> dict[str, Any]:
    return {
        "response_rate": Rate(counts["told_in_time"], counts["told_decided"]),
        "resolution_rate": Rate(counts["closed_solved"], counts["closed_with_outcome"]),
        "satisfaction_rate": Rate(counts["pleased"], counts["rated"]),
        "on_time_rate": Rate(counts["resolved_in_time"], counts["resolved_decided"]),
    }


def _counted(of: Slice, group_by: GroupBy | None) -> bool:
    """Whether a period is whole months, and nothing is asked for by village, day, priority or channel."""
    places = {level_of(prefix.ljust(12, "0")) for prefix in (*of.scope.prefixes, *of.scope.conduct, of.region or "") if prefix}
    by_village = "village" in places or (group_by == "region" and below(of.region) == "village")
    months = all(at is None or _begins_a_month(at.astimezone(SHANGHAI)) for at in (of.since, of.until))
    return months and not by_village and group_by not in ("priority", "channel", "day")


def _begins_a_month(local: datetime) -> bool:
    return (local.day, local.time()) == (1, time())


def _in_months(of: Slice) -> Iterator[ColumnElement[bool]]:
    if of.since:
        yield _COUNTED.month >= of.since.astimezone(SHANGHAI).date()
    if of.until:
        yield _COUNTED.month < of.until.astimezone(SHANGHAI).date()


async def _days(session: AsyncSession, of: Slice, group_by: GroupBy | None) -> dict[str | None, tuple[Days, Days]]:
    """How long it took to resolve and to close, of all (None) and by key. Each closing has its own, so from the transitions."""
    key = _key(_T, of, group_by)
    chosen = (*conditions(_T, of, level=_T.to_level, unit=_T.unit), *within(_T.at, of), _IS_CLOSED, _T.reason != "withdrawn")
    query = (
        select(
            case((func.grouping(key) == 0, key)).label("key"),
            func.percentile_cont(_SHARES).within_group(_T.resolved_after).label("resolve"),
            func.count(_T.resolved_after).label("resolved"),
            func.percentile_cont(_SHARES).within_group(_T.since_raised).label("close"),
            func.count(_T.since_raised).label("closed"),
        )
        .where(*chosen)
        .group_by(func.rollup(key))
    )
    rows = (await session.execute(query)).all()
    return {row.key: (_in_days(row.resolve, row.resolved), _in_days(row.close, row.closed)) for row in rows}


def _in_days(seconds: Sequence[float] | None, count: int) -> Days:
    median, p90 = (round(each / _DAY, 2) for each in seconds) if seconds else (None, None)
    return Days(median, p90, count)


def _key(facts: Any, of: Slice, group_by: GroupBy | None) -> ColumnElement[Any]:
    match group_by:
        case None:
            return literal("", String)
        case "region":
            return facts[below(of.region)]
        case "level":
            return func.coalesce(facts.to_level, "none")
        case "unit":
            return func.coalesce(facts.unit, "none")
        case "month":
            return func.to_char(_COUNTED.month if facts is _COUNTED else func.timezone("Asia/Shanghai", _T.at), "YYYY-MM")
        case "day":
            return func.to_char(func.timezone("Asia/Shanghai", _T.at), "YYYY-MM-DD")
        case _:
            return cast(facts[group_by], String)
