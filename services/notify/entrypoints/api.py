"""notify's HTTP: what was told of an issue, receipts of the SMS gateway, an operator's resend."""

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notify.bootstrap import App
from services.notify.channels.signing import BadSignature
from services.notify.commands import NoticeView
from services.notify.domain.errors import NoticeStillQueued, UnknownNotice
from shared import audit, idempotency
from shared.ids import is_id
from shared.problem_texts import register_texts
from shared.problems import Problem, from_validation_error, not_found
from shared.security.access import check
from shared.security.dependencies import ClientAddress, Staff
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS, problems
from shared.web.requests import RequestModel, body_of, parse

log = logging.getLogger(__name__)

register_texts(
    {
        "signature_invalid": ("签名无效", "The signature is not valid"),
        "notice_still_queued": ("通知还在发送,不必重发", "The notice is still being sent"),
    }
)

router = APIRouter(prefix="/v1", tags=["notices"])


class Notices(BaseModel):
    """What was told of an issue."""

    notices: list[NoticeView]


class Receipt(BaseModel):
    """A delivery receipt as the gateway sends it. What else a gateway adds is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    message_id: Annotated[str, Field(max_length=64)]
    status: Literal["delivered", "failed"]
    reason: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] = None


class Resend(RequestModel):
    """No fields: `{}`."""


@router.get("/notices", summary="What was told of an issue", responses=READ_PROBLEMS)
async def notices(request: Request, principal: Staff, issue_id: Annotated[str, Query(max_length=36)]) -> Notices:
    """Every notice with its messages; addresses are masked. 404 outside the caller's regions."""
    describe("read_notices", issue_id=issue_id if is_id(issue_id) else None)
    app: App = request.app.state.services
    check(principal, "read_notices")
    async with app.database.transaction() as session:
        issue = await app.commands.issue(session, issue_id)
        if issue is None:
            raise not_found()
        describe("read_notices", region=issue.region)
        check(principal, "read_notices", issue.region, conduct=issue.category == "conduct")
        return Notices(notices=await app.commands.notices(session, issue_id))


@router.post("/notices/{notice_id}/resend", summary="Send a notice again", responses=COMMAND_PROBLEMS, openapi_extra=body_of(Resend))
async def resend(notice_id: str, request: Request, principal: Staff, address: ClientAddress) -> Response:
    """For operators, after a gateway's mistake: queued anew under a new message id → 202. 409 while it is still being sent."""
    describe("resend")
    app: App = request.app.state.services
    check(principal, "operate")
    await request.app.state.limiter.admit(principal, address)
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    await parse(Resend, request)
    async with app.database.transaction() as session:
        if stored := await idempotency.replay(session, claimed):
            return stored.response()
        try:
            notice = await app.commands.resend(session, notice_id)
        except UnknownNotice:
            raise not_found() from None
        except NoticeStillQueued:
            raise Problem("notice_still_queued", 409) from None
        answer = idempotency.Answer(202, {"notice_id": notice.notice_id, "state": notice.state})
        entry = audit.Entry(action="resend", status=202, region=notice.region, issue_id=notice.issue_id, after={"notice_id": notice_id})
        await audit.record(session, entry)
        await idempotency.remember(session, claimed, answer, issue_id=notice.issue_id)
    await app.sender.wake()
    return answer.response()


@router.post(
    "/receipts/{provider}",
    summary="A delivery receipt of the SMS gateway",
    status_code=202,
    responses=problems(401, 404, 413, 422, 503),
    openapi_extra=body_of(Receipt),
)
async def receipt(provider: str, request: Request) -> Response:
    """Signed (Standard Webhooks). Safe to repeat. An unknown message is taken and logged: a gateway's retries would not help."""
    describe("receipt")
    app: App = request.app.state.services
    if app.signer is None or provider != app.settings.sms_provider:
        raise not_found()
    body = await request.body()
    try:
        app.signer.verify(request.headers, body)
    except BadSignature:
        raise Problem("signature_invalid", 401) from None
    try:
        parsed = Receipt.model_validate_json(body)
    except ValidationError as error:
        raise from_validation_error(error) from None
    taken = await app.receipts.take(parsed.message_id, parsed.status, parsed.reason)
    if taken == "unknown_message":
        log.warning("receipt of %s for a message that is not known", provider)
    return idempotency.Answer(202, {"result": taken}).response()
