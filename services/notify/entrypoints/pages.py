"""notify's pages: what was sent of an issue."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from shared.web.pages import Pages, ask_or_fail
from shared.web.pages.sessions import Person

KINDS = {
    "received": ("收到了", "Received"),
    "assigned": ("派给谁办", "Assigned"),
    "escalated": ("升到上一级", "Escalated"),
    "suspended": ("挂起", "Paused"),
    "interim": ("阶段答复", "Interim answer"),
    "resolved": ("办结结果", "The outcome"),
    "closed": ("销号", "Closed"),
    "reopened": ("重新办理", "Reopened"),
    "referred": ("上报协调", "Referred"),
}
"""What a notice tells, by its kind."""

PAGES = Pages("services.notify", {"kinds": KINDS})

router = APIRouter()


@router.get("/notices/{issue_id}")
async def notices(issue_id: str, request: Request, person: Person) -> Response:
    """Each notice to the reporter, by which channel, with what result."""
    told = await ask_or_fail(request, "/api/notify/v1/notices", {"issue_id": issue_id})
    return PAGES.show(request, "notices", person=person, issue_id=issue_id, notices=told["notices"])
