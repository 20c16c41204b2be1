"""HTTP: policies. Administrators draft, preview, publish, and go back; every change is audited with before and after."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.bootstrap import App
from services.routing.domain.presets import PRESETS
from services.routing.domain.publication import Complaint
from services.routing.entrypoints.sla_bodies import (
    DraftBody,
    DraftChange,
    PublishBody,
    RollBackBody,
    RuleBody,
    draft_shown,
    policy_shown,
    rollout_shown,
)
from services.routing.policies import Publication, refused, rules_of
from services.routing.rules import Rules
from services.routing.tables import PolicyDraft
from shared import audit, idempotency
from shared.contracts.routing import PolicyRule
from shared.eventlog import ConcurrentAppend
from shared.problems import FieldError, Problem, invalid, language_of, not_found
from shared.security.access import check
from shared.security.dependencies import ClientAddress, Staff
from shared.security.principal import Principal
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS, problems
from shared.web.requests import body_of, etag, expected_version, parse, version_mismatch

router = APIRouter(prefix="/v1/sla", tags=["policies"])

LOCKED_PROBLEMS = COMMAND_PROBLEMS | problems(428)


async def administrator(request: Request, principal: Staff, address: ClientAddress) -> Principal:
    """The administrator, before anything else of the request is looked at. 401, 403, 429."""
    describe("administer_policies")
    check(principal, "administer_policies")
    await request.app.state.limiter.admit(principal, address)
    return principal


Administrator = Annotated[Principal, Depends(administrator)]


def services_of(request: Request) -> App:
    """What the handlers need."""
    app: App = request.app.state.services
    return app


def locked_version(request: Request) -> int | None:
    """The version that If-Match names; `*` takes any. Raises Problem 428 without the header."""
    if "if-match" not in request.headers:
        raise Problem("version_required", 428)
    return expected_version(request)


@router.get("/policies", summary="Published versions, the newest first", responses=READ_PROBLEMS)
async def policies(request: Request, principal: Administrator) -> dict[str, Any]:
    """Every version with its rules, and which one is in force."""
    app = services_of(request)
    async with app.database.transaction() as session:
        known = await app.rules.fresh(session)
        now = await app.clock.now(session)
    in_force = known.at(now).version
    return {
        "in_force": in_force,
        "broken": list(known.broken),
        "items": [policy_shown(policy, in_force=in_force) for policy in reversed(known.policies)],
    }


@router.get("/policies/presets", summary="Policies to start from", responses=READ_PROBLEMS)
async def presets(principal: Administrator) -> dict[str, Any]:
    """Each with its source."""
    return {
        "items": [
            {
                "name": each.name,
                "zh": each.zh,
                "en": each.en,
                "source": each.source,
                "rules": [rule.model_dump(mode="json") for rule in each.rules],
            }
            for each in PRESETS
        ]
    }


@router.get("/policies/drafts", summary="Drafts, the last changed first", responses=READ_PROBLEMS)
async def drafts(request: Request, principal: Administrator) -> dict[str, Any]:
    """Each with what keeps it from being published."""
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.policies.drafts(session)
        return {"items": [draft_shown(draft, await _errors(request, app, session, rules_of(draft))) for draft in found]}


@router.post("/policies/drafts", summary="Begin a draft", status_code=201, responses=COMMAND_PROBLEMS, openapi_extra=body_of(DraftBody))
async def begin(request: Request, principal: Administrator, address: ClientAddress) -> Response:
    """From rules, a preset, a published version, or the newest version."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    body = await parse(DraftBody, request)
    app = services_of(request)
    async with app.database.transaction() as session:
        return await idempotency.once(session, claimed, lambda: _begun(request, app, session, body, by=principal.subject))


async def _begun(request: Request, app: App, session: AsyncSession, body: DraftBody, *, by: str) -> idempotency.Answer:
    known = await app.rules.fresh(session)
    rules = _wanted(body, known)
    draft = await app.policies.begin(session, rules, note=body.note, based_on=known.newest, by=by)
    shown = draft_shown(draft, await _errors(request, app, session, rules))
    await audit.record(session, audit.Entry(action="begin_draft", status=201, after=_kept(draft)))
    headers = {"ETag": etag(draft.version), "Location": f"/api/routing/v1/sla/policies/drafts/{draft.draft_id}"}
    return idempotency.Answer(201, shown, headers)


@router.get("/policies/drafts/{draft_id}", summary="One draft", responses=READ_PROBLEMS)
async def draft(draft_id: str, request: Request, response: Response, principal: Administrator) -> dict[str, Any]:
    """With its version as ETag."""
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.policies.draft(session, draft_id)
        response.headers["ETag"] = etag(found.version)
        return draft_shown(found, await _errors(request, app, session, rules_of(found)))


