"""The one activity: a look at an issue."""

from temporalio import activity

from services.routing.handlers import IssueHandlers
from services.routing.workflows import Seen


class IssueActivities:
    """Activities over the handlers they are given."""

    def __init__(self, handlers: IssueHandlers) -> None:
        self._handlers = handlers

    @activity.defn(name="tick")
    async def tick(self, issue_id: str, by_timer: bool) -> Seen:
        """Enforce what is due; `by_timer` says that the instant came by itself."""
        return await self._handlers.tick(issue_id, by_timer=by_timer)
