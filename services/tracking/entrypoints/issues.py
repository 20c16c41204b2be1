"""The ledger for staff: a page of it, and one issue with its timeline."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.tracking import repository
from services.tracking.answers import IssueWithTimeline, Ledger
from services.tracking.bootstrap import Reading
from services.tracking.domain.entry import LedgerLevel, LedgerState
from services.tracking.paging import BadCursor, cursor_of, place_of
from services.tracking.rates import PATTERN, CountedIn
from services.tracking.repository import Filters, Place, Scope, Standing, owed_at
from services.tracking.views import StaffViews, calendar_versions, units_in
from shared.contracts.values import Category, Priority
from shared.ids import is_id
from shared.problems import FieldError, invalid, language_of, not_found
from shared.security.access import check, visible, visible_conduct
from shared.security.dependencies import Staff
from shared.security.principal import Principal
from shared.web.call import describe
from shared.web.openapi import READ_PROBLEMS
from shared.web.requests import etag

router = APIRouter(prefix="/v1", tags=["ledger"])

RegionCode = Annotated[str, Field(pattern=r"^\d{12}$")]
Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]


def scope_of(principal: Principal) -> Scope:
    """What the caller may see."""
    return Scope(visible(principal), visible_conduct(principal))


async def ledger_reader(principal: Staff) -> Principal:
    """Staff who may read the ledger at all; before parameters are looked at."""
    describe("read_ledger")
    check(principal, "read_ledger")
    return principal


async def issue_reader(principal: Staff) -> Principal:
    """Staff who may read issues at all."""
    describe("read_issue")
    check(principal, "read_issue")
    return principal


class LedgerFilters(BaseModel):
    """Filters of the ledger. Those that may be repeated match any of their values; all filters together must match."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: RegionCode | None = Field(None, description="Issues of this region and below; it must be the caller's.")
    state: list[LedgerState] = Field(default_factory=list[LedgerState])
    level: list[LedgerLevel] = Field(default_factory=list[LedgerLevel])
    category: list[Category] = Field(default_factory=list[Category])
    topic: list[Code] = Field(default_factory=list[Code])
    priority: list[Priority] = Field(default_factory=list[Priority])
    unit: str | None = Field(None, max_length=80, description="Handled by this unit, `<12-digit region>/<unit code>`; `none`: by no unit.")
    officer: str | None = Field(None, max_length=80, description="Handled by this officer; `none`: where nobody is on duty.")
    label: str | None = Field(None, max_length=80)
    q: str | None = Field(None, min_length=1, max_length=80, description="Beginning of the number, or part of the title.")
    due_after: AwareDatetime | None = Field(None, description="The soonest running deadline is at this instant or later.")
    due_before: AwareDatetime | None = None
    raised_after: AwareDatetime | None = Field(None, description="Raised at this instant or later.")
    raised_before: AwareDatetime | None = None
    overdue: bool | None = Field(None, description="Whether a deadline was missed that is still owed.")
    standing: Standing | None = Field(
        None, description="`open`: not closed; `late`: as overdue; `due`: a deadline runs that somebody owes, and none was missed."
    )
    rate: str | None = Field(
        None,
        pattern=PATTERN,
        description="Counted in this rate of a month of Asia/Shanghai, `on_time_rate@2026-03`; `on_time_rate:missed@2026-03`: lowered it.",
    )
    sort: Literal["due", "newest"] = Field(
        "due", description="`due`: what was missed longest ago first, then the soonest deadline; `newest`: raised last first."
    )

    def filters(self) -> Filters:
        """The filters for the repository."""
        return Filters(
            region=self.region,
            states=tuple(self.state),
            levels=tuple(self.level),
            categories=tuple(self.category),
            topics=tuple(self.topic),
            priorities=tuple(self.priority),
            unit=self.unit,
            officer=self.officer,
            label=self.label,
            search=self.q,
            due_after=self.due_after,
            due_before=self.due_before,
            raised_after=self.raised_after,
            raised_before=self.raised_before,
            overdue=self.overdue,
            standing=self.standing,
            counted_in=CountedIn.parse(self.rate) if self.rate else None,
        )


