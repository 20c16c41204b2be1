"""Why a deadline is what it is, told from the issue's own events and the rules by which each was set (domain.md rule 4)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from services.routing.domain import deadline_story as story
from services.routing.domain.clocks import WARNED, due, ruled_by, whole
from services.routing.domain.deadline_story import History
from services.routing.domain.evolve import replay
from services.routing.domain.policy import Facts
from services.routing.domain.policy import Setting as PolicySetting
from services.routing.domain.rulebook import Contender, Rulebook
from services.routing.domain.state import Issue
from shared.contracts.routing import CalendarOverride, DeadlineChanged, PausedClock, PolicyPublished
from shared.contracts.values import Deadline
from shared.worktime import SHANGHAI, Calendar, is_working

MOST_SPECIAL_DAYS = 60
"""A rule of some years passes hundreds of holidays; the first sixty tell enough."""


class NotRaisedYet(LookupError):
    """The issue had not been raised by the instant that was asked for."""


class Versions(Protocol):
    """Every version of policy and calendar, as `services.routing.rules.Rules` has them."""

    def published(self, version: int) -> PolicyPublished | None:
        """One version of the policy; None if it is not known."""
        ...

    def calendar_of(self, version: int) -> Calendar | None:
        """One version of the calendar, for all regions; None if it is not known."""
        ...

    def at(self, instant: datetime) -> Rulebook:
        """The rules that were in force at an instant."""
        ...


def explain(history: History, rules: Versions, at: datetime) -> dict[str, Any]:
    """How an issue stood at an instant: each running deadline with its reasons, soonest first, and each stopped clock.

    Args:
        history: the whole stream of the issue; what was recorded after `at` does not count.
        rules: every version of policy and calendar. What was set by a version that is not known has null where that version is needed.
        at: an aware instant.

    Returns:
        `issue_id`, `number`, `version`, `state`, `level`, `due_at`, `at`; `deadlines` and `paused` with, for each: `deadline_id`, `kind`,
        `due_at`, `start`, `policy_version`, `rule`, `setting`, `allowance`, `losers` (`rule`, `allowance`, `why`, `criteria`),
        `calendar_version`, `time` (`working` or `clock`), `working_day`, `chosen` (a person chose the date), `extended`, `counted_from`,
        `left`, `warn_at`, `share` (percent), `pauses`, `extensions`, `moves`, `special_days`, `announced`, `seconds_used`, `seconds_left`,
        and `recomputed` (where it falls when computed again) with `holds` (it falls on `due_at`). A stopped clock has also `since`; its
        `due_at` is what it was when it stopped. Lengths are seconds of the deadline's own time; `counted_from` and `left` are resolved:
        never null where the equation needs them. `deadline_story` says what `pauses`, `extensions` and `moves` hold.

    Raises:
        NotRaisedYet: nothing had been recorded by then.
    """
    known = tuple(history[: max((index + 1 for index, recorded in enumerate(history) if recorded.time <= at), default=0)])
    issue = replay(known)
    if issue is None:
        raise NotRaisedYet(at.isoformat())
    teller = Teller(issue, known, rules)
    return {
        "issue_id": issue.issue_id,
        "number": issue.number,
        "version": issue.version,
        "state": issue.state,
        "level": issue.level,
        "due_at": issue.due_at,
        "at": at,
        "deadlines": [teller.running(deadline, at) for deadline in issue.running],
        "paused": [teller.stopped(clock) for clock in issue.paused],
    }


@dataclass(frozen=True)
class Teller:
    """Tells the reasons of deadlines of one issue from what was recorded until some instant."""

    issue: Issue
    history: History
    rules: Versions
    calendars: dict[int, tuple[Calendar, Calendar] | None] = field(default_factory=dict[int, "tuple[Calendar, Calendar] | None"])
    books: dict[int, Rulebook | None] = field(default_factory=dict[int, "Rulebook | None"])

    def running(self, deadline: Deadline, at: datetime) -> dict[str, Any]:
        """The reasons of a deadline that runs at `at`."""
        calendar = self._calendar(deadline)
        working = is_working(deadline.allowance)
        start = deadline.counted_from or deadline.started_at
        used = calendar and calendar.used(start, min(at, deadline.due_at), working=working)
        left = calendar and calendar.used(at, deadline.due_at, working=working)
        return self.reasons(deadline) | {
            "seconds_used": None if used is None else deadline.used + _seconds(used),
            "seconds_left": None if left is None else _seconds(left),
        }

    def stopped(self, clock: PausedClock) -> dict[str, Any]:
        """The reasons of a clock that stands still, and what is left of it."""
        told = self.reasons(clock.deadline)
        since = told["pauses"][-1]["from"] if told["pauses"] else None
        return told | {"since": since, "seconds_used": clock.used, "seconds_left": clock.left}

    def reasons(self, deadline: Deadline) -> dict[str, Any]:
        """Everything that made a deadline, as of the end of the history; nothing that depends on the present instant."""
        calendar = self._calendar(deadline)
        setting = story.set_by(deadline, self.history)
        chosen = deadline.allowance is None or deadline.extended
        by_date = chosen and deadline.left is None
        recomputed = self._recomputed(deadline, setting)
        ruled = _setting_of(deadline)
        return {
            "deadline_id": deadline.deadline_id,
            "kind": deadline.kind,
            "due_at": deadline.due_at,
            "policy_version": deadline.policy_version,
            "rule": deadline.rule,
            "setting": ruled,
            "allowance": deadline.allowance.model_dump() if deadline.allowance else None,
            "losers": self._losers(deadline, ruled, setting),
            "calendar_version": deadline.calendar_version,
            "start": deadline.started_at,
            "set_at": setting.event.time if setting else None,
            "chosen": chosen,
            "extended": deadline.extended,
            "counted_from": deadline.counted_from or deadline.started_at,
            "left": None if by_date or calendar is None else _seconds(whole(deadline, calendar)),
            "warn_at": deadline.warn_at,
            "share": self._share(deadline, setting),
            "time": "working" if is_working(deadline.allowance) else "clock",
            "working_day": _seconds(calendar.working_day) if calendar else None,
            "pauses": story.pauses(deadline, self.history),
            "extensions": story.extensions(deadline, self.history),
            "moves": story.moves(deadline, self.history),
            "special_days": [] if by_date else self._special_days(deadline),
            "announced": _announced(deadline, calendar),
            "recomputed": recomputed,
            "holds": None if recomputed is None else recomputed == deadline.due_at,
        }

    def _recomputed(self, deadline: Deadline, setting: story.Setting | None) -> datetime | None:
        """When a deadline falls, computed again: a date that a person chose from where they said it, all others by the equation.

        The allowance is the one that the rules of its version give, not the one in the event, unless that version is not known. None where
        the calendar or the choice is not known.
        """
        chosen = deadline.allowance is None or deadline.extended
        if chosen and deadline.left is None:
            return story.chosen_date(deadline, self.history)
        calendar = self._calendar(deadline)
        if calendar is None:
            return None
        book = self._book(deadline.policy_version)
        if book is not None and setting is not None and (named := _setting_of(deadline)) is not None:
            deadline = deadline.model_copy(update={"allowance": book.allowance(named, setting.facts)[1]})
        return due(deadline, calendar)

    def _calendar(self, deadline: Deadline) -> Calendar | None:
        calendars = self._calendars(deadline.calendar_version)
        return calendars[1] if calendars else None

    def _calendars(self, version: int) -> tuple[Calendar, Calendar] | None:
        """A version of the calendar for all regions, and as it holds in the issue's."""
        if version not in self.calendars:
            general = self.rules.calendar_of(version)
            self.calendars[version] = (general, general.of_region(self.issue.village)) if general else None
        return self.calendars[version]

    def _book(self, version: int) -> Rulebook | None:
        """The rules of a version. Only allowances are asked of it, so that the calendar in it does not matter."""
        if version not in self.books:
            policy = self.rules.published(version)
            self.books[version] = Rulebook.of(policy, self.rules.at(policy.effective_from).calendar) if policy else None
        return self.books[version]

    def _losers(self, deadline: Deadline, ruled: PolicySetting | None, setting: story.Setting | None) -> list[dict[str, Any]] | None:
        """The rules that set this clock too, each with why it lost; empty for a chosen date, null where the policy is not known."""
        if ruled is None:
            return []
        book = self._book(deadline.policy_version)
        if book is None or setting is None:
            return None
        contenders = book.contenders(ruled, setting.facts)
        return [_loser(each, ruled, setting.facts) for each in contenders if each.lost is not None]

    def _share(self, deadline: Deadline, setting: story.Setting | None) -> int | None:
        """The share of its time, in percent, after which its handler is warned."""
        if deadline.kind not in WARNED or setting is None:
            return None
        moved = setting.warned_by is not setting.event or isinstance(setting.event.data, DeadlineChanged)
        book = self.rules.at(setting.warned_by.time) if moved else self._book(deadline.policy_version)
        return book.allowance("warn", setting.facts)[1].amount if book else None

    def _special_days(self, deadline: Deadline) -> list[dict[str, str]] | None:
        calendars = self._calendars(deadline.calendar_version)
        if calendars is None:
            return None
        working = is_working(deadline.allowance)
        start = deadline.started_at.astimezone(SHANGHAI).date()
        end = deadline.due_at.astimezone(SHANGHAI).date()
        overrides = _overrides(calendars[0], self.issue.village)
        days = (start + timedelta(days=count) for count in range((end - start).days + 1))
        special = (_special(day, calendars[1], overrides.get(day)) for day in days)
        told = (found for found in special if found is not None and (working or found["kind"] == "stopped"))
        return list(islice(told, MOST_SPECIAL_DAYS))


