"""`python -m services.notify`: the HTTP API, the subscriber and the sender in one process."""

from services.notify.bootstrap import bootstrap
from services.notify.entrypoints import api as notices
from services.notify.entrypoints import failed, failed_pages, pages
from services.notify.entrypoints.operation import operation
from services.notify.settings import Settings
from shared import telemetry
from shared.loop import run
from shared.web import server
from shared.web.app import create_app


async def main() -> None:
    """Serve until a signal."""
    settings = Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    telemetry.setup("notify", trace_sql=settings.trace_sql)
    async with bootstrap(settings) as app:
        api = create_app(
            "notify",
            settings=settings,
            database=app.database,
            services=app,
            routers=[notices.router, failed.router],
            pages=[pages.router, failed_pages.router],
            operation=operation(app),
            checks={"nats": app.nats_answers},
            description="Notices: what reporters and staff were told, and what became of it.",
        )
        background = {
            "subscriber": app.subscriber.run,
            "sender": app.sender.run,
            "receipts": app.receipts.run,
            "gauges": app.gauges.run,
        }
        host, port = settings.http_host, settings.http_port
        await server.run(api, host=host, port=port, background=background, drain=settings.drain_seconds)


if __name__ == "__main__":
    run(main())
