"""Runs intake: its API, its subscriber and its housekeeping in one loop."""

from fastapi import FastAPI

from services.intake.bootstrap import App, bootstrap, jetstream
from services.intake.entrypoints import alike_api, api, attachments_api, evidence_pages, internal_api, pages, raise_pages
from services.intake.entrypoints.subscriber import HANDLERS
from services.intake.settings import Settings
from shared import telemetry
from shared.loop import run
from shared.messaging.connection import NatsConnection
from shared.messaging.subscriber import Subscriber
from shared.security.tokens import TokenVerifier
from shared.web import server
from shared.web.app import create_app
from shared.web.health import Check
from shared.web.operation import Operation

DURABLE = "intake"
PACE = 0.25
"""Seconds between two batches of events: most concern intake little, and nobody waits for the rest."""


def application(app: App, *, checks: dict[str, Check] | None = None, verifier: TokenVerifier | None = None) -> FastAPI:
    """The HTTP application on what `bootstrap` built."""
    return create_app(
        "intake",
        settings=app.settings,
        database=app.database,
        services=app,
        routers=[api.router, alike_api.router, attachments_api.router, internal_api.router],
        pages=[raise_pages.router, pages.router, evidence_pages.router],
        checks=checks,
        verifier=verifier,
        operation=Operation(durables=(DURABLE,)),
        body_limits={attachments_api.PATH: attachments_api.BODY_LIMIT} | raise_pages.BODY_LIMITS | evidence_pages.BODY_LIMITS,
        description="Receives issues, keeps the reporter's personal data, and is the reporter's way back in.",
    )


async def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings()  # pyright: ignore[reportCallIssue]
    telemetry.setup("intake", trace_sql=settings.trace_sql)
    async with bootstrap(settings) as app, jetstream(settings) as nats:
        await app.erasure.erase_again(who="system")
        subscriber = Subscriber(durable=DURABLE, nats=nats, database=app.database, handlers=HANDLERS, pace=PACE)
        await server.run(
            application(app, checks={"nats": _answers(nats)}),
            host=settings.http_host,
            port=settings.http_port,
            background={"subscriber": subscriber.run, "housekeeping": app.housekeeping.run},
            drain=settings.drain_seconds,
        )


def _answers(nats: NatsConnection) -> Check:
    async def check() -> None:
        if not nats.is_connected:
            raise ConnectionError("NATS")

    return check


if __name__ == "__main__":
    run(main())
