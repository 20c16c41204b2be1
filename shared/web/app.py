"""Makes a service's FastAPI application: middleware, problems, health, metrics and the OpenAPI document are the same for all."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared import telemetry
from shared.database import Database
from shared.outgoing import http_client
from shared.problems import Problem, from_parameters, not_found
from shared.ratelimit import RateLimiter
from shared.security.tokens import TokenVerifier
from shared.security.trusted import token_verifier
from shared.settings import CommonSettings
from shared.web import audit_api, dead_letters_api, operation_api
from shared.web.admission import Admission
from shared.web.bodies import Bodies
from shared.web.exposition import add_metrics
from shared.web.health import Check, health_router
from shared.web.middleware import Calls, Failures, Headers, respond
from shared.web.openapi import document_with
from shared.web.operation import Operation
from shared.web.pages import assets
from shared.web.pages.asking import Refused
from shared.web.pages.operating import operating
from shared.web.pages.refusals import on_refused

MAX_JSON = 64 * 1024
"""Bytes of a request body where nothing else is said: a narrative of 4,000 characters fits several times."""


def create_app(
    service: str,
    *,
    settings: CommonSettings,
    routers: Sequence[APIRouter],
    pages: Sequence[APIRouter] = (),
    database: Database | None = None,
    services: object = None,
    checks: Mapping[str, Check] | None = None,
    verifier: TokenVerifier | None = None,
    body_limits: Mapping[str, int] | None = None,
    operation: Operation | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    description: str = "",
) -> FastAPI:
    """The application of a service. Its routers keep their paths below `/api/<service>`, or `/internal` for the service's own port.

    Args:
        service: e.g. `intake`.
        settings: the service's settings.
        routers: with paths from `/v1` on; one with a prefix that begins with `/internal` stays outside of `/api`.
        pages: what people look at; with whole paths, and no part of the OpenAPI document.
        database: takes audit entries and rate buckets; its readiness is checked.
        services: what `bootstrap` built; endpoints find it as `request.app.state.services`.
        checks: what readiness asks, besides the database.
        verifier: reads tokens; made from settings if not given.
        body_limits: bytes of a body by exact path, where more than `MAX_JSON` is right.
        operation: what operators are shown of this service, beside what they are of every one.
        lifespan: further set-up and tear-down.
        description: for the OpenAPI document.
    """
    client = http_client()

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncIterator[None]:
        async with client:
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield

    base = f"/api/{service}"
    app = FastAPI(
        title=f"Huiyin {service}",
        version="1",
        description=description,
        openapi_url=f"{base}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=whole_life,
        redirect_slashes=False,
    )
    app.openapi = document_with(app)
    app.state.settings = settings
    app.state.services = services
    app.state.database = database
    app.state.operation = operation or Operation()
    app.state.verifier = verifier or token_verifier(settings, client)
    app.state.limiter = RateLimiter(database, settings) if database else None
    for router in routers:
        app.include_router(router, prefix="" if router.prefix.startswith("/internal") else base)
    for router in (*pages, operating(service), assets.router) if pages else ():
        app.include_router(router, include_in_schema=False)
    every = dict(checks or {}) | ({"database": _answers(database)} if database else {})
    app.include_router(health_router(every), prefix=base)
    if database:
        app.include_router(audit_api.router, prefix=base)
        app.include_router(dead_letters_api.router, prefix=base)
        app.include_router(operation_api.router, prefix=base)
    add_metrics(app, database)
    _add_handlers(app)
    app.add_middleware(
        Admission, at_once=settings.requests_at_once, waiting=settings.requests_waiting, patience=settings.request_patience.total_seconds()
    )
    app.add_middleware(Bodies, default=MAX_JSON, by_path=body_limits or {})
    app.add_middleware(Failures)
    app.add_middleware(Calls, service=service, settings=settings, database=database)
    app.add_middleware(Headers)
    telemetry.instrument(app)
    return app


def _answers(database: Database) -> Check:
    async def check() -> None:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))

    return check


_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 413: "too_large", 415: "unsupported_media_type"}


def _add_handlers(app: FastAPI) -> None:
    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return respond(request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _HTTP_CODES.get(error.status_code, "http_error")
        return respond(request, Problem(code, error.status_code, headers=error.headers))

    async def on_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        in_path = any(found["loc"][:1] == ("path",) for found in error.errors())
        return respond(request, not_found() if in_path else from_parameters(error.errors()))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_parameters)
