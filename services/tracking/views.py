"""How rows become answers for staff, in the caller's language; what everybody sees is in `public_views.py`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Row

from services.tracking.answers import (
    DeadlineView,
    HandlerView,
    IssueView,
    IssueWithTimeline,
    MomentView,
)
from services.tracking.columns import entry_from
from services.tracking.domain.entry import LedgerEntry
from services.tracking.domain.headings import heading
from services.tracking.domain.sentences import sentence
from services.tracking.domain.words import (
    CATEGORIES,
    DEADLINES,
    LEVELS,
    NOBODY_ON_DUTY,
    NOBODY_YET,
    OUTCOMES,
    PRIORITIES,
    REPORTERS,
    STATES,
    Language,
    level_word,
    say,
    word,
)
from services.tracking.repository import NOBODY, Called
from services.tracking.times import Times
from shared.contracts.values import Handler, Level
from shared.regions import LADDER, Regions, at_level
from shared.web.pages.instants import due
from shared.worktime import Calendar

_GROUPS = {"category": CATEGORIES, "level": LEVELS, "priority": PRIORITIES}


class InLanguage:
    """How things are called in one language; levels as they are called where the issue is."""

    def __init__(self, called: Called, regions: Regions, language: Language, village: str = "") -> None:
        self._called = called
        self._regions = regions
        self._language: Language = language
        self._village = village

    def unit(self, unit_id: str) -> str:
        """A unit with its place."""
        region, _, code = unit_id.partition("/")
        pair = self._called.units.get(unit_id)
        unit = say(pair, self._language) if pair else code
        place = self._regions.name(region) if region else ""
        return f"{place}{unit}" if self._language == "zh-CN" else f"{unit}, {place}".strip(", ")

    def topic(self, code: str) -> str:
        """A topic."""
        pair = self._called.topics.get(code)
        return say(pair, self._language) if pair else code

    def place(self, level: Level) -> str:
        """The name of the region of a level."""
        return self._regions.name(at_level(self._village, level))

    def level(self, level: str) -> str:
        """A level, as its region's name ends."""
        return level_word(level, self.place(level) if level in LADDER else "", self._language)

    def when(self, instant: str) -> str:
        """An instant in local time."""
        return due(instant, self._language, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Views:
    """How things are called in one language, with the directory's names."""

    regions: Regions
    called: Called
    language: Language

    def group_name(self, group_by: str, key: str) -> str:
        """What people call a key of grouped statistics."""
        match group_by:
            case "region":
                return self.regions.name(key)
            case "unit":
                return self._names.unit(key)
            case "topic":
                return self._names.topic(key)
            case _:
                return self._word(_GROUPS.get(group_by, {}), key)

    def holder(self, by: str, key: str, unit: str | None, post: str | None) -> str:
        """What people call whoever holds issues: as `group_name`; an officer by unit and post."""
        if by == "officer":
            parts = (self._names.unit(unit) if unit else None, post or say(NOBODY_ON_DUTY, self.language))
            return " · ".join(part for part in parts if part)
        return say(NOBODY_YET, self.language) if key == NOBODY else self.group_name(by, key)

    @property
    def _names(self) -> InLanguage:
        return InLanguage(self.called, self.regions, self.language)

    def _word(self, words: Mapping[str, tuple[str, str]], code: str) -> str:
        return word(words, code, self.language) or code

    def _common(self, entry: LedgerEntry) -> dict[str, Any]:
        """What every view says."""
        return {
            "category": entry.category,
            "category_text": self._word(CATEGORIES, entry.category),
            "state": entry.state,
            "state_text": self._word(STATES, entry.state),
            "level": entry.level,
            "level_text": word(LEVELS, entry.level, self.language),
        }

    def _timeline(self, entry: LedgerEntry, moments: Iterable[tuple[Row[Any], dict[str, Any]]]) -> list[MomentView]:
        """What happened, each with the facts that the reader may see of it."""
        names, level = InLanguage(self.called, self.regions, self.language, entry.village), None
        told: list[MomentView] = []
        for moment, facts in moments:
            level = facts.get("to_level") or facts.get("level") or level
            text = sentence(moment.event, facts, names, self.language)
            title = heading(moment.event, facts, level, names, self.language)
            shown = {"title": text.rstrip("。."), "text": ""} if title is None else {"title": title, "text": text}
            told.append(MomentView(version=moment.version, event=moment.event, at=moment.at, facts=facts, **shown))
        return told


@dataclass(frozen=True, slots=True)
class TimedViews(Views):
    """Views that tell how much time is left.

    Args:
        calendars: by version, those that the rows' deadlines were counted in.
        now: the instant at which it is told.
    """

    calendars: Mapping[int, Calendar]
    now: datetime

    def _times(self, entry: LedgerEntry) -> Times:
        return Times(self.calendars, entry.village, self.language, self.now)


@dataclass(frozen=True, slots=True)
class StaffViews(TimedViews):
    """Renders rows of the ledger for staff."""

    def issue(self, row: Row[Any], supervised: list[str]) -> IssueView:
        """A row of the ledger for staff, with the steps of supervision that were taken."""
        return IssueView(**self._issue(entry_from(row)), supervised=supervised)

    def issue_with_timeline(self, row: Row[Any], moments: Sequence[Row[Any]], supervised: list[str]) -> IssueWithTimeline:
        """One issue for staff, with its whole timeline."""
        entry = entry_from(row)
        timeline = self._timeline(entry, ((moment, moment.facts) for moment in moments))
        return IssueWithTimeline(**self._issue(entry), supervised=supervised, timeline=timeline)

    def _issue(self, entry: LedgerEntry) -> dict[str, Any]:
        same = ("issue_id", "number", "title", "channel", "topic", "priority", "reporter", "due_at", "overdue_since", "warned", "raised_at")
        same += ("occurred_at", "assigned_at", "accepted_at", "resolved_at", "answered_at", "closed_at", "outcome", "result", "promised_by")
        same += ("rating", "how", "resolutions", "escalations", "labels", "version")
        region, times = self.regions.get(entry.village), self._times(entry)
        return {
            **{name: getattr(entry, name) for name in same},
            **self._common(entry),
            "region": entry.village,
            "region_name": region.full_name if region else entry.village,
            "topic_text": self._names.topic(entry.topic),
            "reporter_text": self._word(REPORTERS, entry.reporter),
            "first_receiver": self._handler(entry.first_receiver),
            "handler": self._handler(entry.handler),
            "outcome_text": word(OUTCOMES, entry.outcome, self.language),
            "deadlines": [
                DeadlineView(
                    deadline_id=clock.deadline_id,
                    kind=clock.kind,
                    text=self._word(DEADLINES, clock.kind),
                    due_at=clock.due_at,
                    left_text=times.left(clock),
                    warned=clock.warned,
                )
                for clock in entry.running
            ],
        }

    def _handler(self, handler: Handler | None) -> HandlerView | None:
        if handler is None:
            return None
        return HandlerView(officer_id=handler.officer_id, name=handler.name, unit=handler.unit, unit_name=self._names.unit(handler.unit))


def calendar_versions(rows: Iterable[Row[Any]]) -> set[int]:
    """The versions of the calendar that the rows' deadlines were counted in."""
    return {clock["calendar_version"] for row in rows for clock in row.clocks}


def units_in(rows: Iterable[Row[Any]], moments: Iterable[Row[Any]] = ()) -> list[str]:
    """Every unit that rows of the ledger and of the timeline name."""
    found = {unit for row in rows for unit in (row.handler_unit, row.first_receiver_unit) if unit}
    for moment in moments:
        found.update(_units_of(moment.facts))
    return sorted(found)


def _units_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, Any]", value).items():
            if name == "unit" and isinstance(inner, str):
                yield inner
            else:
                yield from _units_of(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _units_of(inner)
