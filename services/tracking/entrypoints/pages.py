"""tracking's pages: the start page, the reporter's own page, the public board, and how data is protected."""

from datetime import datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.tracking.bootstrap import Reading
from shared.problems import not_found
from shared.regions import LADDER, Region, Regions
from shared.security.access import check
from shared.web.pages import Pages, ask, ask_or_fail
from shared.web.pages.instants import SHANGHAI
from shared.web.pages.sessions import Person

router = APIRouter()

DISCS = {
    "Escalated": "up",
    "Reopened": "up",
    "Suspended": "pause",
    "Resolved": "done",
    "Answered": "done",
    "Closed": "done",
    "Rated": "good",
    "Accepted": "person",
    "Assigned": "person",
    "Reassigned": "person",
    "VisitDue": "bell",
    "DeadlineChanged": "calendar",
    "DeadlineWarned": "warn",
    "IssueRaised": "done",
}
"""The icon of an event in the story; a pen for the others."""

SERVICES = ("intake", "routing", "tracking", "notify")

PAGES = Pages("services.tracking", {"discs": DISCS})


@router.get("/")
async def start(request: Request) -> Response:
    """What one can do here."""
    return PAGES.show(request, "start", counties=_regions(request).counties)


@router.get("/t/{token}")
async def track(token: str, request: Request) -> Response:
    """The reporter's issue, like a parcel: where it stands, who has it, until when, what follows, what happened."""
    issue = await ask_or_fail(request, f"/api/tracking/v1/public/{token}")
    return PAGES.show(
        request,
        "track",
        issue=issue,
        token=token,
        ladder=_ladder(issue),
        may={action["action"] for action in issue["actions"]},
        said=request.query_params.get("said", ""),
    )


@router.get("/board")
async def boards(request: Request) -> Response:
    """Which region's board."""
    regions = _regions(request)
    return PAGES.show(request, "boards", counties=[(county, regions.children(county.code)) for county in regions.counties])


@router.get("/board/{region_code}")
async def board(region_code: str, request: Request, page: int = Query(1, ge=1)) -> Response:
    """A region's board."""
    return await _board(request, region_code, "board", page)


@router.get("/board/{region_code}/notice")
async def notice(region_code: str, request: Request) -> Response:
    """The board on A4, to be pinned up."""
    return await _board(request, region_code, "notice", 1)


@router.get("/board/{region_code}/lobby")
async def lobby(region_code: str, request: Request) -> Response:
    """The board on a screen in a lobby; it loads itself again."""
    return await _board(request, region_code, "lobby", 1)


@router.get("/board/{region_code}/feed")
async def feed(region_code: str, request: Request) -> Response:
    """The board as an Atom feed (RFC 4287)."""
    answer = await _board(request, region_code, "feed", 1)
    answer.headers["Content-Type"] = "application/atom+xml; charset=utf-8"
    return answer


@router.get("/operate")
async def operation(request: Request, person: Person, issue: str = "") -> Response:
    """Each service, by itself; and where to look for an issue by its number, which tracking knows."""
    check(person, "operate")
    found = await ask(request, "GET", "/api/tracking/v1/spans", params={"issue": issue.strip()}) if issue.strip() else None
    return PAGES.show(
        request,
        "operation",
        person=person,
        services=SERVICES,
        issue=issue.strip(),
        issue_id=found.body["issue_id"] if found and found.good else "",
        wrong=found.detail if found and not found.good else "",
    )


@router.get("/privacy")
async def privacy(request: Request) -> Response:
    """What is kept of whom, and who sees it."""
    return PAGES.show(request, "privacy")


@router.get("/issues")
async def ledger(request: Request, person: Person, q: str = "", state: str = "", region: str = "", cursor: str = "") -> Response:
    """The ledger of one's regions."""
    asked = {name: value for name, value in {"q": q.strip(), "state": state, "region": region, "cursor": cursor}.items() if value}
    told = await ask_or_fail(request, "/api/tracking/v1/issues", asked | {"limit": 50})
    return PAGES.show(request, "ledger", person=person, ledger=told, q=q, state=state, region=region)


@router.get("/issues/{issue_id}")
async def issue(issue_id: str, request: Request, person: Person) -> Response:
    """The ledger card of an issue, and its story."""
    told = await ask_or_fail(request, f"/api/tracking/v1/issues/{issue_id}")
    return PAGES.show(request, "card", person=person, issue=told)


@router.get("/figures")
async def figures(request: Request, person: Person, group_by: Literal["region", "topic", "level", "month"] = "region") -> Response:
    """Counts and rates of the last 30 days, and who is how far."""
    today = datetime.now(SHANGHAI).date()
    asked = {"from": str(today - timedelta(days=29)), "to": str(today), "group_by": group_by}
    if person.regions:
        asked["region"] = person.regions[0]
    told = await ask_or_fail(request, "/api/tracking/v1/statistics", asked)
    return PAGES.show(request, "figures", person=person, told=told, group_by=group_by)


def _regions(request: Request) -> Regions:
    reading: Reading = request.app.state.services
    return reading.regions


async def _board(request: Request, code: str, name: str, page: int) -> Response:
    regions = _regions(request)
    region = regions.get(code)
    if region is None:
        raise not_found()
    told = await ask_or_fail(request, f"/api/tracking/v1/board/{code}", {"page": page})
    items = sorted(told["items"], key=_urgency)
    reading: Reading = request.app.state.services
    return PAGES.show(
        request,
        name,
        region=region,
        above=_above(regions, region),
        below=regions.children(code),
        board=told | {"items": items},
        closed=told["counts"].get("closed", 0),
        total=sum(told["counts"].values()),
        public_url=reading.public_url,
    )


def _urgency(item: dict[str, Any]) -> tuple[int, float]:
    """Open ones first, the soonest deadline first (which puts the overdue ones on top); then the newest that are struck off."""
    if item["state"] == "closed":
        return 2, -datetime.fromisoformat(item["closed_at"]).timestamp() if item["closed_at"] else 0.0
    return (0, datetime.fromisoformat(item["due_at"]).timestamp()) if item["due_at"] else (1, 0.0)


def _above(regions: Regions, region: Region) -> list[Region]:
    found: list[Region] = []
    while region.parent and (parent := regions.get(region.parent)):
        found.insert(0, parent)
        region = parent
    return found


def _ladder(issue: dict[str, Any]) -> list[tuple[str, str]]:
    """Each level with how it stands: missed, now, later, past or unused."""
    present = issue["level"]
    if present not in LADDER:
        return []
    missed = {
        moment["facts"].get("from_level")
        for moment in issue["timeline"]
        if moment["event"] == "Escalated" and "missed" in str(moment["facts"].get("reason"))
    }
    found: list[tuple[str, str]] = []
    for level in LADDER:
        if level == present:
            found.append((level, "now"))
        elif LADDER.index(level) > LADDER.index(present):
            found.append((level, "later"))
        else:
            found.append((level, "missed" if level in missed else "past"))
    return found
