"""Operators see which notices failed for good, and why."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.notify.bootstrap import App
from services.notify.commands import FailedNotices
from shared.contracts.notify import NoticeChannel
from shared.security.access import check
from shared.security.dependencies import Staff
from shared.web.call import describe
from shared.web.cursors import place_of
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1", tags=["operation"])


@router.get("/notices/failed", summary="Notices that failed for good, newest first", responses=READ_PROBLEMS)
async def failed(
    request: Request,
    principal: Staff,
    reason: Annotated[str | None, Query(max_length=80)] = None,
    channel: NoticeChannel | None = None,
    issue_id: Annotated[str | None, Query(max_length=36)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> FailedNotices:
    """Addresses are masked. One that is sent again is not among them any more, unless it fails once more."""
    describe("operate")
    check(principal, "operate")
    app: App = request.app.state.services
    after = place_of(cursor) if cursor is not None else None
    async with app.database.transaction() as session:
        return await app.commands.failed(session, reason=reason, channel=channel, issue_id=issue_id, after=after, limit=limit)
