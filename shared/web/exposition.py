"""`/metrics` in Prometheus' text format, on a process's own port."""

import math

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from shared.database import Database
from shared.eventlog import relay_lag
from shared.metrics import RELAY_BACKLOG, RELAY_LAG_SECONDS


def add_metrics(app: Starlette, database: Database | None = None) -> None:
    """Serve `/metrics`. With a database, the relay's lag is asked from the log at each scrape: it shows also while the relay is down."""

    async def metrics(request: Request) -> Response:
        if database is not None:
            await _ask_relay_lag(database)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    app.add_route("/metrics", metrics, include_in_schema=False)


def metrics_app(database: Database | None = None) -> Starlette:
    """An application with nothing but `/metrics`, for processes that serve nothing else."""
    app = Starlette()
    add_metrics(app, database)
    return app


async def _ask_relay_lag(database: Database) -> None:
    try:
        async with database.transaction() as session:
            lag = await relay_lag(session)
    except SQLAlchemyError:
        RELAY_LAG_SECONDS.set(math.nan)
        RELAY_BACKLOG.set(math.nan)
    else:
        RELAY_LAG_SECONDS.set(lag.seconds)
        RELAY_BACKLOG.set(lag.waiting)
