"""The one activity: a look at an issue."""

from temporalio import activity

from services.routing.handlers import IssueHandlers
from services.routing.workflows import Seen
from shared.telemetry import linked_root_span


class IssueActivities:
    """Activities over the handlers they are given."""

    def __init__(self, handlers: IssueHandlers) -> None:
        self._handlers = handlers

    @activity.defn(name="tick")
    async def tick(self, issue_id: str, by_timer: bool) -> Seen:
        """Enforce what is due. A deadline that fires by itself starts a trace of its own, linked to the one that set it."""
        if not by_timer:
            return await self._handlers.tick(issue_id)
        origin = await self._handlers.traceparent_of(issue_id)
        with linked_root_span("deadline", origin, {"huiyin.issue_id": issue_id}):
            return await self._handlers.tick(issue_id)
