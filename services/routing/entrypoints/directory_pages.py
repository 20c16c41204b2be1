"""The administrator's directory: regions, units, officers and topics as tables; import: first what a file would do, then the doing."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.entrypoints.directory import IMPORT_PATH, MAX_IMPORT
from services.routing.entrypoints.pages import PAGES, renewed
from services.routing.entrypoints.uploads import Upload, rows_wrong, rows_wrong_of, uploaded
from shared.ids import new_id
from shared.web.pages import Answer, ask, chosen, say
from shared.web.pages.asking import Refused
from shared.web.pages.sessions import Person, keep, same_origin

API = "/api/routing/v1/directory"
PAGE = 200
"""Rows of a page."""

TABS = {
    "regions": ("地区", "Regions"),
    "units": ("单位", "Units"),
    "officers": ("人员", "Officers"),
    "topics": ("事项", "Topics"),
}
ROLES = {
    "cadre": ("驻村干部", "Cadre"),
    "officer": ("经办岗", "Officer"),
    "dispatcher": ("分派岗", "Dispatcher"),
    "supervisor": ("督办岗", "Supervisor"),
}
LEVELS = {"village": ("村", "Village"), "township": ("镇", "Township"), "county": ("县", "County")}
BOARDS = {"full": ("全文公示", "In full"), "category": ("只公示类别", "Category only"), "none": ("不公示", "Not shown")}
COUNTS = {"added": ("新增", "Added"), "changed": ("更改", "Changed"), "removed": ("删掉", "Removed"), "unchanged": ("不变", "Unchanged")}

Tab = Literal["regions", "units", "officers", "topics"]
Words = Annotated[str, Query(max_length=80)]
Prefix = Annotated[str, Query(max_length=12)]
After = Annotated[str, Query(max_length=120)]

router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])


@router.get("/directory")
async def directory(
    request: Request, person: Person, tab: Tab = "units", q: Words = "", region: Prefix = "", after: After = ""
) -> Response:
    """A table, what is sought in it, a page at a time."""
    return await _tables(request, person, tab=tab, q=q, region=region, after=after)


@router.get("/directory/export")
async def export(request: Request, person: Person, kind: str = "", format: str = "xlsx") -> Response:
    """A table as CSV, or all as a workbook."""
    answer = await ask(request, "GET", f"{API}/export", params={"format": format} | ({"kind": kind} if kind else {}))
    if not answer.good:
        raise Refused(answer)
    kept = {name: answer.headers[name] for name in ("content-type", "content-disposition")}
    return keep(request, Response(answer.content, headers=kept))


@router.post("/directory/officers/{officer_id}/duty")
async def change_duty(officer_id: str, request: Request, person: Person) -> Response:
    """On duty or off: only then does a matter come to them by itself."""
    form = await request.form()
    body = {"on_duty": form.get("on_duty") == "true"}
    answer = await ask(request, "PATCH", f"{API}/officers/{officer_id}", json=body)
    if not answer.good:
        raise Refused(answer)
    kept = {name: str(form.get(name, "")) for name in ("q", "region", "after")}
    return keep(request, RedirectResponse("/directory?" + urlencode({"tab": "officers", **kept, "said": "duty"}), 303))


@router.post("/directory/import")
async def look(request: Request, person: Person) -> Response:
    """What a file would change, row by row, and what is wrong with it. Nothing is written."""
    form, upload = await uploaded(request, MAX_IMPORT)
    whole = bool(form.get("whole"))
    if upload is None:
        return await _tables(request, person, wrong={"file": say(request, "没有选文件", "No file was chosen")})
    answer = await _sent(request, upload, whole, new_id(), dry_run=True)
    if not answer.good:
        return await _refused(request, person, answer)
    return PAGES.show(
        request,
        "directory_import",
        status=422 if answer.body["errors"] else 200,
        person=person,
        told=answer.body,
        rows=rows_wrong(answer.body["errors"]),
        carried=upload.carried,
        whole=whole,
        key=new_id(),
        tabs=TABS,
        counts=COUNTS,
    )


@router.post("/directory/import/confirm")
async def take(request: Request, person: Person) -> Response:
    """Take the file that was looked at."""
    form, upload = await uploaded(request, MAX_IMPORT * 2)
    if upload is None:
        return keep(request, RedirectResponse("/directory", 303))
    answer = await _sent(request, upload, bool(form.get("whole")), form.get("key") or new_id(), dry_run=False)
    if not answer.good:
        return await _refused(request, person, answer)
    told = {name: answer.body[name] for name in COUNTS}
    kind = answer.body["kind"] or "units"
    return keep(request, RedirectResponse("/directory?" + urlencode({"tab": kind, "said": "imported", **told}), 303))


async def _tables(
    request: Request,
    person: Person,
    *,
    tab: Tab = "units",
    q: str = "",
    region: str = "",
    after: str = "",
    wrong: Mapping[str, str] | None = None,
    rows: Sequence[object] = (),
    status: int = 0,
) -> Response:
    params: dict[str, str | int | list[str]] = {} if tab == "topics" else {"limit": PAGE}
    params |= {name: value for name, value in (("q", q.strip()), ("region", _whole_code(region)), ("after", after)) if value}
    answer = await ask(request, "GET", f"{API}/{tab}", params=params)
    if answer.status != 200 and not (answer.status == 422 and region):
        raise Refused(answer)
    wrong = {**(wrong or {}), **({} if answer.good else {"region": answer.wrong.get("region", answer.detail)})}
    onward = answer.body.get("next")
    return PAGES.show(
        request,
        "directory",
        status=status or (422 if wrong else 200),
        person=person,
        tab=tab,
        tabs=TABS,
        items=answer.body.get("items", []),
        onward=urlencode({"tab": tab, "q": q, "region": region, "after": onward}) if onward else "",
        q=q,
        region=region,
        after=after,
        name_of=_namer(request),
        unit_of=await _unit_namer(request, tab),
        roles=ROLES,
        levels=LEVELS,
        boards=BOARDS,
        counts=COUNTS,
        wrong=wrong,
        rows=rows,
        said=dict(request.query_params),
    )


async def _refused(request: Request, person: Person, answer: Answer) -> Response:
    rows = rows_wrong_of(answer)
    if rows:
        said = say(request, "文件有错,什么都没有改", "The file has mistakes; nothing was changed")
    else:
        errors = answer.body.get("errors")
        said = errors[0]["detail"] if errors else f"{answer.body.get('title', '')} {answer.detail}"
    return await _tables(request, person, wrong={"file": said}, rows=rows, status=answer.status)


async def _sent(request: Request, upload: Upload, whole: bool, key: str, *, dry_run: bool) -> Answer:
    params = {"dry_run": str(dry_run).lower(), "whole": str(whole).lower()}
    headers = {"Content-Type": upload.media_type, "Idempotency-Key": key}
    return await ask(request, "POST", IMPORT_PATH, content=upload.content, params=params, headers=headers)


def _whole_code(text: str) -> str:
    """A region as people write it, a county's six or a township's nine digits too, as the API takes it."""
    code = text.strip()
    return code.ljust(12, "0") if len(code) in (6, 9) and code.isdigit() else code


def _namer(request: Request) -> Any:
    app: App = request.app.state.services

    def name_of(code: str) -> str:
        region = app.regions.get(code)
        return region.full_name if region else code

    return name_of


async def _unit_namer(request: Request, tab: Tab) -> Any:
    """Names of units, where a table names them by their codes."""
    if tab != "officers":
        return str
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        known = (await app.staff.holder.fresh(session)).units
    english = chosen(request) == "en"

    def unit_of(unit_id: str) -> str:
        unit = known.get(unit_id)
        return (unit.en if english else unit.zh) if unit else unit_id

    return unit_of
