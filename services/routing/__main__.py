"""`python -m services.routing`: the HTTP API. Subscriber and workflows are `python -m services.routing.entrypoints.worker`."""

from services.routing.bootstrap import bootstrap
from services.routing.entrypoints.api import make_api
from services.routing.settings import Settings
from shared import telemetry
from shared.loop import run
from shared.web import server


async def main() -> None:
    """Seed what a new deployment lacks, then serve."""
    settings = Settings()  # pyright: ignore[reportCallIssue]
    telemetry.setup("routing", trace_sql=settings.trace_sql)
    async with bootstrap(settings) as app:
        await app.seed()
        async with make_api(app) as api:
            await server.run(api, host=settings.http_host, port=settings.http_port, drain=settings.drain_seconds)


if __name__ == "__main__":
    run(main())
