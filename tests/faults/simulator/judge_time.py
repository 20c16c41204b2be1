"""I3 (deadlines) and I4 (Closed after Answered, and somebody waits for every deadline)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from services.routing.domain.state import Issue
from services.routing.workflows import workflow_id
from shared.contracts import routing as told
from shared.contracts.envelope import Recorded
from shared.contracts.values import Deadline
from tests.faults.simulator.judge_log import Found, issues
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.trouble import Trouble

SKEW = timedelta(hours=2)
"""Two of the faults may have moved the clocks apart."""
LATE = timedelta(seconds=66)
"""I4: 60 s, and the overseer looks every five."""


def deadlines(cell: Cell) -> Found:
    """I3: each lapses once, never before its instant; an outage lifts an issue one level."""
    for stream, past in issues(cell).items():
        for what, detail in _of_one(cell, past):
            yield "I3", f"{stream} {what}", detail
        issue = cell.fold(past)
        for deadline in issue.running if issue else ():
            if deadline.due_at < cell.store.now - LATE:
                yield "I3", f"{stream} {deadline.deadline_id}", f"due {deadline.due_at}, not enforced by {cell.store.now}"


def _of_one(cell: Cell, past: list[Recorded[Any]]) -> Iterator[tuple[str, str]]:
    stated: dict[str, Deadline] = {}
    lapsed: dict[tuple[str, str], Any] = {}
    issue: Issue | None = None
    climbed: Recorded[Any] | None = None
    for place, recorded in enumerate(past, 1):
        event = recorded.data
        missed = getattr(event, "missed", None)
        if missed is not None:
            lapse = recorded.name, missed.deadline_id
            if recorded.time < missed.due_at:
                yield missed.deadline_id, f"lapsed at {recorded.time}, before {missed.due_at}"
            if missed.deadline_id not in stated or stated[missed.deadline_id].due_at != missed.due_at:
                yield missed.deadline_id, "lapsed otherwise than it was stated"
            if lapse in lapsed:
                yield missed.deadline_id, f"lapsed twice: {lapsed[lapse]} and {recorded.time}"
            lapsed[lapse] = recorded.time
        if isinstance(event, told.DeadlineWarned) and issue is not None:
            warned = issue.deadlines.get(event.deadline_id)
            if warned is None or warned.warn_at is None or warned.warn_at > recorded.time:
                yield event.deadline_id, f"warned at {recorded.time}, not at its instant"
        if isinstance(event, told.Escalated) and event.reason.endswith("_missed"):
            if climbed is not None and climbed.time == recorded.time:
                yield "level", f"climbed twice at {recorded.time}"
            climbed = recorded
        issue = cell.fold(past[:place])
        stated |= {each.deadline_id: each for each in getattr(event, "deadlines", ())}


def closed_after_answered(cell: Cell) -> Found:
    """I4: every `Closed` has an earlier `Answered` of the same resolution, in the same append for a withdrawal."""
    for stream, past in issues(cell).items():
        resolution, answered = 0, -1
        for recorded in past:
            match recorded.data:
                case told.Resolved():
                    resolution = recorded.data.resolution
                case told.Answered():
                    answered = recorded.data.resolution
                case told.Closed() if answered != resolution:
                    yield "I4", stream, f"closed at version {recorded.version}, resolution {resolution} was not answered"
                case _:
                    pass


def timers_wait(cell: Cell, trouble: Trouble, *, quiet: bool) -> Found:
    """I4: every open issue is routed, and has a workflow that waits for its next instant.

    Without one only where Temporal lost its database and nobody reseated; then the overseer finds the issue 60 s past its deadline.
    """
    skewed = cell.store.skew != cell.temporal.skew
    for stream, past in issues(cell).items():
        issue = cell.fold(past)
        assert issue is not None
        if issue.state is None:
            yield "I4", stream, "raised, and nobody was put in charge"
        due = issue.next_instant
        if due is None:
            continue
        if due < cell.store.now - LATE:
            yield "I4", stream, f"next instant {due} has passed and nobody acts"
        workflow = cell.temporal.running.get(workflow_id(stream))
        if workflow is None:
            if not trouble.forgotten or (quiet and due < cell.store.now):
                yield "I4", stream, f"nothing waits for {due}"
        elif (
            workflow.wakes_at is not None
            and not skewed
            and workflow.wakes_at - cell.temporal.skew > due - cell.store.skew + timedelta(seconds=1)
        ):
            yield "I4", stream, f"its workflow waits for {workflow.wakes_at}, not for {due}"
