"""One issue: where it stands, until when and why, what can be done as forms, and what came of a form that was sent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.domain.explain_texts import sums
from services.routing.entrypoints import work_forms
from services.routing.entrypoints.countdowns import shown
from services.routing.entrypoints.ladder_drawing import drawn
from services.routing.entrypoints.level_names import level_names
from services.routing.entrypoints.pages import PAGES, renewed
from shared.ids import new_id
from shared.problems import Problem, not_found
from shared.receipts import BadReceipt
from shared.regions import LADDER, at_level
from shared.security.principal import Principal
from shared.web.pages import Answer, ask, ask_or_fail, chosen, say
from shared.web.pages.instants import SHANGHAI
from shared.web.pages.sessions import Person, keep, same_origin

router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])

CHANGED: tuple[str, str] = (
    "您打开本页以后,这件事有了变化,所以没有提交。您写的还在下面:看一眼变化,再决定要不要提交。",
    "Something changed since you opened this page, so nothing was sent. What you wrote is below: look at what changed, then decide.",
)
NO_DATE: tuple[str, str] = ("日期写法不对", "This is no date")


@router.get("/work/{issue_id}")
async def work(issue_id: str, request: Request, person: Person, command: str = "") -> Response:
    """One issue; its story comes from tracking, its notices from notify, its photos from intake."""
    return await _issue(request, person, issue_id, command, {}, {}, 200)


@router.post("/work/{issue_id}/{command}")
async def give(issue_id: str, command: str, request: Request, person: Person) -> Response:
    """One command, or its form again with a photo that was added. What is refused is explained beside what was typed."""
    if command not in work_forms.COMMANDS:
        raise not_found()
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    if form.get("draft"):
        return await _issue(request, person, issue_id, command, form, {}, 200)
    headers = {"Idempotency-Key": form.get("key") or new_id(), "If-Match": form.get("version") or "*"}
    try:
        body = work_forms.COMMANDS[command].body(form)
    except ValueError:
        return await _issue(request, person, issue_id, command, form, {"until": say(request, *NO_DATE)}, 200)
    answer = await ask(request, "POST", f"/api/routing/v1/issues/{issue_id}/{command}", json=body, headers=headers)
    if answer.good:
        return keep(request, RedirectResponse(f"/work/{issue_id}?said={command}", 303))
    if answer.status in (401, 404):
        raise Problem("unauthenticated", 401) if answer.status == 401 else not_found()
    return await _issue(request, person, issue_id, command, form, _wrong(request, answer), answer.status)


def _wrong(request: Request, answer: Answer) -> Mapping[str, str]:
    if answer.status == 412:
        return {"": say(request, *CHANGED)}
    if "" in answer.wrong:
        return {"": f"{answer.body.get('title', '')}: {answer.detail}"}
    return answer.wrong


async def _issue(
    request: Request,
    person: Principal,
    issue_id: str,
    command: str,
    form: Mapping[str, str],
    wrong: Mapping[str, str],
    status: int,
) -> Response:
    seen = form.get("version", "").strip('"')
    asked: dict[str, str | int | list[str]] = {"since": seen} if wrong and seen.isdigit() and len(seen) < 10 else {}
    issue = await ask_or_fail(request, f"/api/routing/v1/issues/{issue_id}", asked)
    app, language, now = _app(request), chosen(request), datetime.now(UTC)
    region = app.regions.get(issue["village"])
    known = command in work_forms.COMMANDS and (command in issue["commands"] or bool(wrong) or bool(form))
    clock, levels = issue["clock"], level_names(app.regions, issue["village"], language)
    return PAGES.show(
        request,
        "issue",
        status=status,
        person=person,
        issue=issue,
        place=region.full_name if region else issue["village"],
        levels=levels,
        command=command if known else "",
        form=form,
        version=f'"{issue["version"] if wrong or not seen else seen}"',
        wrong=wrong,
        shown=shown(issue["state"], clock, language, now, detail=True),
        meter=_meter(issue),
        sums=sums(issue["deadline"], language),
        ladder=drawn(issue, levels, language, now) if issue["stays"] else None,
        before=[file for file in issue["files"] if file["source"] != "resolution"],
        after=[file for file in issue["files"] if file["source"] == "resolution"],
        photos=_photos(app, form),
        units=_units(app, issue, language),
        topics=[(topic.code, topic.en if language == "en" else topic.zh) for topic in app.staff.holder.current.topics.values()],
        key=new_id(),
        tomorrow=_tomorrow(now),
        said=request.query_params.get("said", ""),
    )


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _meter(issue: Mapping[str, Any]) -> tuple[int, int] | None:
    """Percent of the handle deadline's time that is used, and the percent at which its handler is warned; None where none runs."""
    handle = next((each for each in (*issue["deadline"]["deadlines"], *issue["deadline"]["paused"]) if each["kind"] == "handle"), None)
    if handle is None or handle["seconds_used"] is None or handle["seconds_left"] is None:
        return None
    whole = handle["seconds_used"] + handle["seconds_left"]
    return (min(100, handle["seconds_used"] * 100 // whole) if whole else 100), handle["share"] or 75


def _photos(app: App, form: Mapping[str, str]) -> list[str]:
    """The attachments whose receipts a form holds; one that is no good is found out when the form is sent."""
    found: list[str] = []
    for receipt in form.get("evidence", "").split():
        try:
            found.append(app.receipts.verify(receipt, now=app.wall_clock()).attachment_id)
        except BadReceipt:
            continue
    return found


def _units(app: App, issue: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """The units that may be put in charge or invited: those of the issue's village, township and county."""
    near = {at_level(issue["village"], level) for level in LADDER}
    units = app.staff.holder.current.units.values()
    return [
        (unit.unit_id, f"{unit.en}, {app.regions.name(unit.region)}" if language == "en" else app.regions.name(unit.region) + unit.zh)
        for unit in units
        if unit.region in near
    ]


def _tomorrow(now: datetime) -> str:
    return (now.astimezone(SHANGHAI) + timedelta(days=1)).strftime("%Y-%m-%d")
