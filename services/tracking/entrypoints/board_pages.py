"""The public board as pages: with filters, on A4 to be pinned up, on a screen in a lobby, as a feed."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import segno
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from services.tracking.bootstrap import Reading
from services.tracking.entrypoints.pages import PAGES
from shared.problems import not_found
from shared.regions import Region, Regions
from shared.web.pages import ask, ask_or_fail
from shared.web.pages.instants import SHANGHAI

router = APIRouter()

RECENT = 30
"""Days for which what was struck off stays on paper and on the screen."""
ROWS = 7
"""What a lobby reads at a glance."""
SCREENS = 10
"""Then the screen begins anew: the overdue ones shall not stay away for long."""
TURNS = 20
"""Seconds that a screen stays."""

_FILTERS = ("standing", "topic", "level", "q")


@router.get("/board")
async def boards(request: Request) -> Response:
    """Which region's board."""
    regions = _regions(request)
    return PAGES.show(request, "boards", counties=[(county, regions.children(county.code)) for county in regions.counties])


@router.get("/board/{region_code}")
async def board(region_code: str, request: Request, page: int = Query(1, ge=1)) -> Response:
    """A region's board, narrowed to what was asked for."""
    asked = {name: value.strip() for name in _FILTERS if (value := request.query_params.get(name, "")).strip()}
    region, told = await _board(request, region_code, asked | {"sort": "urgent", "page": page})

    def with_filters(**other: Any) -> str:
        return "?" + urlencode({name: value for name, value in (asked | other).items() if value})

    regions = _regions(request)
    below = regions.children(region_code)
    return PAGES.show(request, "board", region=region, above=_above(regions, region), below=below, board=told, asked=asked, to=with_filters)


@router.get("/board/{region_code}/notice")
async def notice(region_code: str, request: Request) -> Response:
    """The board on A4, to be pinned up."""
    region, told = await _board(request, region_code, {"sort": "urgent", "closed_within": RECENT})
    address = f"{_reading(request).public_url}/board/{region_code}"
    year = datetime.now(SHANGHAI).year
    return PAGES.show(request, "notice", region=region, board=told, recent=RECENT, address=address, qr=_qr(address), year=year)


@router.get("/board/{region_code}/lobby")
async def lobby(region_code: str, request: Request, page: int = Query(1, ge=1)) -> Response:
    """The board on a screen in a lobby. The header `Refresh` turns its pages: it needs no script, and goes on after a failure."""
    here = f"/board/{region_code}/lobby"
    asked = {"sort": "urgent", "closed_within": RECENT, "limit": ROWS, "page": min(page, SCREENS)}
    region = _region(request, region_code)
    answer = await ask(request, "GET", f"/api/tracking/v1/board/{region_code}", params=asked)
    if not answer.good:
        return PAGES.show(request, "lobby", headers={"Refresh": f"{TURNS}; url={here}"}, region=region, board=None)
    pages = min(answer.body["pages"], SCREENS)
    if page > max(pages, 1):
        return RedirectResponse(here, 303)
    onward = page % pages + 1 if pages else 1
    headers = {"Refresh": f"{TURNS}; url={here}?page={onward}"}
    return PAGES.show(request, "lobby", headers=headers, region=region, board=answer.body | {"pages": pages}, recent=RECENT)


@router.get("/board/{region_code}/feed")
async def feed(region_code: str, request: Request) -> Response:
    """The board as an Atom feed (RFC 4287), newest first."""
    region, told = await _board(request, region_code, {})
    entries = [item for item in told["items"] if item["number"]]
    page = PAGES.show(request, "feed", region=region, entries=entries, public_url=_reading(request).public_url)
    page.headers["Content-Type"] = "application/atom+xml; charset=utf-8"
    page.body = _NOT_IN_XML.sub("", bytes(page.body).decode()).encode()
    page.headers["Content-Length"] = str(len(page.body))
    return page


@lru_cache(maxsize=1000)
def _qr(address: str) -> str:
    """As an address of an image: a tenth of the notice's work, and always the same for a region."""
    return segno.make(address, error="m").svg_data_uri(scale=4, border=0)


_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML 1.0 has no way to write."""


async def _board(request: Request, code: str, asked: dict[str, Any]) -> tuple[Region, dict[str, Any]]:
    region = _region(request, code)
    return region, await ask_or_fail(request, f"/api/tracking/v1/board/{code}", asked)


def _reading(request: Request) -> Reading:
    reading: Reading = request.app.state.services
    return reading


def _regions(request: Request) -> Regions:
    return _reading(request).regions


def _region(request: Request, code: str) -> Region:
    region = _regions(request).get(code)
    if region is None:
        raise not_found()
    return region


def _above(regions: Regions, region: Region) -> list[Region]:
    found: list[Region] = []
    while region.parent and (parent := regions.get(region.parent)):
        found.insert(0, parent)
        region = parent
    return found
