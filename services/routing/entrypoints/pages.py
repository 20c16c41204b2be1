"""routing's pages: signing in, one's sessions, the worklist, and the work on one issue."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.browser_sessions import LONGEST
from services.routing.domain.explain_texts import sums
from services.routing.domain.life import allowed
from services.routing.domain.state import Issue
from services.routing.entrypoints import work_forms
from services.routing.entrypoints.issues import known
from services.routing.openid import REFUSALS
from shared.ids import is_id, new_id
from shared.problem_texts import Text
from shared.problems import Problem, not_found
from shared.regions import LADDER, at_level
from shared.security.access import ACTIONS, check
from shared.security.principal import Principal
from shared.web.pages import Pages, ask, ask_or_fail, chosen
from shared.web.pages.instants import SHANGHAI
from shared.web.pages.sessions import COOKIE, Person, bearer_of, keep, put, same_origin
from shared.web.pages.standing import standing_of

SESSION = "huiyin_session"
TABS = ("all", "over", "warn", "act", "pause", "done")

PAGES = Pages("services.routing", {"commands": work_forms.COMMANDS, "priorities": work_forms.PRIORITIES})


async def renewed(request: Request) -> None:
    """Who comes with a session and without a token gets a new one, so that nothing typed is lost to a token that ran out."""
    if bearer_of(request) is None and (secret := request.cookies.get(SESSION)):
        app: App = request.app.state.services
        grant = await app.staff.browsers.renew(secret)
        if grant is not None:
            request.state.renewed = grant.token


router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])


@router.get("/sign-in")
async def ask_to_sign_in(request: Request, next: str = "/work", refused: str = "") -> Response:
    """The form; straight on for whoever has a session that only needs a new token. `refused`: why the OpenID provider's word did not do."""
    if getattr(request.state, "renewed", None):
        return keep(request, RedirectResponse(inside(next), 303))
    return _form(request, inside(next), refused=REFUSALS.get(refused))


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Name and password."""
    form = await request.form()
    username, onward = str(form.get("username", "")).strip(), inside(str(form.get("next", "")))
    asked = {"username": username, "password": str(form.get("password", ""))}
    answer = await ask(request, "POST", "/api/routing/v1/sessions", json=asked)
    if not answer.good:
        kept = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
        status = 200 if answer.status == 401 else answer.status
        return _form(request, onward, status=status, headers=kept, username=username, wrong=answer.wrong)
    return await signed_in_as(request, username, str(answer.body["access_token"]), onward)


async def signed_in_as(request: Request, username: str, token: str, onward: str) -> Response:
    """On to the page, with a new session of this browser for somebody who was found to be who they say."""
    secret = await _app(request).staff.browsers.begin(username, request.headers.get("user-agent", ""))
    onwards = keep(request, RedirectResponse(onward, 303), token)
    put(request, onwards, SESSION, secret, int(LONGEST.total_seconds()))
    return onwards


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """This browser."""
    if secret := request.cookies.get(SESSION):
        await _app(request).staff.browsers.sign_out(secret)
    gone = RedirectResponse("/", 303)
    gone.delete_cookie(SESSION, path="/")
    gone.delete_cookie(COOKIE, path="/")
    return gone


@router.get("/sessions")
async def sessions(request: Request, person: Person) -> Response:
    """Where one is signed in."""
    listed = await _app(request).staff.browsers.of(person.subject, request.cookies.get(SESSION, ""))
    return PAGES.show(request, "sessions", person=person, sessions=listed)


@router.post("/sessions")
async def end_sessions(request: Request, person: Person) -> Response:
    """End one, or all."""
    form = await request.form()
    await _app(request).staff.browsers.end(person.subject, str(form["digest"]) if form.get("digest") else None)
    return RedirectResponse("/sessions", 303)


@router.get("/work")
async def worklist(request: Request, person: Person, tab: str = "all", q: str = "") -> Response:
    """Own open issues, soonest deadline first."""
    if person.role not in ACTIONS["read_worklist"].parties:
        return PAGES.show(request, "no_cases", person=person)
    told = await ask_or_fail(request, "/api/routing/v1/worklist", {"limit": 200})
    items = [_shown(request, item) for item in told["items"]]
    counts = {name: sum(name in ("all", item["kind"]) for item in items) for name in TABS}
    found = [item for item in items if tab in ("all", item["kind"]) and q.strip() in f"{item['number']} {item['title']} {item['place']}"]
    return PAGES.show(
        request, "work", person=person, items=found, counts=counts, tab=tab, q=q, more=told["next"] is not None, said=_said(request)
    )


@router.post("/work")
async def many(request: Request, person: Person) -> Response:
    """Accept every chosen issue; what is refused is counted and said."""
    form = await request.form()
    chosen_ones = [str(each) for each in form.getlist("issue") if is_id(str(each))]
    done = 0
    for issue_id in chosen_ones:
        answer = await ask(request, "POST", f"/api/routing/v1/issues/{issue_id}/accept", json={}, headers={"Idempotency-Key": new_id()})
        done += answer.good
    return keep(request, RedirectResponse("/work?" + urlencode({"said": "accepted", "done": done, "of": len(chosen_ones)}), 303))


@router.get("/work/{issue_id}")
async def work(issue_id: str, request: Request, person: Person, command: str = "") -> Response:
    """One issue: where it stands, until when and why, what can be done; its story comes from tracking, its notices from notify."""
    return await _work(request, person, issue_id, command, {}, {}, None)


@router.post("/work/{issue_id}/{command}")
async def give(issue_id: str, command: str, request: Request, person: Person) -> Response:
    """One command. What is refused is explained beside what was typed."""
    if command not in work_forms.COMMANDS:
        raise not_found()
    form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    headers = {"Idempotency-Key": form.get("key") or new_id(), "If-Match": form.get("version") or "*"}
    try:
        body = work_forms.COMMANDS[command].body(form)
    except ValueError:
        return await _work(request, person, issue_id, command, form, {"until": _say(request, "日期写法不对", "This is no date")}, None)
    answer = await ask(request, "POST", f"/api/routing/v1/issues/{issue_id}/{command}", json=body, headers=headers)
    if answer.good:
        return keep(request, RedirectResponse(f"/work/{issue_id}?said={command}", 303))
    if answer.status in (401, 404):
        raise Problem("unauthenticated", 401) if answer.status == 401 else not_found()
    wrong = answer.wrong
    if answer.status == 412:
        wrong = {
            "": _say(
                request,
                "您打开本页以后,别人已经办了一步。您写的还在下面:看一眼现在的情况,再决定要不要提交。",
                "Somebody else did something since you opened this page. What you wrote is below: look at how it stands now, then decide.",
            )
        }
    return await _work(request, person, issue_id, command, form, wrong, answer.status)


async def _work(
    request: Request, person: Principal, issue_id: str, command: str, form: Mapping[str, str], wrong: Mapping[str, str], status: int | None
) -> Response:
    app = _app(request)
    async with app.database.transaction() as session:
        loaded = await known(session, app, issue_id)
        issue = loaded.issue
        check(person, "read_issue", issue.village, conduct=issue.category == "conduct")
        context = await app.contexts.context(session)
    explained = await ask_or_fail(request, f"/api/routing/v1/issues/{issue_id}/deadline")
    english = chosen(request) == "en"
    topic = context.directory.topics.get(issue.topic)
    units = [(unit.unit_id, unit.en if english else unit.zh) for unit in context.directory.units.values() if _near(unit.unit_id, issue)]
    can = [name for name in work_forms.COMMANDS if name in allowed(issue) and person.role in ACTIONS[name].parties]
    if "complete-task" in can and not any(task.unit in person.units for task in issue.tasks.values()):
        can.remove("complete-task")
    return PAGES.show(
        request,
        "issue",
        status=status or 200,
        person=person,
        issue=issue,
        place=_place(app, issue.village),
        topic=(topic.en if english else topic.zh) if topic else issue.topic,
        can=can,
        command=command if command in can or (command in work_forms.COMMANDS and wrong) else "",
        form=form,
        wrong=wrong,
        explained=explained,
        sums=sums(explained, chosen(request)),
        units=units,
        key=new_id(),
        tomorrow=_tomorrow(context.now),
        said=_said(request),
    )


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _form(
    request: Request,
    onward: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    username: str = "",
    wrong: Mapping[str, str] | None = None,
    refused: Text | None = None,
) -> Response:
    """The form to sign in, and the way to the OpenID provider where there is one."""
    settings = _app(request).settings
    provider = (settings.oidc_name_zh, settings.oidc_name_en) if settings.oidc_client_id else None
    return PAGES.show(
        request,
        "sign_in",
        status=status,
        headers=headers,
        next=onward,
        username=username,
        wrong=wrong or {},
        refused=refused if provider else None,
        provider=provider,
        demo=settings.demo,
    )


def inside(address: str) -> str:
    """Where to go on: a page of ours, whatever the address says."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/work"


def _say(request: Request, zh: str, en: str) -> str:
    return en if chosen(request) == "en" else zh


def _said(request: Request) -> Mapping[str, str]:
    return {name: request.query_params[name] for name in ("said", "done", "of") if name in request.query_params}


def _place(app: App, village: str) -> str:
    region = app.regions.get(village)
    return region.full_name if region else village


def _shown(request: Request, item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of the worklist with what the page adds: its colour, its place."""
    kind = standing_of(item["state"], item["due_at"], datetime.now(UTC))
    return {**item, "kind": kind, "place": _place(_app(request), item["village"])}


def _near(unit_id: str, issue: Issue) -> bool:
    """Whether a unit may be put in charge or invited: one of the issue's village, township or county."""
    region = unit_id.partition("/")[0]
    return region in {at_level(issue.village, level) for level in LADDER}


def _tomorrow(now: datetime) -> str:
    return (now.astimezone(SHANGHAI) + timedelta(days=1)).strftime("%Y-%m-%d")
