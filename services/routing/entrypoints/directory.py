"""HTTP: the directory. Administrators read and change all of it; any staff member reads topics and units, to fill forms."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.directory_imports import Allowed, Imported
from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import Kind, key_of
from services.routing.entrypoints.directory_texts import field_errors
from services.routing.entrypoints.sessions import staff_of
from shared import idempotency
from shared.contracts.values import Officer, Topic, Unit
from shared.eventlog import ConcurrentAppend
from shared.problems import FieldError, Problem, invalid, language_of
from shared.regions import UnknownRegion, within
from shared.security.access import check, visible
from shared.security.dependencies import ClientAddress, Staff
from shared.security.principal import Principal
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import RequestModel, body_of, parse, version_mismatch

IMPORT_PATH = "/api/routing/v1/directory/imports"
MAX_IMPORT = 4 * 2**20
"""Bytes of a CSV: some 20,000 officers. `create_app` is told, as this is more than a JSON body may have."""

router = APIRouter(prefix="/v1", tags=["directory"])

Region = Annotated[str | None, Query(description="12-digit code: only what is of this region or inside it.")]
After = Annotated[str | None, Query(description="`next` of the page before.", max_length=120)]
Limit = Annotated[int, Query(ge=1, le=1000)]


class Duty(RequestModel):
    """Whether an officer is on duty: only then does an issue come to them by itself."""

    on_duty: bool


async def administrator(request: Request, principal: Staff, address: ClientAddress) -> Principal:
    """The administrator, before anything else of the request is looked at. 401, 403, 429."""
    describe("administer_directory")
    check(principal, "administer_directory")
    await request.app.state.limiter.admit(principal, address)
    return principal


Administrator = Annotated[Principal, Depends(administrator)]


@router.get("/topics", responses=READ_PROBLEMS)
async def topics_for_forms(request: Request, principal: Staff) -> dict[str, Any]:
    """Every topic."""
    directory = await _directory(request)
    return {"items": [_shown(topic) for topic in directory.topics.values()]}


@router.get("/units", responses=READ_PROBLEMS)
async def units_for_forms(
    request: Request, principal: Staff, region: Region = None, after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Units by region, a page at a time."""
    directory = await _directory(request)
    return _page([unit for unit in directory.units.values() if _of(region, unit.region)], after, limit)


@router.get("/directory/topics", responses=READ_PROBLEMS)
async def topics(request: Request, principal: Administrator) -> dict[str, Any]:
    """Every topic, for administrators."""
    return await topics_for_forms(request, principal)


@router.get("/directory/units", responses=READ_PROBLEMS)
async def units(
    request: Request, principal: Administrator, region: Region = None, after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Units of the administrator's regions, a page at a time."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    return _page([unit for unit in directory.units.values() if allowed(unit.region) and _of(region, unit.region)], after, limit)


@router.get("/directory/officers", responses=READ_PROBLEMS)
async def officers(
    request: Request, principal: Administrator, region: Region = None, after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Officers of the administrator's regions, a page at a time."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    found = [
        officer
        for officer in directory.officers.values()
        if any(allowed(place) and _of(region, place) for place in officer.regions)
    ]  # fmt: skip
    return _page(found, after, limit)


@router.post(
    "/directory/imports",
    responses=COMMAND_PROBLEMS,
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def import_rows(request: Request, principal: Administrator, address: ClientAddress, kind: Kind, dry_run: bool = False) -> Response:
    """Take a CSV of topics, units or officers, whole or not at all; `dry_run` only says what it would change and what is wrong with it."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address), required=True)
    text = await _csv(request)
    staff = staff_of(request)

    async def work(session: AsyncSession) -> idempotency.Answer:
        imported = await staff.imports.take(session, kind, text, dry_run=dry_run, allowed=_allowed(principal), by=principal.subject)
        if imported.errors and not dry_run:
            raise invalid(*field_errors(imported.errors))
        return idempotency.Answer(200, _summary(request, kind, dry_run, imported))

    try:
        async with staff.database.transaction() as session:
            return await idempotency.once(session, claimed, lambda: work(session))
    except ConcurrentAppend:
        raise version_mismatch() from None


@router.patch("/directory/officers/{officer_id}", responses=COMMAND_PROBLEMS, openapi_extra=body_of(Duty))
async def change_duty(officer_id: str, request: Request, principal: Administrator) -> dict[str, Any]:
    """Put an officer on or off duty."""
    duty = await parse(Duty, request)
    staff = staff_of(request)
    try:
        async with staff.database.transaction() as session:
            officer = await staff.imports.set_on_duty(
                session, officer_id, on_duty=duty.on_duty, allowed=_allowed(principal), by=principal.subject
            )
    except ConcurrentAppend:
        raise version_mismatch() from None
    return _shown(officer)


async def _directory(request: Request) -> Directory:
    staff = staff_of(request)
    async with staff.database.transaction() as session:
        return await staff.holder.fresh(session)


async def _csv(request: Request) -> str:
    """The body as text: UTF-8, or GB 18030 as spreadsheets in China save it. 415 for another media type, 422 for another encoding."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise Problem("unsupported_media_type", 415, expected="text/csv", headers={"Accept-Post": "text/csv"})
    body = await request.body()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise invalid(FieldError("", "text_expected"))


def _allowed(principal: Principal) -> Allowed:
    prefixes = visible(principal)
    return lambda region: region.startswith(prefixes)


def _of(region: str | None, place: str) -> bool:
    try:
        return region is None or within(place, region)
    except UnknownRegion:
        raise invalid(FieldError("/region", "unknown_region", location="query")) from None


def _page(entries: list[Unit] | list[Officer], after: str | None, limit: int) -> dict[str, Any]:
    ordered = sorted((entry for entry in entries if after is None or key_of(entry) > after), key=key_of)
    more = len(ordered) > limit
    return {"items": [_shown(entry) for entry in ordered[:limit]], "next": key_of(ordered[limit - 1]) if more else None}


def _shown(entry: Topic | Unit | Officer) -> dict[str, Any]:
    return entry.model_dump(mode="json")


def _summary(request: Request, kind: Kind, dry_run: bool, imported: Imported) -> dict[str, object]:
    found = imported.difference
    return {
        "kind": kind,
        "dry_run": dry_run,
        "added": len(found.added),
        "changed": len(found.changed),
        "unchanged": found.unchanged,
        "errors": [error.render(language_of(request)) for error in field_errors(imported.errors)],
    }
