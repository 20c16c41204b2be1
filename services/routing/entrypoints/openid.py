"""routing's pages: out to the OpenID provider and back."""

from typing import Annotated
from urllib.parse import urlencode

import httpx
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from services.routing.bootstrap import App
from services.routing.entrypoints.pages import inside, signed_in_as
from services.routing.openid import PATIENCE, Answer, NotSignedIn, OpenIdSignIn
from services.routing.openid_provider import CALLBACK, OpenIdProvider
from shared.problems import not_found
from shared.ratelimit import Limit, network
from shared.security.dependencies import ClientAddress
from shared.web.call import refused
from shared.web.pages.sessions import put

COOKIE = "huiyin_openid"
BEGINNINGS = Limit("openid", per_minute=120, burst=120)
"""A whole office behind one address begins its day; who only fills our table is stopped."""
_LONGEST = 1000
"""Characters of an address of ours that is worth going on to, and of what a provider sends."""

router = APIRouter()
Given = Annotated[str, Query(max_length=2 * _LONGEST)]


def open_id(app: App, client: httpx.AsyncClient) -> OpenIdSignIn | None:
    """Sign-in with the provider of the settings; None where they name none."""
    if not app.settings.oidc_client_id:
        return None
    provider = OpenIdProvider(app.settings, client)
    return OpenIdSignIn(app.database, app.clock, provider, app.staff.sign_in, claim=app.settings.oidc_subject_claim)


@router.get("/sign-in/openid")
async def begin(request: Request, address: ClientAddress, next: str = "/work") -> Response:
    """Out to the provider, with a cookie that only this browser has."""
    openid = _openid(request)
    await request.app.state.limiter.take(BEGINNINGS, network(address))
    try:
        there, secret = await openid.begin(inside(next) if len(next) <= _LONGEST else inside(""))
    except NotSignedIn as error:
        return _not_signed_in(error)
    out = RedirectResponse(there, 303)
    put(request, out, COOKIE, secret, int(PATIENCE.total_seconds()))
    return out


@router.get(CALLBACK)
async def finish(request: Request, state: Given = "", code: Given = "", error: Given = "", iss: Given = "") -> Response:
    """Back from the provider; on to the page, or to the form with the reason why not."""
    try:
        found = await _openid(request).finish(request.cookies.get(COOKIE, ""), Answer(state, code, error, iss))
    except NotSignedIn as why:
        return _not_signed_in(why)
    onwards = await signed_in_as(request, found.username, found.grant.token, found.onward, found.id_token)
    onwards.delete_cookie(COOKIE, path="/")
    return onwards


def _openid(request: Request) -> OpenIdSignIn:
    openid: OpenIdSignIn | None = request.app.state.openid
    if openid is None:
        raise not_found()
    return openid


def _not_signed_in(error: NotSignedIn) -> Response:
    """To the form, which says why: so that no code stays in the address, and the page can be loaded again in either language."""
    refused(error.code)
    return RedirectResponse("/sign-in?" + urlencode({"next": inside(error.onward), "refused": error.code}), 303)
