"""Auditors read a service's audit, newest first; nobody else does, and reading it is recorded as well (MLPS level 3)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from sqlalchemy import false, or_, select, tuple_

from shared import audit
from shared.database import Database
from shared.security.access import check, visible
from shared.security.dependencies import Staff
from shared.web.call import describe
from shared.web.cursors import cursor_after, place_of
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1", tags=["audit"])


@router.get("/audit", summary="The audit, newest first", responses=READ_PROBLEMS)
async def read(
    request: Request,
    principal: Staff,
    issue_id: str | None = None,
    who: str | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> dict[str, Any]:
    """A page: `entries`, and `next` for the following one (null: it was the last). An auditor with regions sees entries of these only."""
    describe("read_audit", issue_id=issue_id)
    check(principal, "read_audit")
    table = audit.audit.c
    query = select(audit.audit).order_by(table.at.desc(), table.entry_id.desc()).limit(limit + 1)
    if (prefixes := visible(principal)) != ("",):
        query = query.where(or_(false(), *(table.region.startswith(prefix) for prefix in prefixes)))
    for column, value in ((table.issue_id, issue_id), (table.who, who)):
        query = query if value is None else query.where(column == value)
    query = query if since is None else query.where(table.at >= since)
    query = query if until is None else query.where(table.at < until)
    query = query if cursor is None else query.where(tuple_(table.at, table.entry_id) < place_of(cursor))
    database: Database = request.app.state.database
    async with database.transaction() as session:
        entries = [dict(row) for row in (await session.execute(query)).mappings()]
        await audit.record(session, audit.Entry(action="read_audit", status=200))
    last = entries[limit - 1] if len(entries) > limit else None
    return {"entries": entries[:limit], "next": cursor_after(last["at"], last["entry_id"]) if last else None}
