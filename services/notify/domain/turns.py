"""Which event tells whom what (domain.md rule 10): the one table, pure.

`TURNS` names every event that is told; `QUIET` every other event of an issue with the reason why nobody hears of it. An event in
neither is an error, not a silence.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.notify.domain.errors import UntoldEvent
from services.notify.domain.notice import REPORTER, Facts, Notice, to_officer, to_role
from services.notify.domain.state import Issue
from shared.contracts import intake, notify, routing
from shared.contracts.event import Event
from shared.contracts.values import Deadline, Handler, Level
from shared.regions import LADDER, at_level

Turn = Callable[[Issue | None, Issue, Any], tuple[Notice, ...]]
"""(issue before, issue after, event) → notices."""


def decide(before: Issue | None, after: Issue, event: Event) -> tuple[Notice, ...]:
    """The notices that `event` owes. Nothing to a reporter who stayed anonymous: the tracking page tells them. Raises `UntoldEvent`."""
    turn = TURNS.get(type(event))
    if turn is None:
        if type(event) in QUIET:
            return ()
        raise UntoldEvent(type(event).__name__)
    return tuple(notice for notice in turn(before, after, event) if not (notice.to_reporter and after.anonymous))


def _raised(before: Issue | None, after: Issue, event: intake.IssueRaised) -> tuple[Notice, ...]:
    return () if after.on_the_spot else (Notice(recipient=REPORTER, kind="received"),)


def _assigned(before: Issue | None, after: Issue, event: routing.Assigned) -> tuple[Notice, ...]:
    facts = _charge(after)
    reopened = before.reopened if before else None
    to_reporter = (
        Notice(recipient=REPORTER, kind="reopened", facts=facts.model_copy(update={"reason": reopened}))
        if reopened
        else Notice(recipient=REPORTER, kind="assigned", facts=facts)
    )
    return (to_reporter, _to_handler("assigned", after, facts))


def _handed_over(before: Issue | None, after: Issue, event: routing.Reassigned | routing.Arbitrated) -> tuple[Notice, ...]:
    """The reporter hears of another unit; a colleague of the same unit concerns staff only."""
    facts = _charge(after).model_copy(update={"note": event.reason})
    changed_unit = not (before and before.handler and before.handler.unit == event.handler.unit)
    same_officer = before is not None and before.handler == event.handler
    notices: list[Notice] = []
    if changed_unit:
        notices.append(Notice(recipient=REPORTER, kind="assigned", facts=facts))
    if not same_officer or isinstance(event, routing.Arbitrated):
        notices.append(_to_handler("assigned", after, facts))
    return tuple(notices)


def _escalated(before: Issue | None, after: Issue, event: routing.Escalated) -> tuple[Notice, ...]:
    former = before.handler if before else None
    missed = _missed(before, event)
    facts = _charge(after).model_copy(
        update={
            "from_level": event.from_level,
            "from_handler": former,
            "reason": event.reason,
            "note": event.note,
            "missed_at": event.missed.due_at if event.missed else None,
            "allowance": missed.allowance if missed else None,
        }
    )
    notices = [Notice(recipient=REPORTER, kind="escalated", facts=facts), _to_handler("escalated_to", after, facts)]
    if former and former.officer_id and former.officer_id != event.handler.officer_id and not _hidden_from(event.from_level, after):
        notices.append(Notice(recipient=to_officer(former.officer_id), kind="escalated_from", facts=facts))
    return tuple(notices)


def _reopened(before: Issue | None, after: Issue, event: routing.Reopened) -> tuple[Notice, ...]:
    """At the top the event itself names who goes on; below, `Escalated` or `Assigned` of the same append tells it."""
    if event.handler is None:
        return ()
    facts = _charge(after).model_copy(update={"level": event.level, "reason": event.reason, "note": event.note})
    return (Notice(recipient=REPORTER, kind="reopened", facts=facts), _to_handler("assigned", after, facts))


def _suspended(before: Issue | None, after: Issue, event: routing.Suspended) -> tuple[Notice, ...]:
    facts = Facts(level=after.level, handler=after.handler, note=event.condition, until=event.until)
    return (Notice(recipient=REPORTER, kind="suspended", facts=facts),)


def _referred(before: Issue | None, after: Issue, event: routing.Referred) -> tuple[Notice, ...]:
    facts = Facts(level=after.level, handler=after.handler, to=event.to, promised_by=event.promised_by)
    return (Notice(recipient=REPORTER, kind="referred", facts=facts),)


def _interim(before: Issue | None, after: Issue, event: routing.InterimAnswered) -> tuple[Notice, ...]:
    facts = Facts(level=event.level, handler=event.handler, state=event.state, handle=after.handle)
    return (Notice(recipient=REPORTER, kind="interim", facts=facts),)


def _resolved(before: Issue | None, after: Issue, event: routing.Resolved) -> tuple[Notice, ...]:
    facts = Facts(
        level=None if event.level == "on_the_spot" else event.level,
        handler=event.handler,
        outcome=event.outcome,
        result=event.result,
        note=event.reason,
        promised_by=event.promised_by,
        on_the_spot=event.level == "on_the_spot",
    )
    return (Notice(recipient=REPORTER, kind="resolved", facts=facts),)


def _closed(before: Issue | None, after: Issue, event: routing.Closed) -> tuple[Notice, ...]:
    """On the spot everything was said in the one notice of the resolution."""
    if event.how == "on_the_spot":
        return ()
    return (Notice(recipient=REPORTER, kind="closed", facts=Facts(reason=event.how, note=event.reason)),)


def _warned(before: Issue | None, after: Issue, event: routing.DeadlineWarned) -> tuple[Notice, ...]:
    running = after.accept if event.kind == "accept" else after.handle
    facts = _charge(after).model_copy(
        update={"deadline_kind": event.kind, "until": event.due_at, "allowance": running.allowance if running else None}
    )
    return (_to_handler("warned", after, facts),)


def _supervised(before: Issue | None, after: Issue, event: routing.Supervised) -> tuple[Notice, ...]:
    facts = _charge(after).model_copy(
        update={"supervision": event.kind, "reason": event.reason, "missed_at": event.missed.due_at if event.missed else None}
    )
    return (Notice(recipient=_staff(event.target, after), kind="supervised", facts=facts),)


def _asked_above(kind: str, after: Issue, facts: Facts) -> Notice:
    """To whom decides: the dispatcher of the level above, at the top the supervisor (domain.md, U)."""
    level = after.level or LADDER[0]
    rung = LADDER.index(level) + 1
    if rung < len(LADDER):
        return Notice(recipient=to_role("dispatcher", at_level(after.region, LADDER[rung])), kind=kind, facts=facts)
    return Notice(recipient=to_role("supervisor", at_level(after.region, level)), kind=kind, facts=facts)


def _returned(before: Issue | None, after: Issue, event: routing.Returned) -> tuple[Notice, ...]:
    """The first return goes to the dispatcher by `Reassigned`; the second has to be decided above."""
    if event.to == "dispatcher":
        return ()
    by = next((deadline.due_at for deadline in event.deadlines if deadline.kind == "arbitration"), None)
    facts = _charge(after).model_copy(update={"note": event.reason, "decide_by": by})
    return (_asked_above("arbitration_asked", after, facts),)


def _extension_requested(before: Issue | None, after: Issue, event: routing.ExtensionRequested) -> tuple[Notice, ...]:
    by = next((deadline.due_at for deadline in event.deadlines if deadline.kind == "extension"), None)
    facts = _charge(after).model_copy(update={"note": event.reason, "until": event.until, "decide_by": by})
    return (_asked_above("extension_asked", after, facts),)


def _extension_decided(before: Issue | None, after: Issue, event: routing.ExtensionDecided) -> tuple[Notice, ...]:
    """Silence is a no: by `null`, the reason says what came first."""
    reason = "granted" if event.granted else event.reason if event.by is None else "refused"
    facts = _charge(after).model_copy(update={"reason": reason, "note": event.reason if event.by else None})
    return (Notice(recipient=_staff(after.handler, after), kind="extension_decided", facts=facts),)


def _invited(before: Issue | None, after: Issue, event: routing.UnitInvited) -> tuple[Notice, ...]:
    """One message to each officer, however many tasks they have."""
    by_recipient: dict[str, Facts] = {}
    for task in event.tasks:
        recipient = _staff(task.handler, after)
        known = by_recipient.get(recipient, _charge(after))
        by_recipient[recipient] = known.model_copy(update={"tasks": (*known.tasks, task)})
    return tuple(Notice(recipient=recipient, kind="task_invited", facts=facts) for recipient, facts in by_recipient.items())


def _visit_due(before: Issue | None, after: Issue, event: routing.VisitDue) -> tuple[Notice, ...]:
    by = next((deadline.due_at for deadline in event.deadlines if deadline.kind == "visit"), None)
    facts = _charge(after).model_copy(update={"reason": event.reason, "visit_by": by})
    return (Notice(recipient=_staff(event.first_receiver, after), kind="visit_due", facts=facts),)


def digest(event: routing.RolloutCompleted, counties: tuple[str, ...]) -> tuple[Notice, ...]:
    """What the supervisors of each county hear of a policy roll-out: one digest, not a message an issue."""
    facts = Facts(
        policy=event.policy,
        version=event.version,
        moved=event.moved,
        failed=event.failed,
        calendar_version=event.calendar_version,
        cancelled=event.cancelled,
    )
    return tuple(Notice(recipient=to_role("supervisor", county), kind="rollout", facts=facts) for county in counties)


def _charge(issue: Issue) -> Facts:
    return Facts(level=issue.level, handler=issue.handler, accept=issue.accept, handle=issue.handle)


def _to_handler(kind: str, issue: Issue, facts: Facts) -> Notice:
    """To the officer in charge; where nobody is on duty, to the supervisor, who has to find somebody (domain.md rule 1)."""
    if issue.handler and issue.handler.officer_id:
        return Notice(recipient=to_officer(issue.handler.officer_id), kind=kind, facts=facts)
    return Notice(recipient=_staff(None, issue), kind="warned" if kind == "warned" else "unattended", facts=facts)


def _staff(target: Handler | None, issue: Issue) -> str:
    if target and target.officer_id:
        return to_officer(target.officer_id)
    return to_role("supervisor", at_level(issue.region, "county"))


def _hidden_from(level: Level, issue: Issue) -> bool:
    """Village staff do not hear where a conduct matter went: it may be about them (domain.md rule 8)."""
    return issue.category == "conduct" and level == "village"


def _missed(before: Issue | None, event: routing.Escalated) -> Deadline | None:
    if before is None or event.missed is None:
        return None
    clocks = (before.accept, before.handle)
    return next((clock for clock in clocks if clock and clock.deadline_id == event.missed.deadline_id), None)


TURNS: Mapping[type[Event], Turn] = {
    intake.IssueRaised: _raised,
    routing.Assigned: _assigned,
    routing.Reassigned: _handed_over,
    routing.Arbitrated: _handed_over,
    routing.Escalated: _escalated,
    routing.Reopened: _reopened,
    routing.Returned: _returned,
    routing.ExtensionRequested: _extension_requested,
    routing.ExtensionDecided: _extension_decided,
    routing.Suspended: _suspended,
    routing.Referred: _referred,
    routing.InterimAnswered: _interim,
    routing.Resolved: _resolved,
    routing.Closed: _closed,
    routing.DeadlineWarned: _warned,
    routing.Supervised: _supervised,
    routing.UnitInvited: _invited,
    routing.VisitDue: _visit_due,
}

QUIET: Mapping[type[Event], str] = {
    intake.IssueWithdrawn: "Closed follows and is told",
    intake.Rated: "the reporter did it; Closed or Reopened follows",
    intake.ReopenAsked: "the reporter did it; Reopened follows",
    intake.AttachmentAdded: "no turn",
    intake.ReporterErased: "nobody is left to tell: what is queued finds no contact",
    routing.Accepted: "who and until when was told with the assignment",
    routing.Reclassified: "a new unit or level is told by the event that follows",
    routing.ProgressReported: "stands on the tracking page",
    routing.TaskCompleted: "the handler sees it in the worklist",
    routing.TaskLapsed: "Supervised follows",
    routing.Resumed: "the date was told with Suspended",
    routing.DeadlineChanged: "RolloutCompleted tells it once for all",
    routing.Answered: "it is the notice that answers",
    routing.ReturnVisited: "told face to face",
    notify.NoticeDelivered: "about a notice itself",
    notify.NoticeFailed: "about a notice itself",
}
