"""How rows become what the reporter and the public see, in the caller's language."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from services.tracking.answers import BoardItem, BoardTopic, Place, PublicAction, PublicDeadline, PublicHandler, PublicView
from services.tracking.columns import entry_from
from services.tracking.domain.entry import Clock, LedgerEntry
from services.tracking.domain.timeline import shown_to_reporter
from services.tracking.domain.words import DEADLINES, IF_MISSED, OUTCOMES, if_missed, word
from services.tracking.views import InLanguage, TimedViews
from shared.contracts.routing import PausedClock
from shared.contracts.values import Deadline
from shared.regions import LADDER

Moments = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class PublicViews(TimedViews):
    """Renders rows for readers without an account."""

    def public(self, row: Row[Any], moments: Moments, actions: Mapping[str, str]) -> PublicView:
        """One issue for its reporter.

        Args:
            row: the issue's row of the ledger.
            moments: all its events; what of them the reporter may see is decided here.
            actions: those that the state allows, with their addresses.
        """
        entry = entry_from(row)
        deadlines = [self._deadline(entry, clock, moments) for clock in entry.running if clock.kind in IF_MISSED]
        shown = ((moment, shown_to_reporter(moment.event, moment.facts)) for moment in moments)
        same = ("title", "number", "reporter", "due_at", "overdue_since", "raised_at", "resolved_at", "answered_at", "closed_at", "outcome")
        same += ("result", "promised_by", "rating", "topic")
        return PublicView(
            **{name: getattr(entry, name) for name in same},
            **self._common(entry),
            places=self._places(entry),
            handler=PublicHandler(unit=entry.handler.unit, unit_name=self._names.unit(entry.handler.unit), name=entry.handler.name)
            if entry.handler
            else None,
            soon=entry.warned,
            paused_text=self._paused(entry, moments),
            deadlines=deadlines,
            if_missed=deadlines[0].if_missed if deadlines else None,
            outcome_text=word(OUTCOMES, entry.outcome, self.language),
            actions=[PublicAction(action=action, url=url) for action, url in actions.items()],
            timeline=self._timeline(entry, ((moment, facts) for moment, facts in shown if facts is not None)),
            topic_text=self._names.topic(entry.topic),
        )

    def board_item(self, row: Row[Any], *, full: bool) -> BoardItem:
        """A row of the ledger for everyone; not `full` shows the category only."""
        entry = entry_from(row)
        if not full:
            hidden: dict[str, Any] = dict.fromkeys(BoardItem.model_fields)
            return BoardItem(**hidden | self._common(entry))
        clock = _promised(entry)
        changes = (entry.raised_at, entry.assigned_at, entry.accepted_at, entry.resolved_at, entry.answered_at, entry.closed_at)
        same = ("number", "title", "topic", "raised_at", "overdue_since", "closed_at", "outcome", "result")
        return BoardItem(
            **{name: getattr(entry, name) for name in same},
            **self._common(entry),
            topic_text=self._names.topic(entry.topic),
            region_name=self.regions.name(entry.village),
            unit_name=self._names.unit(entry.handler.unit) if entry.handler else None,
            due_at=clock.due_at if clock else None,
            left_text=self._times(entry).left(clock) if clock else None,
            soon=entry.warned,
            changed_at=max(at for at in changes if at),
            outcome_text=word(OUTCOMES, entry.outcome, self.language),
        )

    def topics(self, codes: Iterable[str]) -> list[BoardTopic]:
        """Topics by name, in the order of their codes."""
        return [BoardTopic(code=code, text=self._names.topic(code)) for code in codes]

    def _deadline(self, entry: LedgerEntry, clock: Clock, moments: Moments) -> PublicDeadline:
        times, deadline, names = self._times(entry), _set_by(moments, clock.deadline_id), self._in_place(entry)
        used = times.used(deadline) if deadline else None
        higher = LADDER[LADDER.index(entry.level) + 1 :] if entry.level in LADDER else ()
        return PublicDeadline(
            kind=clock.kind,
            text=self._word(DEADLINES, clock.kind),
            due_at=clock.due_at,
            left_text=times.left(clock),
            used_text=used.used if used else None,
            whole_text=used.whole if used else None,
            used_percent=used.percent if used else None,
            if_missed=if_missed(clock.kind, entry.level, names.place(higher[0]) if higher else "", self.language),
        )

    def _in_place(self, entry: LedgerEntry) -> InLanguage:
        return InLanguage(self.called, self.regions, self.language, entry.village)

    def _places(self, entry: LedgerEntry) -> list[Place]:
        names = self._in_place(entry)
        return [Place(level=level, name=names.place(level), word=names.level(level)) for level in LADDER]

    def _paused(self, entry: LedgerEntry, moments: Moments) -> str | None:
        """What the present pause has kept of the time to settle it."""
        last = next((moment for moment in reversed(moments) if moment.event == "Suspended"), None)
        if entry.state != "suspended" or last is None:
            return None
        paused = map(PausedClock.model_validate, last.facts["paused"])
        return next((self._times(entry).kept(clock.left, clock.deadline) for clock in paused if clock.deadline.kind == "handle"), None)


def _promised(entry: LedgerEntry) -> Clock | None:
    """What the public is promised: that it is settled by then; where that clock does not run, the next thing that is owed."""
    return entry.clock("handle") or next((clock for clock in entry.running if clock.kind in IF_MISSED and clock.kind != "interim"), None)


def _set_by(moments: Moments, deadline_id: str) -> Deadline | None:
    """A deadline as the last event that named it set it."""
    for moment in reversed(moments):
        for facts in moment.facts.get("deadlines", ()):
            if facts["deadline_id"] == deadline_id:
                return Deadline.model_validate(facts)
    return None
