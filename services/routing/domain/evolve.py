"""`evolve`: what each event does to the state. One function an event, one table; an event that nobody listed is an error."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from services.routing.domain.state import UNVERSIONED, Issue
from shared.contracts import Event, intake, notify, routing
from shared.contracts.envelope import Recorded
from shared.contracts.values import Deadline, DeadlineKind

LEVEL_CLOCKS: tuple[DeadlineKind, ...] = (
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
"""Clocks that belong to the stay at one level; tasks, the interim answer and promises outlive it."""


def replay(history: Iterable[Recorded[Event]]) -> Issue | None:
    """The state after a whole history; None for an empty one."""
    issue: Issue | None = None
    for recorded in history:
        issue = evolve(issue, recorded)
    return issue


def evolve(issue: Issue | None, recorded: Recorded[Any]) -> Issue:
    """The state after one more event. Raises KeyError for an event that no rule is written for."""
    if isinstance(recorded.data, intake.IssueRaised):
        issue = _raised(recorded.data, recorded)
    else:
        if issue is None:
            raise ValueError(f"{recorded.name} before IssueRaised in {recorded.stream}")
        issue = _RULES[type(recorded.data)](issue, recorded.data, recorded)
    return replace(
        issue,
        version=issue.version if recorded.name in UNVERSIONED else recorded.version,
        stream_version=recorded.version,
        last_event=recorded.id,
        correlation_id=recorded.correlation_id,
        unsettled=() if recorded.data.owner == "routing" else (*issue.unsettled, recorded),
    )


def _raised(event: intake.IssueRaised, recorded: Recorded[Any]) -> Issue:
    return Issue(
        issue_id=recorded.stream,
        village=recorded.region or "",
        number=event.number,
        channel=event.channel,
        category=event.category,
        topic=event.topic,
        title=event.title,
        priority=event.priority,
        anonymous=event.reporter == "anonymous",
        labels=event.labels,
        raised_at=recorded.time,
        on_the_spot=event.on_the_spot,
        evidence=event.evidence,
        first_receiver=event.first_receiver,
    )


def _same(issue: Issue, event: Any, recorded: Recorded[Any]) -> Issue:
    return issue


def _assigned(issue: Issue, event: routing.Assigned, recorded: Recorded[Any]) -> Issue:
    issue = replace(
        issue,
        state="assigned",
        level=event.level,
        handler=event.handler,
        first_receiver=issue.first_receiver or event.first_receiver,
        assigned_at=recorded.time,
    )
    return issue.with_deadlines(event.deadlines)


def _accepted(issue: Issue, event: routing.Accepted, recorded: Recorded[Any]) -> Issue:
    return replace(issue, state="in_progress", lapsed=_still_missed(issue, made_good="accept")).without("accept")


def _still_missed(issue: Issue, *, made_good: DeadlineKind) -> Deadline | None:
    """The deadline that is missed yet, once one of that kind is made good."""
    return None if issue.lapsed is not None and issue.lapsed.kind == made_good else issue.lapsed


def _reassigned(issue: Issue, event: routing.Reassigned, recorded: Recorded[Any]) -> Issue:
    return replace(issue, handler=event.handler)


def _reclassified(issue: Issue, event: routing.Reclassified, recorded: Recorded[Any]) -> Issue:
    return replace(issue, topic=event.topic, category=event.category, priority=event.priority).with_deadlines(event.deadlines)


def _warned(issue: Issue, event: routing.DeadlineWarned, recorded: Recorded[Any]) -> Issue:
    warned = issue.deadlines.get(event.deadline_id)
    return issue if warned is None else issue.with_deadlines([warned.model_copy(update={"warn_at": None})])


def _fresh_stay(issue: Issue) -> Issue:
    """A new stay at a level: nothing of the former stay's clocks, returns, suspensions or requests is left."""
    return replace(issue, returns=0, suspensions=0, extensions=0, paused=(), lapsed=None, extension=None, dissatisfied_again=False).without(
        *LEVEL_CLOCKS
    )


def _escalated(issue: Issue, event: routing.Escalated, recorded: Recorded[Any]) -> Issue:
    issue = replace(_fresh_stay(issue), state="assigned", level=event.to_level, handler=event.handler)
    return issue.with_deadlines(event.deadlines)


def _returned(issue: Issue, event: routing.Returned, recorded: Recorded[Any]) -> Issue:
    issue = replace(issue, returns=issue.returns + 1)
    if event.to == "dispatcher":
        return issue
    return replace(issue, state="in_arbitration").without("accept").with_deadlines(event.deadlines)


def _arbitrated(issue: Issue, event: routing.Arbitrated, recorded: Recorded[Any]) -> Issue:
    issue = replace(issue, state="assigned", handler=event.handler, lapsed=_still_missed(issue, made_good="accept"))
    return issue.without("arbitration").with_deadlines(event.deadlines)


def _invited(issue: Issue, event: routing.UnitInvited, recorded: Recorded[Any]) -> Issue:
    return replace(issue, tasks={**issue.tasks, **{task.task_id: task for task in event.tasks}}).with_deadlines(event.deadlines)


def _task_completed(issue: Issue, event: routing.TaskCompleted, recorded: Recorded[Any]) -> Issue:
    left = {key: task for key, task in issue.tasks.items() if key != event.task_id}
    return replace(issue, tasks=left).without_id(f"task-{event.task_id}")


def _task_lapsed(issue: Issue, event: routing.TaskLapsed, recorded: Recorded[Any]) -> Issue:
    return issue.without_id(event.missed.deadline_id)


