"""Who is signed in on the pages: a short access token lies in a cookie that no script reads, and routing renews it."""

from typing import Annotated, Protocol

from fastapi import Depends, Request
from starlette.responses import Response

from shared.problems import Problem
from shared.security.principal import Principal
from shared.security.tokens import MAX_LIFETIME, InvalidToken, TokenVerifier

COOKIE = "huiyin_access"
_MARGIN = 30
"""Seconds that the cookie ends before its token."""


class _HasPublicUrl(Protocol):
    public_url: str


def bearer_of(request: Request) -> str | None:
    """The access token of the browser's session, or None."""
    return getattr(request.state, "renewed", None) or request.cookies.get(COOKIE) or None


async def signed_in(request: Request) -> Principal:
    """The staff member who looks at the page. Raises Problem 401, which becomes the way to sign in."""
    token = bearer_of(request)
    if token is None:
        raise Problem("unauthenticated", 401)
    verifier: TokenVerifier = request.app.state.verifier
    try:
        return await verifier.verify(token)
    except InvalidToken:
        raise Problem("token_invalid", 401) from None


Person = Annotated[Principal, Depends(signed_in)]


async def same_origin(request: Request) -> None:
    """Refuse a form that another site sends with our cookies (OWASP: verifying the origin). Raises Problem 403."""
    if request.method in ("GET", "HEAD"):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site in ("same-origin", "none"):
            return
        raise Problem("forbidden", 403)
    settings: _HasPublicUrl = request.app.state.settings
    origin = request.headers.get("origin") or "/".join(request.headers.get("referer", "").split("/")[:3])
    if origin not in (settings.public_url, f"http://{request.headers.get('host')}", f"https://{request.headers.get('host')}"):
        raise Problem("forbidden", 403)


def keep(request: Request, response: Response, token: str | None = None) -> Response:
    """Put a new token into the browser: `token`, or one that was renewed on the way."""
    token = token or getattr(request.state, "renewed", None)
    if token:
        put(request, response, COOKIE, token, int(MAX_LIFETIME.total_seconds()) - _MARGIN)
    return response


def put(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads, no other site sends along, and that never goes in the clear where the gateway speaks TLS."""
    settings: _HasPublicUrl = request.app.state.settings
    secure = settings.public_url.startswith("https://")
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")
