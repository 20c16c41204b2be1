"""The ledger as a workbook, for those who work on in a table. Whoever takes it out is kept in the audit."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking import repository
from services.tracking.bootstrap import Reading
from services.tracking.domain.words import PRIORITIES, SHANGHAI, SUPERVISED, Language, say, word
from services.tracking.entrypoints.issues import LedgerFilters, ledger_reader, of_own_region, scope_of
from services.tracking.repository import Place, Scope, owed_at
from services.tracking.spreadsheets import XLSX, Cell, Sheet, workbook
from services.tracking.views import StaffViews, calendar_versions, units_in
from shared import audit
from shared.problems import language_of
from shared.security.principal import Principal
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1", tags=["ledger"])

BOUND = 5_000
"""Issues of one file: what a person can look through, made in a second or two."""
_BATCH = 500

_NOTE = ("{at} 导出,共 {total} 件。", "Exported {at}: {total} issues.")
_NOTE_OF_SOME = (
    "{at} 导出,共 {total} 件,这里是前 {shown} 件,还有更多:一张表最多 {bound} 件,请缩小筛选再导出。",
    "Exported {at}: the first {shown} of {total} issues. There are more: a table holds {bound}, so narrow the filters.",
)

_COLUMNS = (
    (("编号", "Number"), 24),
    (("事项", "Matter"), 40),
    (("地点", "Place"), 34),
    (("类别", "Category"), 12),
    (("事项类型", "Topic"), 16),
    (("紧急程度", "Priority"), 10),
    (("状态", "State"), 18),
    (("层级", "Level"), 10),
    (("承办单位", "Unit in charge"), 28),
    (("责任人", "Officer in charge"), 18),
    (("反映时间", "Raised"), 17),
    (("期限", "Deadline"), 17),
    (("超期自", "Overdue since"), 17),
    (("升级次数", "Times escalated"), 10),
    (("督办", "Supervision"), 16),
    (("办理结果", "Outcome"), 14),
)


@router.get(
    "/issues.xlsx",
    summary="The ledger as a workbook",
    responses=READ_PROBLEMS | {200: {"content": {XLSX: {}}, "description": "The workbook."}},
    response_class=Response,
)
async def export(
    request: Request, principal: Annotated[Principal, Depends(ledger_reader)], query: Annotated[LedgerFilters, Query()]
) -> Response:
    """The issues that the same filters list, in the same order; at most 5,000, and the file says how many there are."""
    of_own_region(principal, query)
    reading: Reading = request.app.state.services
    language, scope = language_of(request), scope_of(principal)
    async with reading.database.transaction() as session:
        now = await reading.clock.now(session)
        counts = await repository.counts_by_state(session, scope, query.filters())
        rows = await _rows(session, reading, scope, query, language, now)
        await audit.record(session, audit.Entry(action="export_ledger", status=200, region=query.region, after={"rows": len(rows)}))
    total = sum(counts.get(state, 0) for state in query.state or counts)
    note = say(_NOTE if total <= len(rows) else _NOTE_OF_SOME, language)
    sheet = Sheet(
        name=say(("台账", "Ledger"), language),
        note=note.format(at=f"{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", total=total, shown=len(rows), bound=BOUND),
        columns=[(say(head, language), width) for head, width in _COLUMNS],
        rows=rows,
    )
    return download("issues", await asyncio.to_thread(workbook, [sheet]))


def download(name: str, content: bytes) -> Response:
    """A workbook that a browser saves."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Cache-Control": "no-store"}
    return Response(content, media_type=XLSX, headers=headers)


async def _rows(
    session: AsyncSession, reading: Reading, scope: Scope, query: LedgerFilters, language: Language, now: datetime
) -> list[tuple[Cell, ...]]:
    found: list[tuple[Cell, ...]] = []
    newest, after = query.sort == "newest", None
    while len(found) < BOUND:
        batch = await repository.page(session, scope, query.filters(), newest=newest, after=after, limit=min(_BATCH, BOUND - len(found)))
        steps = await repository.supervised(session, [row.issue_id for row in batch])
        called = await repository.names(session, units_in(batch))
        views = StaffViews(reading.regions, called, language, await reading.calendars.of(session, calendar_versions(batch)), now)
        found += [_cells(views, row, steps.get(row.issue_id, ())) for row in batch]
        if len(batch) < _BATCH:
            break
        after = Place(batch[-1].raised_at if newest else owed_at(batch[-1]), batch[-1].issue_id)
    return found


def _cells(views: StaffViews, row: Row[Any], steps: Sequence[str]) -> tuple[Cell, ...]:
    issue, language = views.issue(row, list(steps)), views.language
    return (
        issue.number,
        issue.title,
        issue.region_name,
        issue.category_text,
        issue.topic_text,
        word(PRIORITIES, issue.priority, language),
        issue.state_text,
        issue.level_text,
        issue.handler.unit_name if issue.handler else None,
        issue.handler.name if issue.handler else None,
        issue.raised_at,
        issue.due_at,
        issue.overdue_since,
        issue.escalations,
        " ".join(say(SUPERVISED[step], language) for step in steps) or None,
        issue.outcome_text,
    )
