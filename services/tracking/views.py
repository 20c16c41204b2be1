"""How rows become answers, in the caller's language."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Row

from services.tracking.answers import (
    BoardItem,
    DeadlineView,
    HandlerView,
    IssueView,
    IssueWithTimeline,
    MomentView,
    PublicAction,
    PublicDeadline,
    PublicHandler,
    PublicView,
)
from services.tracking.columns import entry_from
from services.tracking.domain.entry import LedgerEntry
from services.tracking.domain.sentences import sentence
from services.tracking.domain.timeline import shown_to_reporter
from services.tracking.domain.words import (
    CATEGORIES,
    DEADLINES,
    IF_MISSED,
    LEVELS,
    OUTCOMES,
    PRIORITIES,
    REPORTERS,
    STATES,
    Language,
    if_missed,
    say,
    word,
)
from services.tracking.repository import Called
from shared.contracts.values import Handler
from shared.regions import Regions

_GROUPS = {"category": CATEGORIES, "level": LEVELS, "priority": PRIORITIES}


class _InLanguage:
    """The directory's names in one language."""

    def __init__(self, called: Called, regions: Regions, language: Language) -> None:
        self._called = called
        self._regions = regions
        self._language: Language = language

    def unit(self, unit_id: str) -> str:
        region, _, code = unit_id.partition("/")
        pair = self._called.units.get(unit_id)
        unit = say(pair, self._language) if pair else code
        place = self._regions.name(region) if region else ""
        return f"{place}{unit}" if self._language == "zh-CN" else f"{unit}, {place}".strip(", ")

    def topic(self, code: str) -> str:
        pair = self._called.topics.get(code)
        return say(pair, self._language) if pair else code


@dataclass(frozen=True, slots=True)
class Views:
    """Renders rows in one language, with the directory's names."""

    regions: Regions
    called: Called
    language: Language

    def issue(self, row: Row[Any]) -> IssueView:
        """A row of the ledger for staff."""
        return IssueView(**self._issue(entry_from(row)))

    def issue_with_timeline(self, row: Row[Any], moments: Sequence[Row[Any]]) -> IssueWithTimeline:
        """One issue for staff, with its whole timeline."""
        timeline = [self._moment(moment, moment.facts) for moment in moments]
        return IssueWithTimeline(**self._issue(entry_from(row)), timeline=timeline)

    def public(self, row: Row[Any], moments: Sequence[Row[Any]], actions: Mapping[str, str]) -> PublicView:
        """One issue for its reporter. `actions` are those that the state allows, with their addresses."""
        entry = entry_from(row)
        deadlines = [
            PublicDeadline(
                kind=clock.kind,
                text=self._word(DEADLINES, clock.kind),
                due_at=clock.due_at,
                if_missed=if_missed(clock.kind, entry.level, self.language),
            )
            for clock in entry.running
            if clock.kind in IF_MISSED
        ]
        shown = ((moment, shown_to_reporter(moment.event, moment.facts)) for moment in moments)
        return PublicView(
            **self._common(entry),
            title=entry.title,
            number=entry.number,
            handler=PublicHandler(unit=entry.handler.unit, unit_name=self._names.unit(entry.handler.unit), name=entry.handler.name)
            if entry.handler
            else None,
            due_at=entry.due_at,
            deadlines=deadlines,
            if_missed=deadlines[0].if_missed if deadlines else None,
            raised_at=entry.raised_at,
            resolved_at=entry.resolved_at,
            answered_at=entry.answered_at,
            closed_at=entry.closed_at,
            outcome=entry.outcome,
            outcome_text=word(OUTCOMES, entry.outcome, self.language),
            result=entry.result,
            promised_by=entry.promised_by,
            rating=entry.rating,
            actions=[PublicAction(action=action, url=url) for action, url in actions.items()],
            timeline=[self._moment(moment, facts) for moment, facts in shown if facts is not None],
            topic=entry.topic,
            topic_text=self._names.topic(entry.topic),
        )

    def board_item(self, row: Row[Any], *, full: bool) -> BoardItem:
        """A row of the ledger for everyone; not `full` shows the category only."""
        entry = entry_from(row)
        return BoardItem(
            **self._common(entry),
            number=entry.number if full else None,
            title=entry.title if full else None,
            topic=entry.topic if full else None,
            topic_text=self._names.topic(entry.topic) if full else None,
            region_name=self.regions.name(entry.village) if full else None,
            unit_name=self._names.unit(entry.handler.unit) if full and entry.handler else None,
            raised_at=entry.raised_at if full else None,
            due_at=entry.due_at if full else None,
            closed_at=entry.closed_at if full else None,
            outcome=entry.outcome if full else None,
            outcome_text=word(OUTCOMES, entry.outcome, self.language) if full else None,
            result=entry.result if full else None,
        )

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

    @property
    def _names(self) -> _InLanguage:
        return _InLanguage(self.called, self.regions, self.language)

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

    def _issue(self, entry: LedgerEntry) -> dict[str, Any]:
        same = ("issue_id", "number", "title", "channel", "topic", "priority", "reporter", "due_at", "overdue_since", "warned", "raised_at")
        same += ("occurred_at", "assigned_at", "accepted_at", "resolved_at", "answered_at", "closed_at", "outcome", "result", "promised_by")
        same += ("rating", "how", "resolutions", "escalations", "labels", "version")
        region = self.regions.get(entry.village)
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
                    warned=clock.warned,
                )
                for clock in entry.running
            ],
        }

    def _handler(self, handler: Handler | None) -> HandlerView | None:
        if handler is None:
            return None
        return HandlerView(officer_id=handler.officer_id, name=handler.name, unit=handler.unit, unit_name=self._names.unit(handler.unit))

    def _moment(self, moment: Row[Any], facts: dict[str, Any]) -> MomentView:
        text = sentence(moment.event, facts, self._names, self.language)
        return MomentView(version=moment.version, event=moment.event, at=moment.at, text=text, facts=facts)


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
