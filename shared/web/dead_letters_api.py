"""Operators see a service's dead letters and decide: handled again, or stepped over, with a reason that stays."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from shared import audit
from shared.database import Database
from shared.messaging.deadletters import DeadLetters, UnknownDeadLetter
from shared.problems import not_found
from shared.security.access import check
from shared.security.dependencies import Staff
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import RequestModel, body_of, parse

router = APIRouter(prefix="/v1/dead-letters", tags=["operation"])


class Decision(RequestModel):
    """Why."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("", summary="Events that this service could not take", responses=READ_PROBLEMS)
async def dead_letters(request: Request, principal: Staff) -> dict[str, Any]:
    """The open ones, oldest first. Events hold no personal data; their bytes are told as text, as far as they are any."""
    describe("operate")
    check(principal, "operate")
    found = await _letters(request).open()
    return {
        "items": [
            {
                "id": letter.id,
                "consumer": letter.consumer,
                "stream": letter.stream,
                "version": letter.version,
                "subject": letter.subject,
                "body": letter.body.decode(errors="replace"),
                "error": letter.error,
                "attempts": letter.attempts,
                "dead_at": letter.dead_at,
                "decision": letter.decision,
            }
            for letter in found
        ]
    }


@router.post("/{letter}/replay", summary="Have it handled again", responses=COMMAND_PROBLEMS, openapi_extra=body_of(Decision))
async def replay(letter: int, request: Request, principal: Staff) -> dict[str, Any]:
    """If it fails again it stays dead. Carried out within a second."""
    return await _decide(letter, "replay", request, principal)


@router.post("/{letter}/discard", summary="Have it stepped over", responses=COMMAND_PROBLEMS, openapi_extra=body_of(Decision))
async def discard(letter: int, request: Request, principal: Staff) -> dict[str, Any]:
    """Its effect will be missing here; later events of its stream go on."""
    return await _decide(letter, "discard", request, principal)


async def _decide(letter: int, decision: str, request: Request, principal: Staff) -> dict[str, Any]:
    describe("operate")
    check(principal, "operate")
    reason = (await parse(Decision, request)).reason
    letters = _letters(request)
    try:
        await (letters.replay if decision == "replay" else letters.discard)(letter, by=principal.subject, reason=reason)
    except UnknownDeadLetter:
        raise not_found() from None
    database: Database = request.app.state.database
    async with database.transaction() as session:
        entry = audit.Entry(action=f"{decision}_dead_letter", status=200, after={"letter": letter, "reason": reason})
        await audit.record(session, entry)
    return {"id": letter, "decision": decision}


def _letters(request: Request) -> DeadLetters:
    database: Database = request.app.state.database
    return DeadLetters(database)