@router.put("/policies/drafts/{draft_id}", summary="Change a draft", responses=LOCKED_PROBLEMS, openapi_extra=body_of(DraftChange))
async def change(draft_id: str, request: Request, response: Response, principal: Administrator) -> dict[str, Any]:
    """Replace what it holds; If-Match names the version that the writer has seen."""
    expected = locked_version(request)
    body = await parse(DraftChange, request)
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.policies.draft(session, draft_id, expected=expected)
        before = _kept(found)
        rules = rules_from(body.rules)
        based_on = found.based_on if body.based_on is None else body.based_on
        await app.policies.change(session, found, rules, note=body.note, based_on=based_on, by=principal.subject)
        response.headers["ETag"] = etag(found.version)
        await audit.record(session, audit.Entry(action="change_draft", status=200, before=before, after=_kept(found)))
        return draft_shown(found, await _errors(request, app, session, rules))


@router.delete("/policies/drafts/{draft_id}", summary="Throw a draft away", status_code=204, responses=LOCKED_PROBLEMS)
async def discard(draft_id: str, request: Request, principal: Administrator) -> Response:
    """If-Match names the version that was seen."""
    expected = locked_version(request)
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.policies.draft(session, draft_id, expected=expected)
        await audit.record(session, audit.Entry(action="discard_draft", status=204, before=_kept(found)))
        await session.delete(found)
    return Response(status_code=204)


@router.post(
    "/policies/drafts/{draft_id}/publish", summary="Publish a draft", responses=LOCKED_PROBLEMS, openapi_extra=body_of(PublishBody)
)
async def publish(draft_id: str, request: Request, principal: Administrator, address: ClientAddress) -> Response:
    """By another administrator than its writer; says what happens to open issues."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    expected = locked_version(request)
    body = await parse(PublishBody, request)
    app = services_of(request)

    async def work(session: AsyncSession) -> Publication:
        found = await app.policies.draft(session, draft_id, expected=expected)
        return await app.policies.publish(
            session, found, effective_from=body.effective_from, open_issues=body.open_issues, rate=body.rate, by=principal.subject
        )

    return await _published(request, claimed, "publish_policy", work)


@router.post(
    "/policies/versions/{version}/roll-back",
    summary="Publish a former version again",
    responses=COMMAND_PROBLEMS,
    openapi_extra=body_of(RollBackBody),
)
async def roll_back(version: int, request: Request, principal: Administrator, address: ClientAddress) -> Response:
    """As a new version, at once."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    body = await parse(RollBackBody, request)
    app = services_of(request)

    async def work(session: AsyncSession) -> Publication:
        return await app.policies.roll_back(session, version, open_issues=body.open_issues, rate=body.rate, by=principal.subject)

    return await _published(request, claimed, "roll_back_policy", work)


async def _published(
    request: Request, claimed: idempotency.Claim | None, action: str, work: Callable[[AsyncSession], Awaitable[Publication]]
) -> Response:
    """A publication, once for each key. Raises Problem 412 where another one was faster."""
    try:
        async with services_of(request).database.transaction() as session:
            return await idempotency.once(session, claimed, lambda: _told(session, action, work))
    except ConcurrentAppend:
        raise version_mismatch() from None


async def _told(session: AsyncSession, action: str, work: Callable[[AsyncSession], Awaitable[Publication]]) -> idempotency.Answer:
    done = await work(session)
    before, after = done.before.model_dump(mode="json"), done.event.model_dump(mode="json")
    await audit.record(session, audit.Entry(action=action, status=200, before=before, after=after))
    shown = rollout_shown(done.rollout, done.rollout.created_at) if done.rollout is not None else None
    return idempotency.Answer(200, {"policy": after, "rollout": shown})


def _wanted(body: DraftBody, known: Rules) -> tuple[PolicyRule, ...]:
    named = [name for name in ("rules", "preset", "version") if getattr(body, name) is not None]
    if len(named) > 1:
        raise invalid(FieldError(f"/{named[1]}", "one_source_only"))
    if body.rules is not None:
        return rules_from(body.rules)
    if body.preset is not None:
        found = next((each for each in PRESETS if each.name == body.preset), None)
        if found is None:
            raise invalid(FieldError("/preset", "unknown_preset"))
        return found.rules
    return known.policies[-1].rules if body.version is None else version_of(known, body.version)


def version_of(known: Rules, version: int) -> tuple[PolicyRule, ...]:
    """The rules of a published version. Raises Problem 404."""
    found = known.published(version)
    if found is None:
        raise not_found()
    return found.rules


def rules_from(bodies: tuple[RuleBody, ...]) -> tuple[PolicyRule, ...]:
    """The rules of a request. Raises Problem 422 for a negative amount, which no rule can even hold; the rest is `complaints`' to tell."""
    negative = [
        FieldError(f"/rules/{index}/set/{name}", "not_positive", {"rules": body.rule})
        for index, body in enumerate(bodies)
        for name, allowance in body.set.items()
        if allowance.amount < 0
    ]
    if negative:
        raise invalid(*negative)
    return tuple(PolicyRule.model_validate(body.model_dump()) for body in bodies)


async def _errors(request: Request, app: App, session: AsyncSession, rules: tuple[PolicyRule, ...]) -> list[dict[str, object]]:
    found: tuple[Complaint, ...] = await app.policies.complaints(session, rules)
    return [error.render(language_of(request)) for error in refused(found).errors] if found else []


def _kept(draft: PolicyDraft) -> dict[str, Any]:
    return {"draft_id": draft.draft_id, "version": draft.version, "note": draft.note, "by": draft.by, "rules": draft.rules}
