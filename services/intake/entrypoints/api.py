"""Raising, looking up, and the reporter's word: `/api/intake/v1/issues`, `/lookup`, `/public/{token}/…`."""

from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json

from services.intake import repository
from services.intake.bootstrap import App
from services.intake.domain.commands import LookUp, RaiseIssue, Rate, Reopen, Withdraw
from services.intake.domain.reporter import ReporterCommand
from services.intake.handlers import digest
from services.intake.problem_texts import TEXTS
from services.intake.tables import Issue
from shared import idempotency
from shared.eventlog import ConcurrentAppend
from shared.ids import is_id
from shared.problem_texts import register_texts
from shared.problems import Problem, not_found
from shared.ratelimit import network
from shared.security.access import check
from shared.security.dependencies import Caller, ClientAddress, Staff
from shared.security.principal import Principal
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import body_of, header_parameter, parse

ATTEMPTS = 8
"""Tries against other writers of the same issue; each failure means that somebody else got through."""

KEY_REQUIRED = header_parameter("Idempotency-Key", "Makes a repeat answer what the first request did.", required=True)
KEY = header_parameter("Idempotency-Key", "Makes a repeat answer what the first request did.")

C = TypeVar("C", Rate, Withdraw, Reopen)

router = APIRouter(prefix="/v1")

register_texts(TEXTS)


@router.post(
    "/issues",
    status_code=201,
    tags=["issues"],
    summary="Raise an issue",
    responses=COMMAND_PROBLEMS,
    openapi_extra=body_of(RaiseIssue) | {"parameters": [KEY_REQUIRED]},
)
async def raise_issue(request: Request, principal: Caller, address: ClientAddress) -> Response:
    """Anyone, staff with a token. Answers the number and the reporter's own tracking link."""
    describe("raise_issue")
    app: App = request.app.state.services
    await app.limiter.admit(principal, address)
    check(principal, "raise_issue")
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address), required=True)
    command = await _parse_raise(request, principal)
    return (await app.arrivals.raise_issue(command, principal, claimed)).response()


@router.get("/issues/{issue_id}/statement", tags=["issues"], summary="What the reporter said", responses=READ_PROBLEMS)
async def statement(issue_id: str, request: Request, principal: Staff) -> dict[str, Any]:
    """Narrative, place, reporter and later words: staff in charge of the region. Every read is audited."""
    describe("read_statement", issue_id=issue_id)
    check(principal, "read_statement")
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        issue = await repository.issue_by_id(session, issue_id) if is_id(issue_id) else None
        if issue is None:
            raise not_found()
        describe("read_statement", region=issue.region)
        check(principal, "read_statement", issue.region, conduct=issue.category == "conduct")
        return dict(await app.handlers.statement(session, issue))


@router.post("/lookup", tags=["reporter"], summary="The tracking link again", responses=COMMAND_PROBLEMS, openapi_extra=body_of(LookUp))
async def look_up(request: Request, address: ClientAddress) -> Response:
    """By the issue's number and the last four digits of the phone. Throttled by address and by number."""
    describe("lookup")
    app: App = request.app.state.services
    await app.limiter.take(app.lookup_limit, f"address:{network(address)}")
    command = await parse(LookUp, request)
    await app.limiter.take(app.lookup_limit, f"number:{command.number}")
    async with app.database.transaction() as session:
        answer = await app.handlers.look_up(session, command)
    return answer.response()


@router.post(
    "/public/{token}/rating",
    tags=["reporter"],
    summary="Rate the resolution",
    responses=COMMAND_PROBLEMS,
    openapi_extra=body_of(Rate) | {"parameters": [KEY]},
)
async def rate(token: str, request: Request, address: ClientAddress) -> Response:
    """The reporter, by tracking token. 409 with `allowed` before there is a resolution to rate."""
    return await _reporter_command("rating", Rate, token, request, address)


@router.post(
    "/public/{token}/withdrawal",
    tags=["reporter"],
    summary="Withdraw the issue",
    responses=COMMAND_PROBLEMS,
    openapi_extra=body_of(Withdraw) | {"parameters": [KEY]},
)
async def withdraw(token: str, request: Request, address: ClientAddress) -> Response:
    """The reporter, by tracking token."""
    return await _reporter_command("withdrawal", Withdraw, token, request, address)


@router.post(
    "/public/{token}/reopening",
    tags=["reporter"],
    summary="Ask to have the issue reopened",
    responses=COMMAND_PROBLEMS,
    openapi_extra=body_of(Reopen) | {"parameters": [KEY]},
)
async def reopen(token: str, request: Request, address: ClientAddress) -> Response:
    """The reporter, by tracking token, until 30 days after closing."""
    return await _reporter_command("reopening", Reopen, token, request, address)


async def _parse_raise(request: Request, principal: Principal | None) -> RaiseIssue:
    """The command, with 403 before 422: a caller from elsewhere does not learn what else is wrong."""
    try:
        command = await parse(RaiseIssue, request)
    except Problem:
        check(principal, "raise_issue", _village_of(await request.body()))
        raise
    describe("raise_issue", region=command.village_code)
    check(principal, "raise_issue", command.village_code)
    return command


def _village_of(body: bytes) -> str | None:
    try:
        village: Any = from_json(body)["village_code"]
    except (ValueError, LookupError, TypeError):
        return None
    return village if isinstance(village, str) else None


async def _reporter_command(ask: str, model: type[C], token: str, request: Request, address: str) -> Response:
    describe(ask)
    app: App = request.app.state.services
    await app.limiter.admit(None, address)
    known_as = digest(token)
    issue = await _issue_of(app, known_as)
    describe(ask, region=issue.region, issue_id=issue.issue_id)
    claimed = await idempotency.claim(request, f"reporter:{known_as}")
    command: ReporterCommand = await parse(model, request)
    for attempt in range(ATTEMPTS):
        try:
            async with app.database.transaction() as session:
                if stored := await idempotency.replay(session, claimed):
                    return stored.response()
                answer = await app.handlers.reporter_command(session, issue, command)
                await idempotency.remember(session, claimed, answer, issue_id=issue.issue_id)
            return answer.response()
        except ConcurrentAppend:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _issue_of(app: App, tracking_digest: str) -> Issue:
    async with app.database.transaction() as session:
        issue = await repository.issue_by_digest(session, tracking_digest)
    if issue is None:
        raise not_found()
    return issue