def _suspended(issue: Issue, event: routing.Suspended, recorded: Recorded[Any]) -> Issue:
    issue = replace(issue, state="suspended", suspensions=issue.suspensions + 1, paused=event.paused)
    for clock in event.paused:
        issue = issue.without_id(clock.deadline.deadline_id)
    return issue.with_deadlines(event.deadlines)


def _resumed(issue: Issue, event: routing.Resumed, recorded: Recorded[Any]) -> Issue:
    issue = replace(issue, state="in_progress").without("suspension").with_deadlines(event.deadlines)
    return replace(issue, paused=())


def _extension_requested(issue: Issue, event: routing.ExtensionRequested, recorded: Recorded[Any]) -> Issue:
    return replace(issue, extension=event).with_deadlines(event.deadlines)


def _extension_decided(issue: Issue, event: routing.ExtensionDecided, recorded: Recorded[Any]) -> Issue:
    granted = issue.extensions + (1 if event.granted else 0)
    return replace(issue, extension=None, extensions=granted).without("extension").with_deadlines(event.deadlines)


def _deadlines_moved(issue: Issue, event: routing.DeadlineChanged, recorded: Recorded[Any]) -> Issue:
    changed = {clock.deadline.deadline_id: clock for clock in event.paused}
    paused = tuple(changed.get(clock.deadline.deadline_id, clock) for clock in issue.paused)
    return replace(issue, paused=paused).with_deadlines(event.deadlines)


def _supervised(issue: Issue, event: routing.Supervised, recorded: Recorded[Any]) -> Issue:
    missed = issue.deadlines.get(event.missed.deadline_id) if event.missed else None
    ended = issue if missed is None else issue.without_id(missed.deadline_id)
    if missed is not None and missed.kind in ("accept", "handle"):
        ended = replace(ended, lapsed=missed)
    supervised = ended.supervised if event.by is None else {**ended.supervised, event.kind: recorded.time}
    return replace(ended, supervised=supervised).with_deadlines(event.deadlines)


def _referred(issue: Issue, event: routing.Referred, recorded: Recorded[Any]) -> Issue:
    issue = replace(issue, state="referred", lapsed=None, extension=None)
    return issue.without("accept", "handle", "extension", "supervise_notice", "supervise_criticism", "promise").with_deadlines(
        event.deadlines
    )


def _interim(issue: Issue, event: routing.InterimAnswered, recorded: Recorded[Any]) -> Issue:
    return issue.with_deadlines(event.deadlines)


def _resolved(issue: Issue, event: routing.Resolved, recorded: Recorded[Any]) -> Issue:
    issue = replace(
        _fresh_stay(issue),
        state="resolved",
        handler=event.handler,
        resolution=event.resolution,
        resolved_by_event=recorded.id,
        promise_lapsed=False,
        tasks={},
    )
    return issue.without("interim", "task", "promise").with_deadlines(event.deadlines)


def _answered(issue: Issue, event: routing.Answered, recorded: Recorded[Any]) -> Issue:
    state = "answered" if issue.state == "resolved" else issue.state
    return replace(issue, state=state, answered=event.resolution).without("answer").with_deadlines(event.deadlines)


def _visit_due(issue: Issue, event: routing.VisitDue, recorded: Recorded[Any]) -> Issue:
    if event.reason == "promise_lapsed":
        return replace(issue, promise_lapsed=True).without("promise")
    again = event.reason == "dissatisfied_again"
    issue = replace(issue, state="visit_due", dissatisfied_again=again, closed_at=None)
    return issue.without("answer", "rating", "visit").with_deadlines(event.deadlines)


def _reopened(issue: Issue, event: routing.Reopened, recorded: Recorded[Any]) -> Issue:
    issue = replace(_fresh_stay(issue), closed_at=None, promise_lapsed=False).without("promise")
    if event.handler is None:
        return issue
    return replace(issue, state="assigned", handler=event.handler).with_deadlines(event.deadlines)


def _closed(issue: Issue, event: routing.Closed, recorded: Recorded[Any]) -> Issue:
    promises = {key: deadline for key, deadline in issue.deadlines.items() if deadline.kind == "promise"}
    kept = {} if event.how == "withdrawn" else promises
    return replace(issue, state="closed", closed_at=recorded.time, deadlines=kept, tasks={}, paused=(), lapsed=None, extension=None)


_RULES: Mapping[type[Event], Callable[[Issue, Any, Recorded[Any]], Issue]] = {
    intake.IssueWithdrawn: _same,
    intake.Rated: _same,
    intake.ReopenAsked: _same,
    intake.AttachmentAdded: _same,
    intake.ReporterErased: _same,
    notify.NoticeDelivered: _same,
    notify.NoticeFailed: _same,
    routing.Assigned: _assigned,
    routing.Accepted: _accepted,
    routing.Reassigned: _reassigned,
    routing.Reclassified: _reclassified,
    routing.ProgressReported: _same,
    routing.DeadlineWarned: _warned,
    routing.Escalated: _escalated,
    routing.Returned: _returned,
    routing.Arbitrated: _arbitrated,
    routing.UnitInvited: _invited,
    routing.TaskCompleted: _task_completed,
    routing.TaskLapsed: _task_lapsed,
    routing.Suspended: _suspended,
    routing.Resumed: _resumed,
    routing.ExtensionRequested: _extension_requested,
    routing.ExtensionDecided: _extension_decided,
    routing.DeadlineChanged: _deadlines_moved,
    routing.Supervised: _supervised,
    routing.Referred: _referred,
    routing.InterimAnswered: _interim,
    routing.Resolved: _resolved,
    routing.Answered: _answered,
    routing.VisitDue: _visit_due,
    routing.ReturnVisited: _same,
    routing.Reopened: _reopened,
    routing.Closed: _closed,
}