class LedgerQuery(LedgerFilters):
    """And which page of what they leave."""

    cursor: str | None = Field(None, max_length=300)
    limit: int = Field(50, ge=1, le=200)


def of_own_region(principal: Principal, query: LedgerFilters) -> None:
    """Raises Problem 403 for a region that is not the caller's."""
    if query.region:
        describe("read_ledger", region=query.region)
        check(principal, "read_ledger", query.region)


@router.get("/issues", summary="A page of the ledger", responses=READ_PROBLEMS)
async def issues(
    request: Request, principal: Annotated[Principal, Depends(ledger_reader)], query: Annotated[LedgerQuery, Query()]
) -> Ledger:
    """Issues of the caller's regions. 403 for a region that is not theirs."""
    of_own_region(principal, query)
    reading: Reading = request.app.state.services
    filters, scope, newest = query.filters(), scope_of(principal), query.sort == "newest"
    try:
        after = place_of(query.sort, query.cursor) if query.cursor else None
    except BadCursor:
        raise invalid(FieldError("/cursor", "value_invalid", location="query")) from None
    async with reading.database.transaction() as session:
        rows = await repository.page(session, scope, filters, newest=newest, after=after, limit=query.limit + 1)
        shown = rows[: query.limit]
        counts = None if after else await repository.counts_by_state(session, scope, filters)
        called = await repository.names(session, units_in(shown))
        steps = await repository.supervised(session, [row.issue_id for row in shown])
        calendars = await reading.calendars.of(session, calendar_versions(shown))
        now = await reading.clock.now(session)
    views = StaffViews(reading.regions, called, language_of(request), calendars, now)
    more = len(rows) > query.limit
    last = shown[-1] if more else None
    return Ledger(
        items=[views.issue(row, steps.get(row.issue_id, [])) for row in shown],
        next_cursor=cursor_of(query.sort, Place(last.raised_at if newest else owed_at(last), last.issue_id)) if last else None,
        counts=counts,
        total=sum(counts.get(state, 0) for state in query.state or counts) if counts is not None else None,
    )


@router.get(
    "/issues/{issue_id}",
    summary="One issue with its timeline",
    responses=READ_PROBLEMS | {304: {"description": "It still has the version that If-None-Match names."}},
    response_model=IssueWithTimeline,
)
async def issue(
    issue_id: str, request: Request, response: Response, principal: Annotated[Principal, Depends(issue_reader)]
) -> IssueWithTimeline | Response:
    """`ETag` is contract.md's version, which notices, warnings and notes leave as it was. 404 outside the caller's regions."""
    describe("read_issue", issue_id=issue_id if is_id(issue_id) else None)
    reading: Reading = request.app.state.services
    async with reading.database.transaction() as session:
        row = await repository.find(session, issue_id)
        if row is None:
            raise not_found()
        describe("read_issue", region=row.village)
        check(principal, "read_issue", row.village, conduct=row.category == "conduct")
        tag = etag(row.version)
        if matches(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        moments = await repository.timeline(session, issue_id)
        called = await repository.names(session, units_in((row,), moments))
        steps = await repository.supervised(session, [issue_id])
        calendars = await reading.calendars.of(session, calendar_versions((row,)))
        now = await reading.clock.now(session)
    response.headers["ETag"] = tag
    views = StaffViews(reading.regions, called, language_of(request), calendars, now)
    return views.issue_with_timeline(row, moments, steps.get(issue_id, []))


def matches(request: Request, tag: str) -> bool:
    """Whether If-None-Match names this tag (RFC 9110, 13.1.2: weak comparison)."""
    given = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    return tag in given or given == ["*"]
