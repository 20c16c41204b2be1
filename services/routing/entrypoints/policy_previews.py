"""HTTP: what other rules would do to open issues. Nothing is written."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import previews, repository
from services.routing.bootstrap import App
from services.routing.domain.commands import Context
from services.routing.domain.rulebook import Rulebook
from services.routing.entrypoints.policies import Administrator, rules_from, services_of, version_of
from services.routing.entrypoints.sla_bodies import PreviewBody
from services.routing.handlers import UnknownIssue
from services.routing.policies import refused, rules_of
from services.routing.rules import Rules
from shared.contracts.routing import PolicyRule
from shared.problems import FieldError, invalid
from shared.web.openapi import COMMAND_PROBLEMS
from shared.web.requests import body_of, parse

router = APIRouter(prefix="/v1/sla", tags=["policies"])


@router.post(
    "/policies/preview", summary="What rules would do to open issues", responses=COMMAND_PROBLEMS, openapi_extra=body_of(PreviewBody)
)
async def preview(request: Request, principal: Administrator) -> dict[str, Any]:
    """Nothing is written. With `issue`: what changes for that one, and why."""
    body = await parse(PreviewBody, request)
    app = services_of(request)
    async with app.database.transaction() as session:
        known = await app.rules.fresh(session)
        rules = await _looked_at(app, session, body, known)
        found = await app.policies.complaints(session, rules)
        if found:
            raise refused(found)
        context = await app.contexts.context(session)
        new = Rulebook.of(known.policies[-1].model_copy(update={"rules": rules, "version": known.newest + 1}), known.calendar)
        context = Context(context.now, new, context.directory)
        if body.issue is not None:
            return await _for_one(app, session, body, context, known)
        looked = await previews.preview(session, context, known.by_version, body.open_issues)
    return looked.shown()


async def _for_one(app: App, session: AsyncSession, body: PreviewBody, context: Context, known: Rules) -> dict[str, Any]:
    assert body.issue is not None
    ids = await repository.find(session, [body.issue])
    try:
        loaded = await app.issues.load(session, ids.get(body.issue, ""))
    except UnknownIssue:
        raise invalid(FieldError("/issue", "unknown_issue")) from None
    return previews.why(loaded.issue, context, known.by_version, body.open_issues)


async def _looked_at(app: App, session: AsyncSession, body: PreviewBody, known: Rules) -> tuple[PolicyRule, ...]:
    named = [name for name in ("draft_id", "version", "rules") if getattr(body, name) is not None]
    if len(named) > 1:
        raise invalid(FieldError(f"/{named[1]}", "one_source_only"))
    if body.draft_id is not None:
        return rules_of(await app.policies.draft(session, body.draft_id))
    if body.rules is not None:
        return rules_from(body.rules)
    return version_of(known, known.newest if body.version is None else body.version)
