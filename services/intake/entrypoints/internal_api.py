"""What only notify's sender may ask, on intake's own port: how to reach a reporter. The gateway does not route it."""

import hmac

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from services.intake import repository
from services.intake.bootstrap import App
from shared.problems import Problem, not_found
from shared.web.call import describe
from shared.web.requests import parse

router = APIRouter(prefix="/internal/v1", include_in_schema=False)


class Wanted(BaseModel):
    """Whose contact is wanted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    issue_id: str


@router.post("/contacts")
async def contacts(request: Request) -> Response:
    """Name, phone, e-mail, language and tracking link; 404 for anonymous reporters, 410 after erasure. Every read is audited."""
    describe("read_contact")
    app: App = request.app.state.services
    _check_service(app, request.headers.get("authorization", ""))
    wanted = await parse(Wanted, request)
    describe("read_contact", issue_id=wanted.issue_id)
    async with app.database.transaction() as session:
        issue = await repository.issue_by_id(session, wanted.issue_id)
        if issue is None:
            raise not_found()
        answer = await app.handlers.contact(session, issue)
    return answer.response()


def _check_service(app: App, shown: str) -> None:
    token = app.settings.internal_token
    if token is None or not hmac.compare_digest(shown.encode(), f"Bearer {token.get_secret_value()}".encode()):
        raise Problem("unauthenticated", 401, headers={"WWW-Authenticate": "Bearer"})
