"""HTTP: the working calendar. Administrators change days, bring them in from files, and see what that does before it does."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse

from services.routing import previews
from services.routing.bootstrap import App
from services.routing.calendars import NewDays
from services.routing.domain.calendar_files import BadCalendarFile, Days, from_csv, from_ics, to_csv, to_ics
from services.routing.domain.commands import Context
from services.routing.domain.rulebook import Rulebook
from services.routing.entrypoints.policies import LOCKED_PROBLEMS, Administrator, locked_version, services_of
from services.routing.entrypoints.sla_bodies import RATE, CalendarBody, calendar_shown, rollout_shown
from services.routing.entrypoints.uploads import text_of
from services.routing.rules import days_only
from shared import audit, idempotency
from shared.contracts.routing import CalendarChanged, CalendarOverride
from shared.eventlog import ConcurrentAppend
from shared.problems import FieldError, Problem, invalid, not_found
from shared.security.dependencies import ClientAddress
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import body_of, etag, parse, version_mismatch
from shared.worktime import Calendar

PATH = "/api/routing/v1/calendars/cn"
MAX_DAYS_BODY = 1 * 2**20
"""Bytes of as many days as a calendar may have, in the wordiest form (iCalendar). `create_app` is told, as a body of JSON has less."""

router = APIRouter(prefix="/v1/calendars/cn", tags=["calendars"])

MEDIA_TYPES = {"text/csv": from_csv, "text/calendar": from_ics}


@router.get("", summary="The calendar in force", responses=READ_PROBLEMS)
async def calendar(request: Request, response: Response, principal: Administrator) -> dict[str, Any]:
    """With its version as ETag."""
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.calendars.current(session)
    response.headers["ETag"] = etag(found.version)
    return calendar_shown(found)


@router.get("/versions", summary="Every version, the newest first", responses=READ_PROBLEMS)
async def versions(request: Request, principal: Administrator) -> dict[str, Any]:
    """Who made each, and why."""
    app = services_of(request)
    async with app.database.transaction() as session:
        known = await app.rules.fresh(session)
    return {"items": [{"version": each.version, "by": each.by, "note": each.note} for each in reversed(known.calendars)]}


@router.get("/versions/{version}", summary="A former version", responses=READ_PROBLEMS)
async def version(version: int, request: Request, principal: Administrator) -> dict[str, Any]:
    """As it was published."""
    app = services_of(request)
    async with app.database.transaction() as session:
        known = await app.rules.fresh(session)
    found = known.changed(version)
    if found is None:
        raise not_found()
    return calendar_shown(found)


@router.get("/unconfirmed", summary="Deadlines in a year that is not announced", responses=READ_PROBLEMS)
async def unconfirmed(request: Request, principal: Administrator) -> dict[str, Any]:
    """They are counted again when the year is confirmed."""
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.calendars.unconfirmed(session)
        current = await app.calendars.current(session)
    return {"confirmed_years": current.confirmed_years, "items": found}


@router.put("", summary="Change the calendar", responses=LOCKED_PROBLEMS, openapi_extra=body_of(CalendarBody))
async def change(request: Request, principal: Administrator, address: ClientAddress) -> Response:
    """Publishes a version and counts open deadlines again; If-Match names the version that was seen."""
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    expected = locked_version(request)
    body = await parse(CalendarBody, request)
    return await _changed(request, claimed, lambda _: _days(body), expected=expected, note=body.note, rate=body.rate, by=principal.subject)


@router.post("/preview", summary="What other days would do to open issues", responses=COMMAND_PROBLEMS, openapi_extra=body_of(CalendarBody))
async def preview(request: Request, principal: Administrator) -> dict[str, Any]:
    """Nothing is written. `calendar` is the version that there would be."""
    body = await parse(CalendarBody, request)
    return await _looked_at(services_of(request), lambda _: _days(body), note=body.note, by=principal.subject)


@router.post(
    "/import",
    summary="Bring in days from a file",
    responses=LOCKED_PROBLEMS,
    openapi_extra={"requestBody": {"required": True, "content": {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES}}},
)
async def bring_in(
    request: Request,
    principal: Administrator,
    address: ClientAddress,
    confirm_year: int | None = Query(default=None, ge=2000, le=2100, description="The file holds the announced days of this year."),
    dry_run: bool = Query(default=False, description="Only say what it would do, as a preview does; needs no If-Match."),
) -> Response:
    """CSV or iCalendar. With `confirm_year` only the days of that year are replaced; otherwise all are."""
    note = f"import, year {confirm_year}" if confirm_year is not None else "import"
    if dry_run:
        found = await _file(request)
        app, by = services_of(request), principal.subject
        return JSONResponse(await _looked_at(app, lambda current: _taken(current, found, confirm_year), note=note, by=by))
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    expected = locked_version(request)
    found = await _file(request)
    return await _changed(
        request,
        claimed,
        lambda current: _taken(current, found, confirm_year),
        expected=expected,
        note=note,
        rate=RATE,
        by=principal.subject,
    )


def _taken(current: CalendarChanged, found: Days, year: int | None) -> NewDays:
    """What a file makes of the calendar: all of it, or the days of one year, which is announced then."""
    if year is None:
        return NewDays(holidays=found.holidays, working_days=found.working_days, overrides=found.overrides)

    def of_year(day: str) -> bool:
        return day.startswith(f"{year}-")

    return NewDays(
        holidays=(*(day for day in current.holidays if not of_year(day)), *filter(of_year, found.holidays)),
        working_days=(*(day for day in current.working_days if not of_year(day)), *filter(of_year, found.working_days)),
        overrides=(*(each for each in current.overrides if not of_year(each.day)), *(each for each in found.overrides if of_year(each.day)))
        if any(of_year(each.day) for each in found.overrides)
        else None,
        confirmed_years=(*current.confirmed_years, year),
    )


@router.get("/export", summary="The calendar as a file", responses=READ_PROBLEMS, response_class=Response)
async def export(request: Request, principal: Administrator, format: Literal["csv", "ics"] = "csv") -> Response:
    """CSV for spreadsheets, or iCalendar."""
    app = services_of(request)
    async with app.database.transaction() as session:
        found = await app.calendars.current(session)
    text, media_type = (to_csv(found), "text/csv") if format == "csv" else (to_ics(found), "text/calendar")
    headers = {"Content-Disposition": f'attachment; filename="calendar-{found.version}.{format}"'}
    return Response(text.encode(), media_type=f"{media_type}; charset=utf-8", headers=headers)


async def _looked_at(app: App, days: Callable[[CalendarChanged], NewDays], *, note: str, by: str) -> dict[str, Any]:
    """What other days would do to open issues, and the calendar that there would be."""
    async with app.database.transaction() as session:
        known = await app.rules.fresh(session)
        former = known.calendars[-1]
        new = app.calendars.changed(former, days(former), note=note, by=by)
        context = await app.contexts.context(session)
        policy = known.published(context.rules.version) or known.policies[-1]
        context = Context(context.now, Rulebook.of(policy, Calendar.of(new)), context.directory)
        looked = await previews.preview(session, context, days_only(context.rules, known), "recompute")
    return looked.shown() | {"calendar": calendar_shown(new)}


async def _changed(
    request: Request,
    claimed: idempotency.Claim | None,
    days: Callable[[CalendarChanged], NewDays],
    *,
    expected: int | None,
    note: str,
    rate: int,
    by: str,
) -> Response:
    app: App = services_of(request)

    async def work(session: AsyncSession) -> idempotency.Answer:
        before = await app.calendars.current(session)
        event, rollout = await app.calendars.change(session, days, expected=expected, note=note, rate=rate, by=by)
        after = calendar_shown(event)
        await audit.record(session, audit.Entry(action="change_calendar", status=200, before=calendar_shown(before), after=after))
        shown = rollout_shown(rollout, rollout.created_at) if rollout is not None else None
        return idempotency.Answer(200, {"calendar": after, "rollout": shown}, {"ETag": etag(event.version)})

    try:
        async with app.database.transaction() as session:
            return await idempotency.once(session, claimed, lambda: work(session))
    except ConcurrentAppend:
        raise version_mismatch() from None


def _days(body: CalendarBody) -> NewDays:
    overrides = None if body.overrides is None else tuple(CalendarOverride.model_validate(each.model_dump()) for each in body.overrides)
    return NewDays(body.office_hours, body.holidays, body.working_days, overrides, body.confirmed_years)


async def _file(request: Request) -> Days:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    reader = MEDIA_TYPES.get(media_type)
    if reader is None:
        raise Problem("unsupported_media_type", 415, expected="text/csv", headers={"Accept-Post": ", ".join(MEDIA_TYPES)})
    try:
        return reader(text_of(await request.body()))
    except BadCalendarFile as error:
        raise invalid(*(FieldError(f"/rows/{line}", f"calendar_{code}") for line, code in error.errors[:200])) from None
