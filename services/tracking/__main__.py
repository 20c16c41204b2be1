"""`python -m services.tracking`: the HTTP API and the subscriber in one process."""

from services.tracking.bootstrap import bootstrap
from services.tracking.entrypoints import api
from services.tracking.settings import Settings
from shared import telemetry
from shared.loop import run
from shared.web import server
from shared.web.app import create_app


async def main() -> None:
    """Serve until a signal."""
    settings = Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    telemetry.setup("tracking", trace_sql=settings.trace_sql)
    async with bootstrap(settings) as app:
        web = create_app(
            "tracking",
            settings=settings,
            database=app.reading.database,
            services=app.reading,
            routers=api.ROUTERS,
            pages=api.PAGES,
            checks={"nats": app.nats_answers},
            operation=api.OPERATION,
            description=api.DESCRIPTION,
        )
        await server.run(
            web,
            host=settings.http_host,
            port=settings.http_port,
            background={"subscriber": app.subscriber.run},
            drain=settings.drain_seconds,
        )


if __name__ == "__main__":
    run(main())
