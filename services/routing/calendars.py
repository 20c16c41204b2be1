"""Changes of the working calendar: what administrators do to the days. Each is an event; open deadlines are counted again by a roll-out."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.rollouts import Rollouts
from services.routing.rules import CALENDAR, RulesHolder
from services.routing.tables import Rollout
from shared.clock import Clock
from shared.contracts.routing import CalendarChanged, CalendarOverride
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.problems import FieldError, invalid
from shared.regions import Regions
from shared.web.requests import version_mismatch

FULL_CODE = 12
"""Digits of a region's code; a county is named by 6 of them, a township by 9 (GB/T 2260, GB/T 10114)."""

_UNCONFIRMED = text(
    "SELECT issue_id, number, village, state, level, min((d->>'due_at')::timestamptz) AS due_at"
    " FROM issues, jsonb_array_elements(clocks->'deadlines') AS d WHERE state <> 'closed'"
    " AND NOT (extract(year FROM (d->>'due_at')::timestamptz AT TIME ZONE 'Asia/Shanghai')::int = ANY(:years))"
    " GROUP BY issue_id ORDER BY min((d->>'due_at')::timestamptz) LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class NewDays:
    """What a change makes of the calendar; None leaves a part as it is."""

    office_hours: tuple[tuple[str, str], ...] | None = None
    holidays: tuple[str, ...] | None = None
    working_days: tuple[str, ...] | None = None
    overrides: tuple[CalendarOverride, ...] | None = None
    confirmed_years: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Calendars:
    """Handlers of the calendar. All run in the caller's transaction.

    Args:
        log: for the stream of versions.
        rules: the versions in memory.
        regions: knows the codes that overrides may name.
        rollouts: begins the roll-out that counts open deadlines again.
        clock: the one clock.
    """

    log: EventLog
    rules: RulesHolder
    regions: Regions
    rollouts: Rollouts
    clock: Clock

    async def current(self, session: AsyncSession) -> CalendarChanged:
        """The version in force."""
        return (await self.rules.fresh(session)).calendars[-1]

    def changed(self, former: CalendarChanged, days: NewDays, *, note: str, by: str | None) -> CalendarChanged:
        """The calendar with other days. Raises Problem 422 with every field that is wrong."""
        new = CalendarChanged(
            calendar=former.calendar,
            version=former.version + 1,
            office_hours=former.office_hours if days.office_hours is None else days.office_hours,
            holidays=former.holidays if days.holidays is None else tuple(sorted(set(days.holidays))),
            working_days=former.working_days if days.working_days is None else tuple(sorted(set(days.working_days))),
            confirmed_years=former.confirmed_years if days.confirmed_years is None else tuple(sorted(set(days.confirmed_years))),
            overrides=former.overrides if days.overrides is None else tuple(map(_by_prefix, days.overrides)),
            by=by,
            note=note,
        )
        errors = _errors(new, {region.code[:length] for region in self.regions for length in range(2, 13)})
        if errors:
            raise invalid(*errors)
        return new

    async def change(
        self,
        session: AsyncSession,
        days: Callable[[CalendarChanged], NewDays],
        *,
        expected: int | None,
        note: str,
        rate: int,
        by: str,
    ) -> tuple[CalendarChanged, Rollout | None]:
        """Publish the days that `days` makes of the present calendar, and begin to count open deadlines again.

        Raises:
            Problem: 412 where the calendar has another version than `expected`, 422 for days that cannot be.
        """
        now = await self.clock.now(session)
        await self.rollouts.end_older(session, now, calendar=True)
        known = await self.rules.fresh(session)
        former = known.calendars[-1]
        if expected is not None and expected != former.version:
            raise version_mismatch()
        event = self.changed(former, days(former), note=note, by=by)
        head = (await self.log.load(session, CALENDAR)).head
        await self.log.append(session, CALENDAR, [event], after=head, now=now, region=None, correlation_id=new_id(), causation_id=None)
        rollout = await self.rollouts.begin(
            session,
            policy_version=known.at(now).version,
            calendar_version=event.version,
            mode="recompute",
            reason=f"calendar version {event.version}",
            by=by,
            rate=rate,
            begins_at=now,
            now=now,
        )
        return event, rollout

    async def unconfirmed(self, session: AsyncSession, limit: int = 200) -> Sequence[dict[str, object]]:
        """Open issues with a deadline in a year whose make-up days are not announced; `due_at` is the first such one."""
        years = list((await self.current(session)).confirmed_years)
        rows = await session.execute(_UNCONFIRMED, {"years": years, "limit": limit})
        return [dict(row) for row in rows.mappings()]


def _errors(calendar: CalendarChanged, prefixes: Collection[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("holidays", "working_days"):
        errors += [FieldError(f"/{name}/{index}", "bad_date") for index, day in enumerate(getattr(calendar, name)) if not _is_date(day)]
    if set(calendar.holidays) & set(calendar.working_days):
        both = min(set(calendar.holidays) & set(calendar.working_days))
        errors.append(FieldError("/working_days", "day_twice", {"day": both}))
    for index, each in enumerate(calendar.overrides):
        if not _is_date(each.day):
            errors.append(FieldError(f"/overrides/{index}/day", "bad_date"))
        if each.region not in prefixes:
            errors.append(FieldError(f"/overrides/{index}/region", "unknown_region"))
    seen: set[tuple[str, str]] = set()
    for index, each in enumerate(calendar.overrides):
        if (each.region, each.day) in seen:
            errors.append(FieldError(f"/overrides/{index}", "day_twice", {"day": each.day}))
        seen.add((each.region, each.day))
    if not _are_hours(calendar.office_hours):
        errors.append(FieldError("/office_hours", "bad_hours"))
    return errors


def _by_prefix(override: CalendarOverride) -> CalendarOverride:
    """A county's or township's full code stands for all that is inside it: its zeros at the end are no part of the prefix."""
    region = override.region
    for length in (6, 9):
        if len(region) == FULL_CODE and set(region[length:]) == {"0"}:
            return override.model_copy(update={"region": region[:length]})
    return override


def _is_date(day: str) -> bool:
    try:
        return date.fromisoformat(day).isoformat() == day
    except ValueError:
        return False


def _are_hours(spans: Sequence[tuple[str, str]]) -> bool:
    """Whether the spans are times of one day, in order, without overlap, and at least one."""
    try:
        times = [time.fromisoformat(each) for span in spans for each in span]
    except ValueError:
        return False
    return bool(times) and all(before < after for before, after in pairwise(times))
