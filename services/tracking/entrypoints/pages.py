"""tracking's pages: the start page, the reporter's own page, the ledger, figures, and how data is protected."""

from collections.abc import Iterator
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.tracking.bootstrap import Reading
from shared.contracts.values import Level
from shared.problems import Problem
from shared.regions import LADDER, Regions
from shared.security.access import check
from shared.security.principal import Principal
from shared.web.pages import Pages, ask, ask_or_fail
from shared.web.pages.sessions import Person, signed_in

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
SETTLED = frozenset({"resolved", "answered", "visit_due", "closed"})

PAGES = Pages("services.tracking", {"discs": DISCS})


@router.get("/")
async def start(request: Request) -> Response:
    """What one can do here; for staff, what their post does."""
    return PAGES.show(request, "start", counties=_regions(request).counties, person=await _staff(request))


@router.get("/t/{token}")
async def track(token: str, request: Request) -> Response:
    """The reporter's issue, like a parcel: where it stands, who has it, until when, what follows, what happened."""
    issue = await ask_or_fail(request, f"/api/tracking/v1/public/{token}")
    return _of_reporter(request, "track", token, issue, steps=_steps(issue), said=request.query_params.get("said", ""))


@router.get("/t/{token}/rate")
async def rate(token: str, request: Request, rating: Literal["satisfied", "fair", "dissatisfied"]) -> Response:
    """The second question of a rating: what is wrong, where something is."""
    issue = await ask_or_fail(request, f"/api/tracking/v1/public/{token}")
    return _of_reporter(request, "rate", token, issue, rating=rating)


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


@router.get("/issues/{issue_id}")
async def issue(issue_id: str, request: Request, person: Person) -> Response:
    """The ledger card of an issue, and its story."""
    told = await ask_or_fail(request, f"/api/tracking/v1/issues/{issue_id}")
    return PAGES.show(request, "card", person=person, issue=told, evidence=list(_evidence(told)))


def _of_reporter(request: Request, name: str, token: str, issue: dict[str, Any], **known: Any) -> Response:
    return PAGES.show(request, name, token=token, issue=issue, may={action["action"] for action in issue["actions"]}, **known)


def _regions(request: Request) -> Regions:
    reading: Reading = request.app.state.services
    return reading.regions


async def _staff(request: Request) -> Principal | None:
    """Who is signed in, if anybody is."""
    try:
        return await signed_in(request)
    except Problem:
        return None


def _evidence(issue: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Photos and documents of the issue by reference, with the moment that named each."""
    for moment in issue["timeline"]:
        named: Any = moment["facts"].get("evidence", [])
        several: list[dict[str, Any]] = [named] if moment["event"] == "AttachmentAdded" else named
        for each in several:
            yield each | {"at": moment["at"], "event": moment["event"]}


def _steps(issue: dict[str, Any]) -> list[dict[str, str]]:
    """Each level with its place and how it stands: missed, past, now, late, paused, done, ended (nothing came of it), later or unused."""
    present = issue["level"]
    if present not in LADDER:
        return []
    missed = {
        moment["facts"].get("from_level")
        for moment in issue["timeline"]
        if moment["event"] == "Escalated" and "missed" in str(moment["facts"].get("reason"))
    }
    over = issue["state"] in SETTLED
    if over:
        here = "done" if issue["outcome"] else "ended"
    else:
        here = "paused" if issue["state"] == "suspended" else "late" if issue["overdue_since"] else "now"

    def standing(level: Level) -> str:
        if level == present:
            return here
        if LADDER.index(level) > LADDER.index(present):
            return "unused" if over else "later"
        return "missed" if level in missed else "past"

    return [place | {"standing": standing(place["level"])} for place in issue["places"]]
