"""HTTP: the directory. Administrators read and change all of it; any staff member reads topics and units, to fill forms."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.directory_imports import Allowed
from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import Entry, Kind, key_of
from services.routing.domain.directory_tables import ORDER, entries_of, kind_of_csv, to_csv
from services.routing.entrypoints.directory_texts import errors_of, summary
from services.routing.entrypoints.sessions import staff_of
from services.routing.entrypoints.uploads import CSV, WORKBOOK, text_of
from services.routing.entrypoints.workbooks import tables_of, to_xlsx
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
"""Bytes of a file: some 20,000 officers. `create_app` is told, as this is more than a JSON body may have."""

router = APIRouter(prefix="/v1", tags=["directory"])

Region = Annotated[str | None, Query(description="12-digit code: only what is of this region or inside it.")]
After = Annotated[str | None, Query(description="`next` of the page before.", max_length=120)]
Words = Annotated[str, Query(description="Only what says all of these words in a name or code.", max_length=80)]
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
async def topics_for_forms(request: Request, principal: Staff, q: Words = "") -> dict[str, Any]:
    """Every topic, or those that say all words of `q`."""
    directory = await _directory(request)
    return {"items": [_shown(topic) for topic in directory.topics.values() if _says(q, topic.code, topic.zh, topic.en)]}


@router.get("/units", responses=READ_PROBLEMS)
async def units_for_forms(
    request: Request, principal: Staff, region: Region = None, after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Units by region, a page at a time."""
    directory = await _directory(request)
    return _page([unit for unit in directory.units.values() if _of(region, unit.region)], after, limit)


@router.get("/directory/topics", responses=READ_PROBLEMS)
async def topics(request: Request, principal: Administrator, q: Words = "") -> dict[str, Any]:
    """Every topic, for administrators."""
    return await topics_for_forms(request, principal, q)


@router.get("/directory/units", responses=READ_PROBLEMS)
async def units(
    request: Request, principal: Administrator, region: Region = None, q: Words = "", after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Units of the administrator's regions, a page at a time."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    found = [
        unit
        for unit in directory.units.values()
        if allowed(unit.region) and _of(region, unit.region) and _says(q, unit.unit_id, unit.zh, unit.en)
    ]
    return _page(found, after, limit)


@router.get("/directory/officers", responses=READ_PROBLEMS)
async def officers(
    request: Request, principal: Administrator, region: Region = None, q: Words = "", after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """Officers of the administrator's regions, a page at a time."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    found = [
        officer
        for officer in directory.officers.values()
        if any(allowed(place) and _of(region, place) for place in officer.regions)
        and _says(q, officer.officer_id, officer.name, officer.email or "")
    ]
    return _page(found, after, limit)


@router.get("/directory/regions", responses=READ_PROBLEMS)
async def regions(
    request: Request, principal: Administrator, region: Region = None, q: Words = "", after: After = None, limit: Limit = 200
) -> dict[str, Any]:
    """The regions that the deployment serves, with who is on duty there, a page at a time. They come from a file of the deployment."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    found = [
        each
        for each in staff_of(request).imports.regions
        if allowed(each.code) and _of(region, each.code) and _says(q, each.code, each.full_name) and (after is None or each.code > after)
    ]
    found.sort(key=lambda each: each.code)
    items = [
        {"code": each.code, "level": each.level, "name": each.name, "full_name": each.full_name, "on_duty": directory.on_duty_in(each.code)}
        for each in found[:limit]
    ]
    return {"items": items, "next": items[-1]["code"] if len(found) > limit else None}


@router.get("/directory/export", responses=READ_PROBLEMS, response_class=Response)
async def export(request: Request, principal: Administrator, kind: Kind | None = None, format: Literal["csv", "xlsx"] = "xlsx") -> Response:
    """Tables as a file that can be changed and brought in again: one as CSV, one or all as a workbook."""
    allowed = _allowed(principal)
    directory = await _directory(request)
    regions_of = staff_of(request).imports.regions_of
    tables: dict[Kind, list[Entry]] = {
        each: [entry for entry in entries_of(each, directory) if each == "topics" or any(map(allowed, regions_of(entry)))]
        for each in ORDER
        if kind in (None, each)
    }
    if format == "csv" and kind is None:
        raise invalid(FieldError("/kind", "missing", location="query"))
    content = to_csv(kind, tables[kind]).encode() if format == "csv" and kind else to_xlsx(tables)
    name = f"{kind or 'directory'}.{format}"
    return Response(
        content,
        media_type="text/csv; charset=utf-8" if format == "csv" else WORKBOOK,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(
    "/directory/imports",
    responses=COMMAND_PROBLEMS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {CSV: {"schema": {"type": "string"}}, WORKBOOK: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_rows(
    request: Request,
    principal: Administrator,
    address: ClientAddress,
    kind: Annotated[Kind | None, Query(description="What the file holds; without it the header tells.")] = None,
    dry_run: Annotated[bool, Query(description="Only say what it would change and what is wrong with it.")] = False,
    whole: Annotated[bool, Query(description="What the file leaves out is removed.")] = False,
) -> Response:
    """Take tables of topics, units and officers, all or none: one as CSV, or any of them as sheets of a workbook (xlsx)."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address), required=True)
    tables = await _tables(request, kind)
    staff = staff_of(request)

    async def work(session: AsyncSession) -> idempotency.Answer:
        imported = await staff.imports.take(
            session, tables, dry_run=dry_run, allowed=_allowed(principal), by=principal.subject, whole=whole
        )
        errors = errors_of(imported)
        if errors and not dry_run:
            raise invalid(*errors)
        return idempotency.Answer(200, summary(imported, errors, dry_run=dry_run, language=language_of(request)))

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


async def _tables(request: Request, kind: Kind | None) -> Mapping[Kind, str]:
    """The tables of the body, as CSV. 415 for another media type, 422 for what is none."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (CSV, WORKBOOK):
        raise Problem("unsupported_media_type", 415, expected=CSV, headers={"Accept-Post": f"{CSV}, {WORKBOOK}"})
    body = await request.body()
    if media_type == WORKBOOK:
        tables = dict(await tables_of(body, kind))
    else:
        content = text_of(body)
        found = kind or kind_of_csv(content)
        tables: dict[Kind, str] = {found: content} if found else {}
    if not tables:
        raise invalid(FieldError("/rows/1", "kind_unknown"))
    return tables


def _says(words: str, *texts: str) -> bool:
    """Whether every word stands in one of the texts."""
    return all(any(word in text.casefold() for text in texts) for word in words.casefold().split())


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
