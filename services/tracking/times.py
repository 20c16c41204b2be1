"""What is left of a deadline, in its own time: with the calendar that routing counted it in, and the same arithmetic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.domain.entry import Clock
from shared.contracts.routing import CalendarChanged
from shared.contracts.values import Deadline
from shared.eventlog import EventLog
from shared.problem_texts import Language
from shared.web.pages.instants import part, span
from shared.worktime import Calendar, is_working

CALENDAR = "calendar-cn"
"""The stream of the working calendar."""


class Calendars:
    """Every version of the working calendar that was asked for, read from the log once. A version never changes."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._known: dict[int, Calendar] = {}

    async def of(self, session: AsyncSession, versions: Iterable[int]) -> Mapping[int, Calendar]:
        """The calendars by version; one that the log does not hold is left out."""
        if not self._known.keys() >= set(versions):
            stream = await self._log.load(session, CALENDAR)
            changes = (recorded.data for recorded in stream.events if isinstance(recorded.data, CalendarChanged))
            self._known = {change.version: Calendar.of(change) for change in changes}
        return self._known


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a deadline's time is used: in words, and as a share in percent."""

    used: str
    whole: str
    percent: int


@dataclass(frozen=True, slots=True)
class Times:
    """Counts in one region, in words of one language. Where the calendar is not known, time goes by the clock."""

    calendars: Mapping[int, Calendar]
    region: str
    language: Language
    now: datetime

    def left(self, clock: Clock) -> str | None:
        """What is left of a running deadline, rounded down: `2 个工作日`. None where it is over."""
        if clock.due_at <= self.now:
            return None
        left = self._between(self.now, clock.due_at, clock.calendar_version, working=clock.working)
        return span(left.total_seconds(), self.language, self._day(clock.calendar_version, working=clock.working))

    def used(self, deadline: Deadline) -> Used | None:
        """How much of a deadline's whole time is used by now. None where it has no length."""
        version, working = deadline.calendar_version, is_working(deadline.allowance)
        counted = self._between(deadline.counted_from or deadline.started_at, deadline.due_at, version, working=working)
        whole = timedelta(seconds=deadline.used) + counted
        if not whole:
            return None
        left = min(self._between(self.now, deadline.due_at, version, working=working), whole)
        day, seconds = self._day(version, working=working), whole.total_seconds()
        used = part((whole - left).total_seconds(), seconds, self.language, day)
        return Used(used, part(seconds, seconds, self.language, day), int((whole - left) / whole * 100))

    def kept(self, seconds: int, deadline: Deadline) -> str:
        """What a pause has kept of a deadline."""
        return span(seconds, self.language, self._day(deadline.calendar_version, working=is_working(deadline.allowance)))

    def _between(self, start: datetime, end: datetime, version: int, *, working: bool) -> timedelta:
        calendar = self._calendar(version)
        return calendar.used(start, end, working=working) if calendar else max(end - start, timedelta())

    def _day(self, version: int, *, working: bool) -> timedelta | None:
        calendar = self._calendar(version) if working else None
        return calendar.working_day if calendar else None

    def _calendar(self, version: int) -> Calendar | None:
        calendar = self.calendars.get(version)
        return calendar.of_region(self.region) if calendar else None
