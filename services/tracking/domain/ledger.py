"""`evolve`: what each event does to a ledger entry. One function an event, one table; an event that nobody listed is an error.

The rules are domain.md's: the state table says which event leads where, the timer table which deadlines end.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.tracking.domain.entry import LedgerEntry
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.intake import AttachmentAdded, IssueRaised, IssueWithdrawn, Rated, ReopenAsked, ReporterErased
from shared.contracts.notify import NoticeDelivered, NoticeFailed
from shared.contracts.routing import (
    Accepted,
    Answered,
    Arbitrated,
    Assigned,
    Closed,
    DeadlineChanged,
    DeadlineWarned,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    InterimAnswered,
    ProgressReported,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    Supervised,
    Suspended,
    TaskCompleted,
    TaskLapsed,
    UnitInvited,
    VisitDue,
)
from shared.contracts.values import DeadlineKind
from shared.regions import at_level

UNVERSIONED: frozenset[type[Event]] = frozenset(
    {NoticeDelivered, NoticeFailed, DeadlineWarned, InterimAnswered, ProgressReported, AttachmentAdded}
)
"""Events that leave contract.md's `version` as it was: nothing that a person decides on has changed."""

_OF_THE_STAY: tuple[DeadlineKind, ...] = (
    "accept",
    "handle",
    "arbitration",
    "suspension",
    "extension",
    "supervise_notice",
    "supervise_criticism",
    "answer",
    "rating",
    "visit",
)
"""Clocks of the stay at one level. Tasks, interim answers and promises outlive it."""


class OutOfStep(Exception):
    """An event that does not follow the entry it meets: the stream has a gap, or does not begin with `IssueRaised`. A retry may help."""


def replay(history: Iterable[Recorded[Any]]) -> LedgerEntry | None:
    """The entry after a whole history; None for an empty one."""
    entry: LedgerEntry | None = None
    for recorded in history:
        entry = evolve(entry, recorded)
    return entry


def evolve(entry: LedgerEntry | None, recorded: Recorded[Any]) -> LedgerEntry:
    """The entry after one more event.

    Raises:
        OutOfStep: an event is missing before this one.
        KeyError: no rule is written for this event.
    """
    event = recorded.data
    if recorded.version != (entry.stream_version if entry else 0) + 1:
        raise OutOfStep(f"{recorded.stream}: version {recorded.version} after {entry.stream_version if entry else 0}")
    if entry is None:
        if not isinstance(event, IssueRaised):
            raise OutOfStep(f"{recorded.stream} begins with {recorded.name}")
        return _raised(event, recorded)
    entry = _RULES[type(event)](entry, event, recorded)
    version = entry.version if type(event) in UNVERSIONED else recorded.version
    return replace(entry, version=version, stream_version=recorded.version)


def _raised(event: IssueRaised, recorded: Recorded[Any]) -> LedgerEntry:
    if recorded.region is None:
        raise ValueError(f"{recorded.stream}: an issue without a region")
    return LedgerEntry(
        issue_id=recorded.stream,
        number=event.number,
        county=at_level(recorded.region, "county"),
        township=at_level(recorded.region, "township"),
        village=recorded.region,
        channel=event.channel,
        category=event.category,
        topic=event.topic,
        priority=event.priority,
        title=event.title,
        reporter=event.reporter,
        labels=event.labels,
        tracking_digest=event.tracking_digest,
        raised_at=recorded.time,
        occurred_at=event.occurred_at,
        first_receiver=event.first_receiver,
        version=recorded.version,
        stream_version=recorded.version,
    )


def _same(entry: LedgerEntry, event: Any, recorded: Recorded[Any]) -> LedgerEntry:
    return entry


def _rated(entry: LedgerEntry, event: Rated, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, rating=event.rating)


