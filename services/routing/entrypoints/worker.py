"""`python -m services.routing.entrypoints.worker`: subscriber, timers, workflows and the overseer of deadlines."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from services.routing.activities import IssueActivities, RolloutActivities
from services.routing.bootstrap import App, Connections, bootstrap, connections
from services.routing.entrypoints.subscriber import handlers
from services.routing.handlers import IssueHandlers
from services.routing.rollout_keeper import RolloutKeeper
from services.routing.rollouts import Rollouts
from services.routing.settings import Settings
from services.routing.workflows import TASK_QUEUE, IssueWorkflow, RolloutWorkflow
from shared import health_file, telemetry
from shared.loop import run
from shared.messaging.pull import PullLoop
from shared.messaging.subscriber import Subscriber
from shared.web import server
from shared.web.exposition import metrics_app

PACE = 0.1
"""Seconds between two batches of events under load: whoever raised an issue hardly feels it, and lapses need what it saves."""

STICKY = timedelta(seconds=20)
"""How long a lapse may wait for the process that has its workflow in memory. Any other has to read its history first, so that hundreds of
lapses in one second would take longer yet if they went back to the queue; but those of a process that died wait as long."""

HEALTH_EVERY = 1.0
"""Seconds between two notes of how the worker is."""


def make_worker(temporal: Client, issues: IssueHandlers, rollouts: Rollouts) -> Worker:
    """The Temporal worker. Concurrency over 12 adds only latency (measured); more ticks at once would only wait for connections.

    No sandbox: it would only double the CPU of a workflow module that imports nothing beyond Temporal, and replay tests watch it.
    """
    return Worker(
        temporal,
        task_queue=TASK_QUEUE,
        workflows=[IssueWorkflow, RolloutWorkflow],
        activities=[IssueActivities(issues).tick, RolloutActivities(rollouts).rollout_step],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_local_activities=12,
        max_cached_workflows=2_000,
        sticky_queue_schedule_to_start_timeout=STICKY,
    )


async def main() -> None:
    """Run until told to stop."""
    settings = Settings()  # pyright: ignore[reportCallIssue]
    telemetry.setup("routing-worker", trace_sql=settings.trace_sql, replay_safe=True)
    async with bootstrap(settings) as app:
        await app.seed()
        async with connections(app) as wires:
            web = metrics_app(app.database) if settings.metrics_port else None
            await server.run(web, port=settings.metrics_port or 0, background=_background(app, wires))


def _background(app: App, wires: Connections) -> dict[str, server.Background]:
    subscriber = Subscriber(durable="routing", nats=wires.nats, database=app.database, handlers=handlers(app.issues), pace=PACE)
    timers = PullLoop("timers", wires.nats, wires.timers.handle, pace=PACE)
    worker = make_worker(wires.temporal, app.issues, app.rollouts)
    keeper = RolloutKeeper(app.rollouts, wires.temporal, wires.timers)

    async def work(stop: asyncio.Event) -> None:
        async with worker:
            await stop.wait()

    async def health(stop: asyncio.Event) -> None:
        await _tell(app, wires, stop)

    return {
        "subscriber": subscriber.run,
        "timers": timers.run,
        "workflows": work,
        "overseer": wires.overseer.run,
        "rollouts": keeper.run,
        "health": health,
    }


async def _tell(app: App, wires: Connections, stop: asyncio.Event) -> None:
    """Say how the worker is, once a second: the stack's supervisor reads it."""
    file, overseer = app.settings.health_file, wires.overseer
    while not stop.is_set():
        wrong = [] if wires.nats.is_connected else ["NATS is away"]
        if overseer.unenforced:
            wrong.append(f"{overseer.unenforced} deadlines lapsed more than 60 s ago and are not enforced yet")
        if app.rules.complaint:
            wrong.append(app.rules.complaint)
        if file is not None:
            health_file.write(file, healthy=not wrong, detail="; ".join(wrong))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), HEALTH_EVERY)


if __name__ == "__main__":
    run(main())
