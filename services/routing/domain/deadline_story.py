"""What happened to one deadline, told from the events of its issue: by which it was set, stopped, extended, moved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.domain.evolve import replay
from services.routing.domain.policy import Facts
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import (
    DeadlineChanged,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    PausedClock,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Suspended,
    UnitInvited,
)
from shared.contracts.values import Deadline

History = Sequence[Recorded[Event]]


@dataclass(frozen=True, slots=True)
class Setting:
    """The event by whose rules a deadline stands, and the facts of the issue that the rules saw then.

    `warned_by` is the event whose rules placed the warning: the same, unless a roll-out or an extension moved the deadline since.
    """

    event: Recorded[Event]
    facts: Facts
    warned_by: Recorded[Event]


def set_by(deadline: Deadline, history: History) -> Setting | None:
    """Where the rule of a deadline comes from; None if no event of `history` sets it.

    A pause, an extension or another calendar leaves the rule as it is; a reclassification or another policy replaces it.
    """
    found: int | None = None
    by: Recorded[Event] | None = None
    before: tuple[object, ...] = ()
    for index, recorded in enumerate(history):
        stated = next((each for each in stated_by(recorded) if each.deadline_id == deadline.deadline_id), None)
        if stated is None:
            continue
        reasons = (stated.policy_version, stated.rule, stated.setting, stated.allowance, stated.started_at)
        if reasons != before:
            found, by, before = index, recorded, reasons
        elif isinstance(recorded.data, DeadlineChanged | ExtensionDecided):
            by = recorded
    issue = replay(history[: found + 1]) if found is not None else None
    if found is None or issue is None or by is None:
        return None
    return Setting(history[found], issue.facts(), by)


def stated_by(recorded: Recorded[Event]) -> tuple[Deadline, ...]:
    """Every deadline that an event sets or moves, and those that it stops or moves while they stand still."""
    running: tuple[Deadline, ...] = getattr(recorded.data, "deadlines", ())
    stopped: tuple[PausedClock, ...] = getattr(recorded.data, "paused", ())
    return (*running, *(clock.deadline for clock in stopped))


def chosen_date(deadline: Deadline, history: History) -> datetime | None:
    """The date that a person chose, where they said it: with the task, the promise, the suspension or the request for an extension.

    None for a deadline that no person chose, or whose choice `history` does not hold.
    """
    dates = (
        _granted(index, deadline, history) if deadline.extended else _named(recorded, deadline) for index, recorded in enumerate(history)
    )
    return next((date for date in reversed(tuple(dates)) if date is not None), None)


def _named(recorded: Recorded[Event], deadline: Deadline) -> datetime | None:
    event = recorded.data
    if isinstance(event, UnitInvited):
        return next((task.due_at for task in event.tasks if deadline.deadline_id == f"task-{task.task_id}"), None)
    if all(each.deadline_id != deadline.deadline_id for each in getattr(event, "deadlines", ())):
        return None
    if isinstance(event, Suspended):
        return event.until
    return event.promised_by if isinstance(event, Referred | Resolved) else None


def _granted(index: int, deadline: Deadline, history: History) -> datetime | None:
    event = history[index].data
    if not isinstance(event, ExtensionDecided) or all(each.deadline_id != deadline.deadline_id for each in event.deadlines):
        return None
    asked = _asked(index, history)
    return asked[1].until if asked is not None else None


def _asked(index: int, history: History) -> tuple[datetime, ExtensionRequested] | None:
    """The request that the decision at `index` answers, and when it was made."""
    for recorded in reversed(history[:index]):
        if isinstance(recorded.data, ExtensionRequested):
            return recorded.time, recorded.data
    return None


def pauses(deadline: Deadline, history: History) -> list[dict[str, Any]]:
    """Each stop: `from`, `until` (null: it stands still yet), `condition`, `by`."""
    found: list[dict[str, Any]] = []
    for recorded in history:
        event = recorded.data
        if isinstance(event, Suspended) and any(clock.deadline.deadline_id == deadline.deadline_id for clock in event.paused):
            found.append({"from": recorded.time, "until": None, "condition": event.condition, "by": event.by})
        elif isinstance(event, Resumed | Escalated | Reopened) and found and found[-1]["until"] is None:
            found[-1]["until"] = recorded.time
    return found


def extensions(deadline: Deadline, history: History) -> list[dict[str, Any]]:
    """Each granted extension: `at`, `until`, `former_due_at`, `reason` and `by` of the grant, `asked_at` and `asked_for` of the request."""
    found: list[dict[str, Any]] = []
    former: datetime | None = None
    for index, recorded in enumerate(history):
        stated = next((each for each in stated_by(recorded) if each.deadline_id == deadline.deadline_id), None)
        if stated is None:
            continue
        event = recorded.data
        if isinstance(event, ExtensionDecided):
            asked = _asked(index, history)
            found.append(
                {
                    "at": recorded.time,
                    "until": stated.due_at,
                    "former_due_at": former,
                    "reason": event.reason,
                    "by": event.by,
                    "asked_at": asked[0] if asked else None,
                    "asked_for": asked[1].reason if asked else None,
                }
            )
        former = stated.due_at
    return found


def moves(deadline: Deadline, history: History) -> list[dict[str, Any]]:
    """Each time a new policy or calendar moved it: `at`, `reason`, `former_due_at`, `due_at`, `grace`, `rollout_id`.

    While a suspension stopped it, `former_due_at` and `due_at` are when it would fall if it ran on at that instant.
    """
    found: list[dict[str, Any]] = []
    for recorded in history:
        event = recorded.data
        if not isinstance(event, DeadlineChanged):
            continue
        former = next((each for each in event.former if each.deadline_id == deadline.deadline_id), None)
        moved = next((each for each in stated_by(recorded) if each.deadline_id == deadline.deadline_id), None)
        if former is not None and moved is not None:
            found.append(
                {
                    "at": recorded.time,
                    "reason": event.reason,
                    "former_due_at": former.due_at,
                    "due_at": moved.due_at,
                    "grace": deadline.deadline_id in event.grace,
                    "rollout_id": event.rollout_id,
                }
            )
    return found
