"""Reclassification: another topic, category or priority, and what it moves (domain.md rule 8 and "Default deadlines")."""

from dataclasses import replace

from services.routing.domain.clocks import by_rule
from services.routing.domain.commands import Actor, Context, Reclassify
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events, escalate
from shared.contracts.routing import Reassigned, Reclassified
from shared.contracts.values import Deadline, DeadlineKind

_BY_PRIORITY: tuple[DeadlineKind, ...] = ("accept", "handle")


def reclassify(issue: Issue, command: Reclassify, actor: Actor, context: Context) -> Events:
    """`Reclassified`, and then where the issue now belongs: conduct to the township's discipline office, another topic to its unit."""
    changed = replace(
        issue,
        topic=command.topic or issue.topic,
        category=command.category or issue.category,
        priority=command.priority or issue.priority,
    )
    lifted = changed.category == "conduct" and issue.category != "conduct" and issue.level == "village"
    event = Reclassified(
        topic=changed.topic,
        category=changed.category,
        priority=changed.priority,
        reason=command.reason,
        by=actor.subject,
        deadlines=() if lifted else _sooner(changed, context),
    )
    if lifted:
        return (event, *escalate(changed, context, "reclassified", note=command.reason, by=actor.subject))
    return (event, *_moved(issue, changed, actor, context))


def _sooner(issue: Issue, context: Context) -> tuple[Deadline, ...]:
    """Clocks that the new rules make sooner, counted from now. A later one is not taken: the reporter keeps what was promised."""
    sooner: list[Deadline] = []
    for kind in _BY_PRIORITY:
        running = issue.running_of(kind)
        if running is None:
            continue
        fresh = by_rule(issue, context, kind)
        if fresh.due_at < running.due_at:
            sooner.append(fresh.model_copy(update={"deadline_id": running.deadline_id}))
    return tuple(sooner)


def _moved(issue: Issue, changed: Issue, actor: Actor, context: Context) -> Events:
    assert issue.level is not None
    assert issue.handler is not None
    seat = context.directory.unit_for(changed.village, issue.level, changed.topic, changed.category)
    same = context.directory.unit_for(issue.village, issue.level, issue.topic, issue.category) == seat
    if same or issue.handler.unit == seat:
        return ()
    handler = context.directory.seat(changed.village, issue.level, changed.topic, changed.category)
    return (Reassigned(handler=handler, reason="reclassified", by=actor.subject),)
