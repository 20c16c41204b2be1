"""What anybody may read: the reporter's page by its token, and a region's public board."""

from hashlib import sha256, sha512
from typing import Annotated
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse

from services.tracking import repository
from services.tracking.answers import Board, PublicView
from services.tracking.boards import Boards, Narrowed, Order, Standing
from services.tracking.bootstrap import Reading
from services.tracking.entrypoints.issues import matches
from services.tracking.public_views import PublicViews
from services.tracking.views import calendar_versions, units_in
from shared.contracts.values import Level
from shared.problems import language_of, not_found
from shared.ratelimit import RateLimiter, network
from shared.security.dependencies import ClientAddress
from shared.web.call import describe
from shared.web.openapi import problems
from shared.web.pages import wants_page

router = APIRouter(prefix="/v1", tags=["public"])

PAGE = 50
"""Issues on a page of the board."""
LAST_PAGE = 100
"""A board is for reading, not for copying."""

_RATED_IN = frozenset({"resolved", "answered", "visit_due", "closed"})


@router.get(
    "/public/{token}",
    summary="An issue for its reporter",
    responses=problems(404, 429, 503) | {303: {"description": "For browsers, which ask for HTML: the page of the issue."}},
    response_model=PublicView,
)
async def public(token: str, request: Request, address: ClientAddress) -> Response:
    """State, who is in charge, until when, what follows if they miss it, and what happened, in plain words.

    The link of a text message leads here: who follows it with a browser is shown the page.
    A token that nobody holds costs its caller one guess and answers 404, whatever it looks like; without guesses left every answer is 429.
    """
    describe("read_public")
    if wants_page(request):
        return RedirectResponse(f"/t/{quote(token, safe='')}", 303, {"Vary": "Accept"})
    reading: Reading = request.app.state.services
    limiter: RateLimiter = request.app.state.limiter
    caller = network(address)
    await limiter.take(reading.guesses, caller)
    async with reading.database.transaction() as session:
        row = await repository.find_by_digest(session, sha256(token.encode()).hexdigest())
        if row is None:
            raise not_found()
        moments = await repository.timeline(session, row.issue_id)
        called = await repository.names(session, units_in((row,), moments))
        calendars = await reading.calendars.of(session, calendar_versions((row,)))
        now = await reading.clock.now(session)
    await limiter.take(reading.guesses, caller, cost=-1)
    language = language_of(request)
    views = PublicViews(reading.regions, called, language, calendars, now)
    view = views.public(row, moments, _actions(row.state, reading.public_url, token))
    headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
    return Response(view.model_dump_json(), media_type="application/json", headers=headers)


def _actions(state: str, public_url: str, token: str) -> dict[str, str]:
    """What the state table lets the reporter do; intake decides (it knows when the 30 days after closing are over)."""
    base = f"{public_url}/api/intake/v1/public/{token}"
    withdraw = {"withdraw": f"{base}/withdrawal"} if state != "closed" else {}
    rate = {"rate": f"{base}/rating", "reopen": f"{base}/reopening"} if state in _RATED_IN else {}
    return withdraw | rate


class BoardQuery(BaseModel):
    """What a board is narrowed down to, in which order, and which page of it."""

    standing: Standing | None = None
    topic: str | None = Field(default=None, max_length=64)
    level: Level | None = None
    q: str | None = Field(default=None, min_length=1, max_length=80)
    closed_within: int | None = Field(default=None, ge=0, le=3660)
    sort: Order = "newest"
    limit: int = Field(default=PAGE, ge=1, le=PAGE)
    page: int = Field(default=1, ge=1, le=LAST_PAGE)

    def of(self, region: str) -> Narrowed:
        """The same, for the database."""
        return Narrowed(region, self.standing, self.topic, self.level, self.q, self.closed_within)


@router.get(
    "/board/{region_code}",
    summary="The public board of a region",
    responses=problems(404, 422, 503) | {304: {"description": "It still is what If-None-Match names."}},
    response_model=Board,
)
async def board(region_code: str, request: Request, query: Annotated[BoardQuery, Query()]) -> Response:
    """Issues of a county, township or village; never a conduct matter, and of each topic only what the directory allows.

    `standing`, `topic`, `level`, `q` (a part of the title, or the end of the number) and `closed_within` (days: struck-off ones that are
    older are left out) narrow it. `sort` is `newest` or `urgent` (overdue first, then the soonest deadline, struck-off ones last).
    """
    describe("read_board")
    reading: Reading = request.app.state.services
    region = reading.regions.get(region_code)
    if region is None:
        raise not_found()
    language, narrowed = language_of(request), query.of(region_code)
    async with reading.database.transaction() as session:
        boards = await Boards.load(session)
        rows = await boards.rows(session, narrowed, order=query.sort, limit=query.limit, offset=(query.page - 1) * query.limit)
        counts = await boards.counts(session, narrowed)
        called = await repository.names(session, units_in(rows))
        calendars = await reading.calendars.of(session, calendar_versions(rows))
        now = await reading.clock.now(session)
    views = PublicViews(reading.regions, called, language, calendars, now)
    answer = Board(
        region=region.code,
        region_name=region.full_name,
        items=[views.board_item(row, full=row.topic in boards.full) for row in rows],
        page=query.page,
        pages=min(LAST_PAGE, -(-counts.of(query.standing) // query.limit)),
        counts=dict(counts.by_state),
        overdue=counts.overdue,
        topics=views.topics(boards.full),
    )
    body = orjson.dumps(answer.model_dump(mode="json"))
    tag = f'"{sha512(body + language.encode()).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"public, max-age={reading.board_max_age}",
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    if matches(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
