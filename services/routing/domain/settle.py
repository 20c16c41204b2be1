"""`settle`: everything that is due, in the order in which it became due. Whoever comes first calls it: timer, subscriber or command.

Two kinds of things become due: facts of intake and notify whose consequence is routing's (a raised issue, a rating, a delivered notice …)
at the instant they were recorded, and deadlines at theirs. So a rating recorded before its window closed counts, however late routing
reads it, and a missed deadline is recorded even when the next command is refused.
"""

from datetime import datetime
from typing import Any, cast

from services.routing.domain.commands import Context
from services.routing.domain.consequences import CONSEQUENCES
from services.routing.domain.evolve import evolve
from services.routing.domain.lapses import LAPSES, warn
from services.routing.domain.state import Issue
from services.routing.domain.steps import Events
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.values import Deadline


def imagine(issue: Issue, events: Events, now: datetime) -> Issue:
    """The state once `events` will be recorded; used inside one decision only (identities and hashes come with the append)."""
    for event in events:
        issue = evolve(issue, _imagined(issue, event, now))
    return issue


def _imagined(issue: Issue, event: Event, now: datetime) -> Recorded[Event]:
    return Recorded(
        id="",
        source="/huiyin/routing",
        stream=issue.issue_id,
        version=issue.stream_version + 1,
        time=now,
        region=issue.village,
        correlation_id=issue.correlation_id,
        causation_id=None,
        traceparent=None,
        prev_hash=None,
        hash="",
        data=event,
    )


def settle(issue: Issue, context: Context) -> tuple[Events, Issue]:
    """The events that are due by now, and the state after them. Empty when nothing is due."""
    events: list[Event] = []
    facts = list(issue.unsettled)
    while True:
        fact = facts[0] if facts else None
        deadline = _lapsed(issue, context.now)
        if fact is not None and (deadline is None or fact.time <= deadline.due_at):
            facts.pop(0)
            new = _consequence(issue, fact, context)
        elif deadline is not None:
            new = LAPSES[deadline.kind](issue, deadline, context)
        else:
            warned = _warned(issue, context.now)
            if warned is None:
                return tuple(events), issue
            new = warn(warned)
        events.extend(new)
        issue = imagine(issue, new, context.now)


def _consequence(issue: Issue, fact: Recorded[Any], context: Context) -> Events:
    rule = CONSEQUENCES.get(cast("type[Event]", type(fact.data)))
    return rule(issue, fact, context) if rule is not None else ()


def _lapsed(issue: Issue, now: datetime) -> Deadline | None:
    return next((deadline for deadline in issue.running if deadline.due_at <= now), None)


def _warned(issue: Issue, now: datetime) -> Deadline | None:
    return next((deadline for deadline in issue.running if deadline.warn_at is not None and deadline.warn_at <= now), None)