def _setting_of(deadline: Deadline) -> PolicySetting | None:
    """What of its rule was used; None for a date that a person chose."""
    if deadline.allowance is None:
        return None
    return ruled_by(deadline)


def _loser(contender: Contender, setting: PolicySetting, facts: Facts) -> dict[str, Any]:
    rule = contender.rule
    return {
        "rule": rule.rule,
        "allowance": rule.set[setting].model_dump(),
        "why": contender.lost,
        "criteria": [{"criterion": name, "wanted": rule.match[name], "found": _found(name, facts)} for name in contender.misfits],
    }


def _found(criterion: str, facts: Facts) -> str | list[str]:
    if criterion == "label":
        return list(facts.labels)
    found: str = getattr(facts, criterion)
    return found


def _overrides(calendar: Calendar, village: str) -> dict[date, CalendarOverride]:
    """The override of each day that holds in a village: the one with the longest code prefix."""
    ours = sorted((each for each in calendar.overrides if village.startswith(each.region)), key=lambda each: len(each.region))
    return {date.fromisoformat(each.day): each for each in ours}


def _special(day: date, calendar: Calendar, override: CalendarOverride | None) -> dict[str, str] | None:
    """What is special about a day: an override of the region, a holiday on Monday–Friday, a working day at the weekend."""
    if override is not None:
        return {"day": day.isoformat(), "kind": override.kind, "note": override.note}
    if calendar.is_working_day(day) == (day.weekday() < 5):
        return None
    return {"day": day.isoformat(), "kind": "working_day" if day.weekday() >= 5 else "holiday", "note": ""}


def _announced(deadline: Deadline, calendar: Calendar | None) -> bool | None:
    if calendar is None:
        return None
    return all(year in calendar.confirmed_years for year in years(deadline.started_at, deadline.due_at))


def years(start: datetime, end: datetime) -> Iterator[int]:
    """The years in Asia/Shanghai that a span touches."""
    yield from range(start.astimezone(SHANGHAI).year, end.astimezone(SHANGHAI).year + 1)


def _seconds(length: timedelta) -> int:
    return round(length.total_seconds())
