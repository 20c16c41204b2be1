"""The administrator's calendar: a year sheet, days of single regions, files. What a change does is said before it is made."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.entrypoints.calendars import MAX_DAYS_BODY
from services.routing.entrypoints.calendars import PATH as API
from services.routing.entrypoints.pages import PAGES, renewed
from services.routing.entrypoints.uploads import Upload, rows_wrong_of, uploaded
from services.routing.entrypoints.year_sheet import KINDS, differences, overrides_of, year_sheet, years_of
from shared.ids import new_id
from shared.regions import Region, prefix
from shared.web.pages import Answer, ask, ask_all, ask_or_fail, say
from shared.web.pages.asking import Refused
from shared.web.pages.instants import SHANGHAI
from shared.web.pages.sessions import Person, keep, same_origin

MOST_DAYS = 366
"""Days that one form sets; more come by a file."""

Year = Annotated[int | None, Query(ge=2001, le=2099)]
Code = Annotated[str, Query(pattern="^([0-9]{12})?$")]

router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])


@router.get("/calendar")
async def sheet(request: Request, person: Person, year: Year = None, region: Code = "", version: int | None = None) -> Response:
    """A year in a region, or in the whole country; of the calendar in force or of a former version."""
    return await _sheet(request, person, year, region, version=version)


@router.get("/calendar/export")
async def export(request: Request, person: Person, format: Literal["csv", "ics"] = "csv") -> Response:
    """The calendar as a file."""
    answer = await ask(request, "GET", f"{API}/export", params={"format": format})
    if not answer.good:
        raise Refused(answer)
    kept = {name: answer.headers[name] for name in ("content-type", "content-disposition")}
    return keep(request, Response(answer.content, headers=kept))


@router.post("/calendar/days")
async def set_days(request: Request, person: Person) -> Response:
    """What it would do to set days of a region."""
    form = await request.form()
    typed = {name: str(form.get(name, "")).strip() for name in ("region", "first", "last", "kind", "note")}
    try:
        days = _days(typed["first"], typed["last"])
    except ValueError:
        return await _sheet(request, person, None, typed["region"], typed=typed, wrong={"first": _bad_days(request)})
    code = prefix(typed["region"]) if _known(request, typed["region"]) else typed["region"]
    now = await ask_or_fail(request, API)
    others = [each for each in now["overrides"] if each["region"] != code or each["day"] not in days]
    added = [{"region": code, "day": day, "kind": typed["kind"], "note": typed["note"]} for day in days]
    return await _previewed(request, person, now, {"overrides": others + added, "note": typed["note"]}, typed)


@router.post("/calendar/days/remove")
async def remove_days(request: Request, person: Person) -> Response:
    """What it would do to take days of single regions back."""
    form = await request.form()
    gone = {str(each) for each in form.getlist("gone")}
    now = await ask_or_fail(request, API)
    left = [each for each in now["overrides"] if f"{each['region']} {each['day']}" not in gone]
    return await _previewed(request, person, now, {"overrides": left, "note": str(form.get("note", ""))}, {})


@router.post("/calendar/import")
async def bring_in(request: Request, person: Person) -> Response:
    """What it would do to bring in a file, or what is wrong with it."""
    form, upload = await uploaded(request, MAX_DAYS_BODY * 2)
    year = form.get("confirm_year", "").strip()
    if upload is None:
        return await _sheet(request, person, None, "", wrong={"file": say(request, "没有选文件", "No file was chosen")})
    now = await ask_or_fail(request, API)
    answer = await _sent(request, upload, year, params={"dry_run": "true"})
    if not answer.good:
        rows = rows_wrong_of(answer)
        wrong = {"file": say(request, "文件有错,什么都没有改", "The file has mistakes; nothing was changed")} if rows else answer.wrong
        return await _sheet(request, person, None, "", wrong=wrong, rows=rows, status=answer.status)
    return _change(request, person, now, answer.body, {"carried": upload.carried, "confirm_year": year})


@router.post("/calendar/change")
async def change(request: Request, person: Person) -> Response:
    """Make the change that was shown; open deadlines are counted again by a roll-out."""
    form, upload = await uploaded(request, MAX_DAYS_BODY * 2)
    headers = {"If-Match": form.get("version", ""), "Idempotency-Key": form.get("key") or new_id()}
    if upload is not None:
        answer = await _sent(request, upload, form.get("confirm_year", ""), headers=headers)
    else:
        answer = await ask(
            request, "PUT", API, content=form.get("body", "").encode(), headers=headers | {"Content-Type": "application/json"}
        )
    if not answer.good:
        return await _sheet(request, person, None, "", wrong=_refusal(request, answer), status=answer.status)
    rollout = answer.body["rollout"]
    return keep(request, RedirectResponse(f"/rules/rollouts/{rollout['rollout_id']}" if rollout else "/calendar?said=changed", 303))


async def _sheet(
    request: Request,
    person: Person,
    year: int | None,
    region: str,
    *,
    version: int | None = None,
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    rows: Sequence[object] = (),
    status: int = 0,
) -> Response:
    now, unconfirmed, versions = await ask_all(request, API, f"{API}/unconfirmed", f"{API}/versions")
    shown = now if version in (None, now["version"]) else await ask_or_fail(request, f"{API}/versions/{version}")
    place = _known(request, region)
    today = datetime.now(SHANGHAI).date()
    year = year or today.year
    code = prefix(region) if place else ""
    return PAGES.show(
        request,
        "calendar",
        status=status or (422 if wrong else 200),
        person=person,
        calendar=shown,
        in_force=now["version"],
        year=year,
        years=years_of(shown, today.year),
        months=year_sheet(shown, year, code),
        today=today,
        place=place,
        places=_places(request, place),
        overrides=overrides_of(shown, year, code),
        name_of=_namer(request),
        kinds=KINDS,
        unconfirmed=unconfirmed["items"],
        versions=versions["items"],
        hours=_hours(now["office_hours"]),
        typed=typed or {},
        wrong=wrong or {},
        rows=rows,
        said=request.query_params.get("said", ""),
    )


async def _previewed(
    request: Request, person: Person, now: Mapping[str, Any], body: Mapping[str, Any], typed: Mapping[str, str]
) -> Response:
    answer = await ask(request, "POST", f"{API}/preview", json=body)
    if not answer.good:
        wrong = _by_field(answer, typed)
        return await _sheet(request, person, None, typed.get("region", ""), typed=typed, wrong=wrong, status=answer.status)
    return _change(request, person, now, answer.body, {"body": orjson.dumps(body).decode()})


def _change(request: Request, person: Person, now: Mapping[str, Any], looked: Mapping[str, Any], kept: Mapping[str, str]) -> Response:
    """What a change does, and the form that makes it."""
    found = differences(now, looked["calendar"])
    return PAGES.show(
        request,
        "calendar_change",
        person=person,
        differences=found,
        regions=sorted({each.region for each in found}),
        new_years=[year for year in looked["calendar"]["confirmed_years"] if year not in now["confirmed_years"]],
        name_of=_namer(request),
        kinds=KINDS,
        looked=looked,
        kept=kept,
        version=now["version"],
        key=new_id(),
    )


async def _sent(
    request: Request, upload: Upload, year: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    query = dict(params or {}) | ({"confirm_year": year} if year else {})
    sent = dict(headers or {}) | {"Content-Type": upload.media_type}
    return await ask(request, "POST", f"{API}/import", content=upload.content, params=query, headers=sent)


def _by_field(answer: Answer, typed: Mapping[str, str]) -> Mapping[str, str]:
    """What is wrong with a day (`/overrides/3/note`) beside the field of the form that says it."""
    ends = [(str(error["pointer"]).rpartition("/")[2], str(error["detail"])) for error in answer.body.get("errors", ())]
    return {end if end in typed else "region": detail for end, detail in reversed(ends)} or answer.wrong


def _refusal(request: Request, answer: Answer) -> Mapping[str, str]:
    if answer.status != 412:
        return answer.wrong
    return {
        "": say(
            request,
            "您打开本页以后,别人改了日历,所以您的改动没有做。下面是现在的日历。",
            "Somebody else changed the calendar since you opened the page, so yours was not made. Below is how it stands now.",
        )
    }


def _days(first: str, last: str) -> list[str]:
    """Every day from the first to the last. Raises ValueError where they are no dates, in the wrong order, or too far apart."""
    begin = date.fromisoformat(first)
    end = date.fromisoformat(last) if last else begin
    if not 0 <= (end - begin).days < MOST_DAYS:
        raise ValueError(last)
    return [(begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1)]


def _bad_days(request: Request) -> str:
    return say(
        request,
        f"日期要写成 2026-09-15,先后要对,一次最多 {MOST_DAYS} 天",
        f"Dates read 2026-09-15, the first before the last, at most {MOST_DAYS} days at once",
    )


def _known(request: Request, code: str) -> Region | None:
    app: App = request.app.state.services
    return app.regions.get(code)


def _places(request: Request, place: Region | None) -> list[Region]:
    """What the chooser offers: the counties, and on the way to the chosen region what lies there and inside it."""
    app: App = request.app.state.services
    way: list[Region] = []
    while place is not None:
        way.insert(0, place)
        place = app.regions.get(place.parent) if place.parent else None
    offered = list(app.regions.counties)
    for step in way:
        at = offered.index(step) + 1
        offered[at:at] = app.regions.children(step.code)
    return offered


def _namer(request: Request) -> Any:
    app: App = request.app.state.services

    def name_of(code: str) -> str:
        region = app.regions.get(code.ljust(12, "0"))
        return region.full_name if region else code

    return name_of


def _hours(spans: Sequence[Sequence[str]]) -> str:
    return ", ".join("–".join(span) for span in spans)