def _assigned(entry: LedgerEntry, event: Assigned, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(
        entry,
        state="assigned",
        level=event.level,
        handler=event.handler,
        first_receiver=entry.first_receiver or event.first_receiver,
        assigned_at=entry.assigned_at or recorded.time,
    ).setting(event.deadlines)


def _accepted(entry: LedgerEntry, event: Accepted, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, state="in_progress", accepted_at=entry.accepted_at or recorded.time).ending("accept")


def _reassigned(entry: LedgerEntry, event: Reassigned, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, handler=event.handler)


def _reclassified(entry: LedgerEntry, event: Reclassified, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, topic=event.topic, category=event.category, priority=event.priority).setting(event.deadlines)


def _warned(entry: LedgerEntry, event: DeadlineWarned, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.marking(event.deadline_id, warned=True)


def _escalated(entry: LedgerEntry, event: Escalated, recorded: Recorded[Any]) -> LedgerEntry:
    lifted = replace(entry, state="assigned", level=event.to_level, handler=event.handler, escalations=entry.escalations + 1)
    return lifted.ending(*_OF_THE_STAY).setting(event.deadlines)


def _returned(entry: LedgerEntry, event: Returned, recorded: Recorded[Any]) -> LedgerEntry:
    if event.to == "dispatcher":
        return entry
    return replace(entry, state="in_arbitration").ending("accept").setting(event.deadlines)


def _arbitrated(entry: LedgerEntry, event: Arbitrated, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, state="assigned", handler=event.handler).ending("arbitration").setting(event.deadlines)


def _sets_deadlines(entry: LedgerEntry, event: UnitInvited | ExtensionRequested, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.setting(event.deadlines)


def _extension_decided(entry: LedgerEntry, event: ExtensionDecided, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.ending("extension").setting(event.deadlines)


def _task_completed(entry: LedgerEntry, event: TaskCompleted, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.ending_ids(f"task-{event.task_id}")


def _task_lapsed(entry: LedgerEntry, event: TaskLapsed, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.marking(event.missed.deadline_id, lapsed=True)


def _suspended(entry: LedgerEntry, event: Suspended, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, state="suspended").ending("handle", "supervise_notice", "supervise_criticism").setting(event.deadlines)


def _resumed(entry: LedgerEntry, event: Resumed, recorded: Recorded[Any]) -> LedgerEntry:
    return replace(entry, state="in_progress").ending("suspension").setting(event.deadlines)


def _deadline_changed(entry: LedgerEntry, event: DeadlineChanged, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.ending_ids(*(former.deadline_id for former in event.former)).setting(event.deadlines)


def _supervised(entry: LedgerEntry, event: Supervised, recorded: Recorded[Any]) -> LedgerEntry:
    late = entry.marking(event.missed.deadline_id, lapsed=True) if event.missed else entry
    return late.setting(event.deadlines)


def _referred(entry: LedgerEntry, event: Referred, recorded: Recorded[Any]) -> LedgerEntry:
    referred = replace(entry, state="referred", promised_by=event.promised_by)
    return referred.ending("accept", "handle", "extension", "supervise_notice", "supervise_criticism", "promise").setting(event.deadlines)


def _interim(entry: LedgerEntry, event: InterimAnswered, recorded: Recorded[Any]) -> LedgerEntry:
    return entry.ending("interim").setting(event.deadlines)


def _resolved(entry: LedgerEntry, event: Resolved, recorded: Recorded[Any]) -> LedgerEntry:
    resolved = replace(
        entry,
        state="resolved",
        level=event.level,
        handler=event.handler,
        resolutions=event.resolution,
        resolved_at=recorded.time,
        outcome=event.outcome,
        result=event.result,
        promised_by=event.promised_by,
    )
    return resolved.ending(*_OF_THE_STAY, "interim", "task", "promise").setting(event.deadlines)


def _answered(entry: LedgerEntry, event: Answered, recorded: Recorded[Any]) -> LedgerEntry:
    state = "answered" if entry.state == "resolved" else entry.state
    answered = replace(entry, state=state, answered=event.resolution, answered_at=recorded.time)
    return answered.ending("answer").setting(event.deadlines)


def _visit_due(entry: LedgerEntry, event: VisitDue, recorded: Recorded[Any]) -> LedgerEntry:
    if event.reason == "promise_lapsed":
        late = entry.marking(event.missed.deadline_id, lapsed=True) if event.missed else entry
        return late.setting(event.deadlines)
    return replace(entry, state="visit_due", closed_at=None, how=None).ending("answer", "rating", "visit").setting(event.deadlines)


def _visited(entry: LedgerEntry, event: ReturnVisited, recorded: Recorded[Any]) -> LedgerEntry:
    """The lapsed promise is settled by the visit that it called for."""
    return entry.ending_ids(*(clock.deadline_id for clock in entry.clocks if clock.kind == "promise" and clock.lapsed))


def _reopened(entry: LedgerEntry, event: Reopened, recorded: Recorded[Any]) -> LedgerEntry:
    reopened = replace(entry, closed_at=None, how=None).ending(*_OF_THE_STAY, "promise")
    if event.handler is None:
        return reopened
    return replace(reopened, state="assigned", handler=event.handler).setting(event.deadlines)


def _closed(entry: LedgerEntry, event: Closed, recorded: Recorded[Any]) -> LedgerEntry:
    kept = () if event.how == "withdrawn" else tuple(clock for clock in entry.clocks if clock.kind == "promise")
    return replace(entry, state="closed", closed_at=recorded.time, how=event.how, rating=event.rating or entry.rating, clocks=kept)


_RULES: Mapping[type[Event], Callable[[LedgerEntry, Any, Recorded[Any]], LedgerEntry]] = {
    IssueWithdrawn: _same,
    Rated: _rated,
    ReopenAsked: _same,
    AttachmentAdded: _same,
    ReporterErased: _same,
    Assigned: _assigned,
    Accepted: _accepted,
    Reassigned: _reassigned,
    Reclassified: _reclassified,
    ProgressReported: _same,
    DeadlineWarned: _warned,
    Escalated: _escalated,
    Returned: _returned,
    Arbitrated: _arbitrated,
    UnitInvited: _sets_deadlines,
    TaskCompleted: _task_completed,
    TaskLapsed: _task_lapsed,
    Suspended: _suspended,
    Resumed: _resumed,
    ExtensionRequested: _sets_deadlines,
    ExtensionDecided: _extension_decided,
    DeadlineChanged: _deadline_changed,
    Supervised: _supervised,
    Referred: _referred,
    InterimAnswered: _interim,
    Resolved: _resolved,
    Answered: _answered,
    VisitDue: _visit_due,
    ReturnVisited: _visited,
    Reopened: _reopened,
    Closed: _closed,
    NoticeDelivered: _same,
    NoticeFailed: _same,
}
