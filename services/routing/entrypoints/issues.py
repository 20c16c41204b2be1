"""Commands, and the explanation of a deadline."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import problem_texts as problem_texts  # registers the texts of routing's refusals
from services.routing.bootstrap import App
from services.routing.domain.commands import Actor, Refusal
from services.routing.domain.explain import NotRaisedYet, explain
from services.routing.domain.explain_texts import sentences
from services.routing.domain.state import Issue
from services.routing.entrypoints.command_bodies import BODIES, CommandBody
from services.routing.handlers import ATTEMPTS, Loaded, UnknownIssue
from shared import audit, idempotency
from shared.contracts.values import Evidence
from shared.eventlog import ConcurrentAppend
from shared.problems import FieldError, Problem, invalid, language_of, not_found, unavailable
from shared.receipts import BadReceipt
from shared.security.access import Action, check
from shared.security.dependencies import ClientAddress, Staff
from shared.security.principal import Principal
from shared.web.call import describe, refused
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import body_of, etag, expected_version, parse

router = APIRouter(prefix="/v1", tags=["issues"])

RETRY_NOT_YET_KNOWN = "1"
"""Seconds after which an issue that was just raised is assigned, in all likelihood."""


def actor_of(principal: Principal) -> Actor:
    """The caller as the domain sees them."""
    return Actor(principal.subject, principal.role, principal.regions, principal.units)


async def known(session: AsyncSession, app: App, issue_id: str) -> Loaded:
    """The routed issue. Raises Problem 404: unknown, or not assigned yet (with Retry-After)."""
    try:
        loaded = await app.issues.load(session, issue_id)
    except UnknownIssue:
        raise not_found() from None
    if loaded.issue.state is None:
        raise Problem("issue_not_yet_known", 404, headers={"Retry-After": RETRY_NOT_YET_KNOWN})
    return loaded


def _add_command(name: Action, model: type[CommandBody]) -> None:
    async def endpoint(issue_id: str, request: Request, principal: Staff, address: ClientAddress) -> Response:
        return await give(name, model, issue_id, request, principal, address)

    router.add_api_route(
        f"/issues/{{issue_id}}/{name}",
        endpoint,
        methods=["POST"],
        name=name,
        summary=model.__doc__,
        responses=COMMAND_PROBLEMS,
        openapi_extra=body_of(model),
    )


async def give(name: Action, model: type[CommandBody], issue_id: str, request: Request, principal: Principal, address: str) -> Response:
    """One command: checks in contract.md's order, then load, decide, append; again when somebody else was faster."""
    describe(name, issue_id=issue_id)
    app: App = request.app.state.services
    await request.app.state.limiter.admit(principal, address)
    async with app.database.transaction() as session:
        loaded = await known(session, app, issue_id)
    describe(name, region=loaded.issue.village)
    check(principal, name, loaded.issue.village, conduct=loaded.issue.category == "conduct")
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    command = (await parse(model, request)).command(lambda receipts: _verified(app, receipts))
    expected = expected_version(request)
    for attempt in range(ATTEMPTS):
        try:
            async with app.database.transaction() as session:
                if stored := await idempotency.replay(session, claimed):
                    return stored.response()
                if attempt:
                    loaded = await known(session, app, issue_id)
                outcome = await app.issues.command(session, loaded, command, actor_of(principal), expected_version=expected)
                answer = _answer(request, outcome.issue, outcome.refusal)
                result = outcome.refusal.code if outcome.refusal else "ok"
                await audit.record(session, audit.Entry(action=name, result=result, status=answer.status))
                await idempotency.remember(session, claimed, answer, issue_id=issue_id)
        except ConcurrentAppend:
            continue
        if outcome.refusal is not None:
            refused(outcome.refusal.code)
        return answer.response()
    raise unavailable()


def _verified(app: App, receipts: tuple[str, ...]) -> tuple[Evidence, ...]:
    evidence: list[Evidence] = []
    for index, receipt in enumerate(receipts):
        try:
            evidence.append(app.receipts.verify(receipt, now=app.wall_clock()))
        except BadReceipt:
            raise invalid(FieldError(f"/evidence/{index}", "evidence_invalid")) from None
    return tuple(evidence)


def _answer(request: Request, issue: Issue, refusal: Refusal | None) -> idempotency.Answer:
    if refusal is None:
        return idempotency.Answer(200, _stand(issue), {"ETag": etag(issue.version)})
    errors = [FieldError(error.pointer, error.code) for error in refusal.errors]
    extra: dict[str, Any] = {"allowed": list(refusal.allowed)} if refusal.allowed is not None else {}
    problem = Problem(refusal.code, refusal.status, errors=errors, **extra)
    return idempotency.Answer(refusal.status, problem.body(language_of(request)), {"Content-Type": "application/problem+json"})


def _stand(issue: Issue) -> dict[str, Any]:
    return {
        "issue_id": issue.issue_id,
        "number": issue.number,
        "version": issue.version,
        "state": issue.state,
        "level": issue.level,
        "due_at": issue.due_at,
    }


for _name, _model in BODIES.items():
    _add_command(_name, _model)  # pyright: ignore[reportArgumentType]


@router.get("/issues/{issue_id}/deadline", summary="Why each deadline is what it is", responses=READ_PROBLEMS)
async def deadline(issue_id: str, request: Request, principal: Staff, at: AwareDatetime | None = None) -> dict[str, Any]:
    """Policy and calendar version, rule and those that lost, start, pauses, time used and left, for each running deadline.

    As the issue stands, or stood at `at` (RFC 3339 with offset, not in the future); `text` says the same in the caller's language.
    """
    describe("read_deadline", issue_id=issue_id)
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        loaded = await known(session, app, issue_id)
        issue = loaded.issue
        check(principal, "read_deadline", issue.village, conduct=issue.category == "conduct")
        context = await app.contexts.context(session)
        rules = await app.rules.fresh(session)
    if at is not None and at > context.now:
        raise invalid(FieldError("/at", "in_the_future", location="query"))
    try:
        told = explain(loaded.history, rules, at or context.now)
    except NotRaisedYet:
        raise not_found() from None
    topics = {code: (topic.zh, topic.en) for code, topic in context.directory.topics.items()}
    return told | {"text": sentences(told, language_of(request), topics=topics)}
