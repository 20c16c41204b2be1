"""Steps that several decisions share: assign, lift, answer, close. Each returns the events of one append."""

from typing import Literal

from services.routing.domain.clocks import by_rule, level_clocks
from services.routing.domain.commands import Context
from services.routing.domain.state import Issue
from shared.contracts import Event
from shared.contracts.routing import (
    Answered,
    Assigned,
    Closed,
    Escalated,
    EscalationReason,
    ExtensionDecided,
    Reopened,
    Supervised,
    VisitDue,
)
from shared.contracts.values import Deadline, Handler, Level, Missed, RatingValue
from shared.regions import LADDER

Events = tuple[Event, ...]


def missed(deadline: Deadline) -> Missed:
    """The deadline that lapsed, as events name it."""
    return Missed(deadline_id=deadline.deadline_id, due_at=deadline.due_at)


def entry_level(issue: Issue) -> Level:
    """Where an issue starts: the village, a conduct matter at the township (domain.md rule 8)."""
    return "township" if issue.category == "conduct" else "village"


def level_above(level: Level) -> Level | None:
    """The next rung; None at the top."""
    rung = LADDER.index(level) + 1
    return LADDER[rung] if rung < len(LADDER) else None


def assign(issue: Issue, context: Context) -> Events:
    """The first assignment, with the first receiver where intake named none."""
    level = entry_level(issue)
    handler = context.directory.seat(issue.village, level, issue.topic, issue.category)
    event = Assigned(
        level=level,
        handler=handler,
        first_receiver=issue.first_receiver or handler,
        deadlines=level_clocks(issue, context, level),
    )
    return (event, *_tell_if_nobody(issue, context, handler))


def _tell_if_nobody(issue: Issue, context: Context, handler: Handler) -> Events:
    """Nobody on duty: clocks run regardless, and the supervisor is told (domain.md rule 1)."""
    if handler.officer_id is not None:
        return ()
    return (urge("supervisor", context.directory.supervisor(issue.village), reason="nobody_on_duty"),)


def urge(
    to: Literal["handler", "unit", "first_receiver", "supervisor"],
    target: Handler | None,
    *,
    lapsed: Deadline | None = None,
    deadlines: tuple[Deadline, ...] = (),
    reason: str | None = None,
) -> Supervised:
    """The system's own urge."""
    return Supervised(
        kind="urge", to=to, target=target, missed=missed(lapsed) if lapsed else None, by=None, reason=reason, deadlines=deadlines
    )


def escalate(
    issue: Issue,
    context: Context,
    reason: EscalationReason,
    *,
    lapsed: Deadline | None = None,
    words: str | None = None,
    note: str | None = None,
    by: str | None = None,
) -> Events:
    """One level up with new clocks (below the top only). A pending extension ends refused."""
    assert issue.level is not None
    above = level_above(issue.level)
    assert above is not None, "nothing is above the top"
    handler = context.directory.seat(issue.village, above, issue.topic, issue.category)
    event = Escalated(
        from_level=issue.level,
        to_level=above,
        reason=reason,
        missed=missed(lapsed) if lapsed else None,
        handler=handler,
        deadlines=level_clocks(issue, context, above),
        words=words,
        note=note,
        by=by,
    )
    return (*refuse_extension(issue), event, *_tell_if_nobody(issue, context, handler))


def refuse_extension(issue: Issue, reason: str = "deadline_came_first") -> Events:
    """A request that nobody decided in time is refused: silence is a no."""
    if issue.extension is None:
        return ()
    return (ExtensionDecided(granted=False, reason=reason, by=None),)


def climb(
    issue: Issue,
    context: Context,
    reason: Literal["dissatisfied", "visit_not_content", "reopened"],
    *,
    words: str | None = None,
    note: str | None = None,
    by: str | None = None,
) -> Events:
    """A↑ after a resolution that did not hold: `Reopened`, then one level up; at the top new clocks there and an urge."""
    if issue.level is None:
        again = Reopened(reason=reason, level=entry_level(issue), words=words, note=note, by=by)
        return (again, *assign(issue, context))
    if level_above(issue.level) is not None:
        again = Reopened(reason=reason, level=issue.level, words=words, note=note, by=by)
        return (again, *escalate(issue, context, reason, words=words, note=note, by=by))
    again = Reopened(
        reason=reason,
        level=issue.level,
        handler=issue.handler,
        words=words,
        note=note,
        by=by,
        deadlines=level_clocks(issue, context, issue.level),
    )
    return (again, urge("handler", issue.handler, reason=reason))


def answer_first(issue: Issue, how: Literal["return_visit", "rating", "withdrawal", "tracking_page"]) -> Events:
    """`Answered`, unless the present resolution was answered before."""
    if issue.resolution and issue.answered == issue.resolution:
        return ()
    return (Answered(resolution=issue.resolution, how=how),)


def answered(issue: Issue, context: Context, how: Literal["notice", "tracking_page"]) -> Answered:
    """The reporter knows the outcome; the rating window opens."""
    return Answered(resolution=issue.resolution, how=how, deadlines=(by_rule(issue, context, "rating"),))


def close(
    how: Literal["rated", "return_visit", "window_lapsed", "withdrawn", "on_the_spot", "final"],
    *,
    rating: RatingValue | None = None,
    reason: str | None = None,
) -> Closed:
    """Struck off."""
    return Closed(how=how, rating=rating, reason=reason)


def visit(
    issue: Issue,
    context: Context,
    reason: Literal["not_answered", "notice_failed", "not_rated", "dissatisfied_again"],
    *,
    lapsed: Deadline | None = None,
    words: str | None = None,
) -> VisitDue:
    """The first receiver must go and ask, within the visit's own deadline."""
    return VisitDue(
        reason=reason,
        first_receiver=issue.first_receiver,
        missed=missed(lapsed) if lapsed else None,
        words=words,
        deadlines=(by_rule(issue, context, "visit"),),
    )
