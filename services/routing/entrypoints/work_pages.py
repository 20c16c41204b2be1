"""The worklist: countdowns, tabs, filters that can be saved, and what is done to many issues at once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.entrypoints.countdowns import shown
from services.routing.entrypoints.level_names import level_names
from services.routing.entrypoints.pages import PAGES, renewed
from services.routing.entrypoints.saved_filters import Filter
from shared.ids import is_id, new_id
from shared.regions import Region, Regions
from shared.security.access import ACTIONS
from shared.security.principal import Principal
from shared.web.pages import ask, ask_or_fail, chosen
from shared.web.pages.sessions import Person, keep, same_origin

router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])

API = "/api/routing/v1/worklist"
TABS = ("all", "over", "warn", "act", "pause", "done")
NARROWING = ("q", "region", "topic", "priority", "part")
FILTER = ("tab", *NARROWING)
"""What of the address is a filter."""
PAGE = 50
"""Issues of a page."""

Refusals = Sequence[tuple[str, str]]
"""Number and title of an issue, and why it was refused."""


@router.get("/work")
async def worklist(request: Request, person: Person) -> Response:
    """Own open issues, soonest deadline first."""
    if person.role not in ACTIONS["read_worklist"].parties:
        return PAGES.show(request, "no_cases", person=person)
    return await _worklist(request, person)


@router.post("/work")
async def many(request: Request, person: Person) -> Response:
    """Accept or assign every chosen issue; each that is refused is named with the reason, and stays chosen."""
    form = await request.form()
    command = "reassign" if form.get("do") == "reassign" else "accept"
    body = {name: str(form.get(name, "")).strip() for name in ("unit", "reason")} if command == "reassign" else {}
    key, chosen_ones = str(form.get("key") or new_id()), [str(each) for each in form.getlist("issue") if is_id(str(each))]
    refused: dict[str, str] = {}
    for issue_id in chosen_ones:
        headers = {"Idempotency-Key": f"{key}-{issue_id}"}
        answer = await ask(request, "POST", f"/api/routing/v1/issues/{issue_id}/{command}", json=body, headers=headers)
        if not answer.good:
            refused[issue_id] = str(answer.body.get("title", "")) if "" in answer.wrong else " ".join(answer.wrong.values())
    told = {"said": command, "done": len(chosen_ones) - len(refused), "of": len(chosen_ones)}
    if refused:
        return await _worklist(request, person, told=told, refused=refused, typed=body)
    return keep(request, RedirectResponse(f"/work?{urlencode(_filter(request.query_params) | _place(request) | told)}", 303))


@router.get("/work/keys")
async def keys(request: Request, person: Person) -> Response:
    """The keyboard shortcuts, for whoever has no script."""
    return PAGES.show(request, "keys", person=person)


@router.post("/work/filters")
async def save_filter(request: Request, person: Person) -> Response:
    """Save what is shown under a name."""
    form = await request.form()
    wanted = _filter(_texts(form))
    body = {"name": str(form.get("name", "")), "filter": wanted}
    answer = await ask(request, "POST", f"{API}/filters", json=body, headers={"Idempotency-Key": new_id()})
    if not answer.good:
        return await _worklist(request, person, wanted=wanted, wrong=answer.wrong, status=answer.status)
    return keep(request, RedirectResponse(f"/work?{urlencode(wanted)}", 303))


@router.post("/work/filters/remove")
async def remove_filter(request: Request, person: Person) -> Response:
    """Remove one; one that is gone already is as good."""
    form = await request.form()
    await ask(request, "DELETE", f"{API}/filters/{form.get('filter_id', '')}")
    return keep(request, RedirectResponse(f"/work?{urlencode(_filter(_texts(form)))}", 303))


async def _worklist(
    request: Request,
    person: Principal,
    *,
    told: Mapping[str, Any] | None = None,
    refused: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    wanted: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    wanted = wanted if wanted is not None else _filter(request.query_params)
    narrowed, place = {name: wanted[name] for name in NARROWING if name in wanted}, _place(request)
    tab = wanted.get("tab", "all")
    standing = {"standing": tab} if tab != "all" else {}
    answered = await ask_or_fail(request, API, {"limit": PAGE, **narrowed, **standing, **place})
    saved = await ask_or_fail(request, f"{API}/filters")
    now, language, regions = datetime.now(UTC), chosen(request), _app(request).regions
    items = [_row(item, regions, language, now) for item in answered["items"]]
    return PAGES.show(
        request,
        "work",
        status=status,
        person=person,
        items=items,
        counts={"all": sum(answered["counts"].values()), **answered["counts"]},
        tab=tab,
        wanted=dict.fromkeys(FILTER, "") | dict(wanted),
        tabs={name: urlencode(narrowed | {"tab": name}) for name in TABS},
        query=urlencode(wanted),
        here_again=urlencode(dict(wanted) | place),
        first=f"/work?{urlencode(wanted)}" if place else "",
        onward=f"/work?{urlencode(dict(wanted) | {'cursor': answered['next']})}" if answered["next"] else "",
        saved=[one | {"query": urlencode(_filter(one["filter"]))} for one in saved["items"]],
        topics=_app(request).staff.holder.current.topics.values(),
        below=_below(regions, person),
        units=_units(request, person),
        said=told or (request.query_params if {"said", "done", "of"} <= request.query_params.keys() else {}),
        refused=[(item, refused[item["issue_id"]]) for item in items if item["issue_id"] in refused] if refused else [],
        typed=typed or {},
        wrong=wrong or {},
        key=new_id(),
    )


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _texts(form: FormData) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _filter(given: Mapping[str, str]) -> dict[str, str]:
    """The filter that an address or a form names; what is none is left out."""
    found: dict[str, str] = {}
    for name in FILTER:
        value = given.get(name, "").strip()
        try:
            Filter.model_validate({name: value})
        except ValueError:
            continue
        if value and value != "all":
            found[name] = value
    return found


def _place(request: Request) -> dict[str, str]:
    """Which page of the list the address names; nothing for the first one."""
    cursor = request.query_params.get("cursor")
    return {"cursor": cursor} if cursor else {}


def _row(item: Mapping[str, Any], regions: Regions, language: Any, now: datetime) -> dict[str, Any]:
    region = regions.get(item["village"])
    place = region.full_name if region else item["village"]
    level = level_names(regions, item["village"], language).get(item["level"], "")
    return {**item, "place": place, "level_name": level, "shown": shown(item["state"], item["clock"], language, now)}


def _below(regions: Regions, person: Principal) -> list[Region]:
    """The regions that one can narrow to: townships of a county, villages of a township."""
    return [child for code in person.regions for child in regions.children(code)]


def _units(request: Request, person: Principal) -> list[tuple[str, str]]:
    """The units that one can assign to: those of one's own regions, for whoever may and has a choice."""
    if person.role not in ACTIONS["reassign"].parties:
        return []
    index = 2 if chosen(request) == "en" else 1
    units = _app(request).staff.holder.current.units.values()
    own = [(unit.unit_id, unit.zh, unit.en) for unit in units if unit.region in person.regions]
    return [(unit[0], unit[index]) for unit in own] if len(own) > 1 else []
