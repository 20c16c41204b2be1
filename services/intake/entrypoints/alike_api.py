"""What may be the same matter as the one that somebody is about to raise: `/api/intake/v1/issues/alike`."""

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from services.intake.bootstrap import App
from services.intake.domain.commands import Matter
from shared.contracts.values import Level, State
from shared.security.dependencies import Caller, ClientAddress
from shared.web.call import describe
from shared.web.openapi import problems
from shared.web.requests import body_of, parse

router = APIRouter(prefix="/v1", tags=["issues"])


class AlikeIssue(BaseModel):
    """An open issue of the village, as its public board shows it. `level` is null before the first assignment."""

    number: str
    title: str
    topic: str
    state: State
    level: Level | None
    raised_at: datetime
    url: str = Field(description="Where the board shows it, for everybody to follow.")


class AlikeIssues(BaseModel):
    """The likest first, at most five."""

    items: list[AlikeIssue]


@router.post(
    "/issues/alike",
    summary="Open issues that may be the same matter",
    responses=problems(413, 415, 422, 429, 503),
    response_model=AlikeIssues,
    openapi_extra=body_of(Matter),
)
async def alike(request: Request, principal: Caller, address: ClientAddress) -> AlikeIssues:
    """Before raising: what one may follow instead. Anyone; only what the public board shows in full, and nothing for a conduct matter.

    422 says what raising would refuse of village, category, topic and title, so that it can be corrected where it was typed.
    """
    describe("find_alike")
    app: App = request.app.state.services
    await app.limiter.admit(principal, address)
    matter = await parse(Matter, request)
    describe("find_alike", region=matter.village_code)
    async with app.database.transaction() as session:
        found = await app.handlers.alike(session, matter)
    board = f"{app.settings.public_url}/board/{matter.village_code}"
    items = [asdict(issue) | {"url": f"{board}?q={issue.number}"} for issue in found]
    return AlikeIssues.model_validate({"items": items})
