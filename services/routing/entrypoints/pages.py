"""routing's pages about oneself: signing in and out, and where one is signed in."""

from collections.abc import Mapping

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.browser_sessions import LONGEST
from services.routing.entrypoints import work_forms
from services.routing.entrypoints.shortcuts import COMMAND_KEYS, KEYS
from services.routing.openid import REFUSALS, OpenIdSignIn
from shared.problem_texts import Text
from shared.web.pages import Pages, ask
from shared.web.pages.sessions import COOKIE, Person, bearer_of, keep, put, same_origin

SESSION = "huiyin_session"

PAGES = Pages(
    "services.routing", {"commands": work_forms.COMMANDS, "priorities": work_forms.PRIORITIES, "command_keys": COMMAND_KEYS, "keys": KEYS}
)


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


async def signed_in_as(request: Request, username: str, token: str, onward: str, id_token: str | None = None) -> Response:
    """On to the page, with a new session of this browser for somebody who was found to be who they say."""
    secret = await _app(request).staff.browsers.begin(username, request.headers.get("user-agent", ""), id_token)
    onwards = keep(request, RedirectResponse(onward, 303), token)
    put(request, onwards, SESSION, secret, int(LONGEST.total_seconds()))
    return onwards


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """This browser; and the OpenID provider, where the session began with its word."""
    secret, openid = request.cookies.get(SESSION), _openid(request)
    id_token = await _app(request).staff.browsers.sign_out(secret) if secret else None
    there = await openid.farewell(id_token) if openid and id_token else None
    gone = _farewell(request, there) if there else RedirectResponse("/", 303)
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


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _openid(request: Request) -> OpenIdSignIn | None:
    openid: OpenIdSignIn | None = request.app.state.openid
    return openid


def _farewell(request: Request, there: str) -> Response:
    """A page that leads on to the provider: browsers follow no form of ours (form-action) to another site."""
    headers = {"Refresh": f"0;url={there}", "Cache-Control": "no-store"}
    return PAGES.show(request, "signed_out", headers=headers, there=there, provider=_provider(request))


def _provider(request: Request) -> tuple[str, str] | None:
    """How the OpenID provider is called, where there is one."""
    settings = _app(request).settings
    return (settings.oidc_name_zh, settings.oidc_name_en) if settings.oidc_client_id else None


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
    provider = _provider(request)
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
        demo=_app(request).settings.demo,
    )


def inside(address: str) -> str:
    """Where to go on: a page of ours, whatever the address says."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/work"
