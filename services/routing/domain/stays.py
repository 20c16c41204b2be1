"""The stays of an issue at the levels of the ladder: from when to when, how much of what was allowed, and why each ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from services.routing.domain.deadline_story import History, stated_by
from shared.contracts.routing import Arbitrated, Assigned, Closed, Escalated, Reassigned, Referred, Reopened, Resolved, Resumed, Suspended
from shared.contracts.values import Allowance, Deadline, Level
from shared.worktime import SHANGHAI, Calendar, is_working

MOST_DAYS = 400
"""Of longer stories the days off are not told one by one."""


@dataclass(slots=True)
class Stay:
    """One stay. `ended` is null while it lasts; `how` is why it ended: a reason of `Escalated`, `resolved`, `referred` or `closed`.

    `pauses` are from and until (null: it stands still yet); `due_at` is the handle deadline as it was moved last.
    """

    level: Level
    unit: str
    began: datetime
    due_at: datetime | None = None
    allowance: Allowance | None = None
    ended: datetime | None = None
    how: str | None = None
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list[tuple[datetime, datetime | None]])

    def used(self, calendar: Calendar, at: datetime) -> int:
        """Seconds of its own time that the stay took until `at`, pauses not counted."""
        until, working = self.ended or at, is_working(self.allowance)
        whole = calendar.used(self.began, until, working=working)
        stood = sum((calendar.used(begin, end or until, working=working) for begin, end in self.pauses), timedelta())
        return int((whole - stood).total_seconds())


def stays(history: History) -> list[Stay]:
    """Every stay, in order. An issue that was answered on the spot has none."""
    found: list[Stay] = []
    for recorded in history:
        event, at = recorded.data, recorded.time
        now = found[-1] if found and found[-1].ended is None else None
        if isinstance(event, Assigned):
            found.append(Stay(event.level, event.handler.unit, at))
        elif isinstance(event, Escalated):
            _end(now, at, event.reason)
            found.append(Stay(event.to_level, event.handler.unit, at))
        elif isinstance(event, Reopened) and event.handler is not None:
            _end(now, at, event.reason)
            found.append(Stay(event.level, event.handler.unit, at))
        elif now is not None and isinstance(event, Resolved | Referred | Closed):
            _end(now, at, type(event).__name__.lower())
        elif now is not None and isinstance(event, Reassigned | Arbitrated):
            now.unit = event.handler.unit
        elif now is not None and isinstance(event, Suspended):
            now.pauses.append((at, None))
        elif now is not None and isinstance(event, Resumed):
            _resume(now, at)
        _note(found, stated_by(recorded))
    return found


def days_off(calendar: Calendar, first: date, last: date) -> list[date]:
    """The days of a span on which offices are closed; none of a span longer than `MOST_DAYS`."""
    length = (last - first).days + 1
    days = (first + timedelta(days=index) for index in range(length if length <= MOST_DAYS else 0))
    return [day for day in days if not calendar.is_working_day(day)]


def local_day(instant: datetime) -> date:
    """The day in China."""
    return instant.astimezone(SHANGHAI).date()


def _end(stay: Stay | None, at: datetime, how: str) -> None:
    if stay is not None:
        _resume(stay, at)
        stay.ended, stay.how = at, how


def _resume(stay: Stay, at: datetime) -> None:
    if stay.pauses and stay.pauses[-1][1] is None:
        stay.pauses[-1] = (stay.pauses[-1][0], at)


def _note(found: Sequence[Stay], stated: Sequence[Deadline]) -> None:
    handle = next((each for each in stated if each.kind == "handle"), None)
    if found and handle is not None:
        found[-1].due_at, found[-1].allowance = handle.due_at, handle.allowance
