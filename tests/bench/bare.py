"""The baseline: bare Temporal workflows that sleep until an instant and close."""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from shared.ids import new_id

QUEUE = "bench-bare"


@workflow.defn
class Bare:
    """Sleeps, then ends."""

    @workflow.run
    async def run(self, until: datetime) -> None:
        """Until the instant."""
        await workflow.sleep(max((until - workflow.now()).total_seconds(), 0))


async def closing_times(temporal: str, count: int, until: datetime) -> list[datetime]:
    """When each of `count` workflows with a timer at `until` was closed, by the server's account."""
    client = await Client.connect(temporal)
    worker = Worker(client, task_queue=QUEUE, workflows=[Bare], workflow_runner=UnsandboxedWorkflowRunner(), max_cached_workflows=2_000)
    slots = asyncio.Semaphore(12)

    async def start() -> str:
        async with slots:
            name = f"bare-{new_id()}"
            await client.start_workflow(Bare.run, until, id=name, task_queue=QUEUE)
            return name

    async with worker:
        names = await asyncio.gather(*(start() for _ in range(count)))
        await asyncio.gather(*(client.get_workflow_handle(name).result() for name in names))
    closed: list[datetime] = []
    for name in names:
        description = await client.get_workflow_handle(name).describe()
        assert description.close_time is not None
        closed.append(description.close_time)
    return closed
