"""What notify remembers of an issue so that a later event can be told in one sentence. No personal data: none is in the events."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.notify.domain.errors import UnknownIssue
from shared.contracts import intake, routing
from shared.contracts.envelope import Recorded
from shared.contracts.event import Event
from shared.contracts.values import Category, Deadline, Handler, Level


class Issue(BaseModel):
    """An issue as notify knows it.

    `accept` and `handle` are the running clocks of the handler, None where they stand or ended. `reopened` holds from `Reopened`
    until the next assignment, so that the two are told in one message.
    """

    model_config = ConfigDict(frozen=True)

    issue_id: str
    region: str
    number: str
    title: str
    category: Category
    anonymous: bool
    on_the_spot: bool = False
    level: Level | None = None
    handler: Handler | None = None
    first_receiver: Handler | None = None
    accept: Deadline | None = None
    handle: Deadline | None = None
    reopened: Literal["dissatisfied", "visit_not_content", "reopened"] | None = None


def evolve(issue: Issue | None, recorded: Recorded[Event]) -> Issue:
    """The issue after an event of its stream. Raises `UnknownIssue` when the stream does not begin with `IssueRaised`."""
    match recorded.data:
        case intake.IssueRaised() as event:
            return Issue(
                issue_id=recorded.stream,
                region=recorded.region or "",
                number=event.number,
                title=event.title,
                category=event.category,
                anonymous=event.reporter == "anonymous",
                on_the_spot=event.on_the_spot is not None,
                first_receiver=event.first_receiver,
            )
        case other if issue is None:
            raise UnknownIssue(f"{recorded.stream}: {type(other).__name__} at version {recorded.version}")
        case other:
            return issue.model_copy(update=_changes(other))


def _changes(event: Event) -> dict[str, Any]:
    match event:
        case routing.Assigned():
            return {
                "level": event.level,
                "handler": event.handler,
                "first_receiver": event.first_receiver,
                "on_the_spot": False,
                "reopened": None,
                **_clocks(event.deadlines),
            }
        case routing.Escalated():
            stopped = {"accept": None, "handle": None}
            return {"level": event.to_level, "handler": event.handler, "reopened": None, **stopped, **_clocks(event.deadlines)}
        case routing.Reopened():
            handler = {"handler": event.handler} if event.handler else {}
            return {"reopened": event.reason, **handler, **_clocks(event.deadlines)}
        case routing.Reassigned() | routing.Arbitrated():
            return {"handler": event.handler, **_clocks(getattr(event, "deadlines", ()))}
        case routing.Reclassified():
            return {"category": event.category, **_clocks(event.deadlines)}
        case routing.Accepted():
            return {"accept": None}
        case routing.Suspended() | routing.Referred() | routing.Resolved():
            return {"accept": None, "handle": None}
        case routing.Resumed() | routing.ExtensionDecided() | routing.DeadlineChanged():
            return _clocks(event.deadlines)
        case _:
            return {}


def _clocks(deadlines: tuple[Deadline, ...]) -> dict[str, Deadline]:
    return {deadline.kind: deadline for deadline in deadlines if deadline.kind in ("accept", "handle")}
