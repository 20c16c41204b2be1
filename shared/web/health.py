"""Health: whether the process runs, and whether what it needs answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from shared.security.access import open_to
from shared.security.dependencies import Caller

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises when not."""

_TIMEOUT = 3.0


def health_router(checks: Mapping[str, Check]) -> APIRouter:
    """`/health/live` and `/health/ready`; what is wrong is told to operators only."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live", summary="The process runs, and will go on", responses={503: {"description": "It was told to stop."}})
    async def live(request: Request) -> JSONResponse:
        # Set by `server.run`: the gateway sends nothing more here, so that nothing is cut off when the port closes.
        leaving = getattr(request.app.state, "leaving", False)
        return JSONResponse({"status": "leaving"}, 503) if leaving else JSONResponse({"status": "live"})

    @router.get("/ready", summary="What the service needs answers", responses={503: {"description": "Something does not answer."}})
    async def ready(principal: Caller) -> JSONResponse:
        results = dict(zip(checks, await asyncio.gather(*(_result(name, check) for name, check in checks.items())), strict=True))
        well = all(result is None for result in results.values())
        body: dict[str, object] = {"status": "ready" if well else "unready"}
        if principal is not None and open_to("operate", principal.role):
            body["checks"] = {name: result or "ok" for name, result in results.items()}
        return JSONResponse(body, 200 if well else 503)

    return router


async def _result(name: str, check: Check) -> str | None:
    try:
        async with asyncio.timeout(_TIMEOUT):
            await check()
    except Exception as error:
        log.warning("health check %s failed: %s", name, type(error).__name__)
        return type(error).__name__
    return None
