"""ASGI middleware of every service, outermost first: `Headers`, `Calls` (audit, metrics), `Failures`; then `Bodies` and `Admission`."""

import logging
import time

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import audit
from shared.database import Database
from shared.metrics import COMMANDS, REQUEST_SECONDS, REQUESTS
from shared.problems import FieldError, Problem, from_database, invalid, language_of, not_found
from shared.security.dependencies import address_of
from shared.settings import CommonSettings
from shared.telemetry import current_trace_id, describe_span, keep_request
from shared.web.call import Call, begin, refused
from shared.web.pages.refusals import is_page, page_of

log = logging.getLogger(__name__)

_COMMANDS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""What an answer carries unless its endpoint says otherwise (OWASP ASVS 5, chapter 3)."""


class Headers:
    """Adds the security headers that an answer does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class Calls:
    """Keeps the `Call` of each request. Before an answer leaves, counts it and writes the audit entry that a command has not written."""

    def __init__(self, app: ASGIApp, *, service: str, settings: CommonSettings, database: Database | None) -> None:
        self.app = app
        self._service = service
        self._gateway_token = settings.gateway_token
        self._database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        call = Call(scope["method"], address_of(Request(scope), self._gateway_token))
        begin(call)
        started = time.perf_counter()

        async def ending(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._end(call, scope, message["status"], time.perf_counter() - started)
            await send(message)

        await self.app(scope, receive, ending)

    async def _end(self, call: Call, scope: Scope, status: int, seconds: float) -> None:
        matched = "endpoint" in scope
        call.route = call.route or _template(scope)
        if call.code == "ok" and status >= 400:
            call.code = "http_error"
        REQUESTS.labels(self._service, call.method, call.route, status).inc()
        REQUEST_SECONDS.labels(self._service, call.route).observe(seconds)
        describe_span(issue_id=call.issue_id, region=call.region, result=call.code)
        keep_request(f"{call.method} {call.route}", seconds, issue_id=call.issue_id, result=call.code)
        # What a page does, it does by the API, which counts and audits it; what the page itself forbids (a forged form) is kept here.
        own = not is_page(Request(scope)) or call.code == "forbidden"
        if matched and own and call.method in _COMMANDS:
            COMMANDS.labels(self._service, call.action or call.route, call.code).inc()
            if not call.audited and self._database is not None:
                await self._audit(self._database, call, status)

    async def _audit(self, database: Database, call: Call, status: int) -> None:
        try:
            async with database.transaction() as session:
                await audit.record_refused(session, call, status)
        except (SQLAlchemyError, psycopg.Error):
            fields = {"action": call.action, "result": call.code, "issue_id": call.issue_id}
            log.exception("audit entry could not be written", extra={"fields": fields})


class Failures:
    """Answers what no handler answered: 503 where the database is away, 500 without details otherwise, logged with its trace."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            _check_address(scope)
            await self.app(scope, receive, noting)
        except Exception as error:
            if started:
                raise
            await respond(Request(scope), _problem(error))(scope, receive, send)


def _check_address(scope: Scope) -> None:
    """No path and no parameter of ours holds a NUL, and Postgres stores none. Raises Problem 404, 422."""
    if "\0" in scope["path"]:
        raise not_found()
    if b"%00" in scope["query_string"]:
        raise invalid(FieldError("", "text_control", location="query"))


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    known = from_database(error)
    log.error("request failed", exc_info=error) if known is None else log.warning("database unavailable: %s", type(error).__name__)
    return known or Problem("internal_error", 500, trace_id=current_trace_id() or "-")


def respond(request: Request, problem: Problem) -> Response:
    """The answer for a problem; notes its code for audit and metrics."""
    refused(problem.code)
    if is_page(request):
        return page_of(request, problem)
    return problem.response(language_of(request), instance=_instance())


def _instance() -> str | None:
    trace_id = current_trace_id()
    return f"urn:huiyin:trace:{trace_id}" if trace_id else None


def _template(scope: Scope) -> str:
    """The matched route's full path with names in place of values. A route knows its own part; what routers put before it is fixed text."""
    own = str(getattr(scope.get("route"), "path", ""))
    if not own:
        return "(unknown)"
    before = "/".join(scope["path"].split("/")[: -own.count("/")])
    for name, value in scope.get("path_params", {}).items():
        if f"{{{name}}}" not in own:
            before = before.replace(str(value), f"{{{name}}}")
    return before + own
