"""Row 8: whole lives of issues through the public APIs, against bare workflows with the same timers, signals and local activities."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import httpx
from sqlalchemy import text
from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from deploy.demo.staff import Api
from deploy.local.state import StackState
from shared.database import Database
from shared.ids import new_id
from tests.bench.generator import VILLAGE
from tests.bench.ratio import Ratio
from tests.support.raising import issue_body
from tests.support.waiting import eventually

CADRE = f"cadre-{VILLAGE}"
ANONYMOUS = issue_body(channel="home_visit", reporter=None, anonymous=True)
AT_ONCE = 16
QUEUE = "bench-life"


@dataclass(frozen=True)
class Shape:
    """What one issue's workflow did."""

    timers: int
    signals: int
    local_activities: int


@activity.defn
async def nothing() -> None:
    """Does nothing."""


@workflow.defn
class BareLife:
    """Waits for each signal with a timer beside it; local activities that do nothing in between."""

    def __init__(self) -> None:
        self._woken = 0

    @workflow.run
    async def run(self, signals: int, local_activities: int) -> None:
        """Until the last signal."""
        looks = 0
        for turn in range(signals + 1):
            while looks * (signals + 1) < local_activities * (turn + 1):
                await workflow.execute_local_activity(nothing, start_to_close_timeout=timedelta(seconds=20))
                looks += 1
            if turn < signals:
                await workflow.wait_condition(lambda turn=turn: self._woken > turn, timeout=timedelta(hours=1))

    @workflow.signal
    def wake(self) -> None:
        """One more."""
        self._woken += 1


async def measure(state: StackState, rounds: int = 3, issues: int = 120) -> list[Ratio]:
    """On a running stack that does nothing else."""
    ours: list[float] = []
    bare: list[float] = []
    client = await Client.connect(state.temporal)
    shape = Shape(0, 0, 0)
    for _ in range(rounds):
        closed, rate = await _lives(state, issues)
        ours.append(rate)
        shape = await _shape(client, closed[0])
        bare.append(await _bare(client, shape, issues))
    note = f"a workflow had {shape.timers} timers, {shape.signals} signals, {shape.local_activities} local activities"
    figure = "issues/s through raise, assign, accept, resolve, rate, close"
    return [Ratio(figure, "bare Temporal workflows alike", ours, bare, 0.5, note=note)]


async def _lives(state: StackState, count: int) -> tuple[list[str], float]:
    """`count` issues from raising to closing, and how many a second."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=state.gateway, timeout=60, trust_env=False) as client:
        api = Api(client)
        await api.get("/api/routing/v1/worklist", by=CADRE)
        began = time.perf_counter()

        async def one() -> str:
            async with slots:
                return await _life(api)

        issues = await asyncio.gather(*(one() for _ in range(count)))
    database = Database(state.database_url("operator"))
    query = text("SELECT count(*) FROM log.events WHERE stream = ANY(:streams) AND type LIKE '%.Closed.%'")

    async def all_closed() -> bool:
        async with database.transaction() as session:
            return (await session.execute(query, {"streams": issues})).scalar_one() == count

    try:
        await eventually(all_closed, seconds=120, every=0.1)
        return issues, count / (time.perf_counter() - began)
    finally:
        await database.close()


async def _life(api: Api) -> str:
    raised = (await api.post("/api/intake/v1/issues", ANONYMOUS, by=CADRE, key=new_id())).json()
    issue_id, token = raised["issue_id"], raised["tracking_url"].rpartition("/")[2]
    commands = f"/api/routing/v1/issues/{issue_id}"
    await eventually(lambda: _ok(api, f"{commands}/accept", {}), seconds=60, every=0.2)
    await eventually(lambda: _ok(api, f"{commands}/resolve", {"outcome": "solved", "result": "已修复。"}), seconds=60, every=0.2)

    async def rated() -> bool:
        answer = await api.client.post(f"/api/intake/v1/public/{token}/rating", json={"rating": "satisfied"})
        assert answer.status_code in (200, 409, 404), answer.text
        return answer.status_code == 200

    await eventually(rated, seconds=60, every=0.2)
    return issue_id


async def _ok(api: Api, path: str, body: dict[str, str]) -> bool:
    answer = await api.post(path, body, by=CADRE, key=new_id())
    assert answer.status_code in (200, 404), answer.text
    return answer.status_code == 200


async def _shape(client: Client, issue_id: str) -> Shape:
    """Counted in the history of an issue's workflow once it has ended."""
    handle = client.get_workflow_handle(f"issue-{issue_id}")
    await handle.result()
    kinds = Counter(event.event_type for event in (await handle.fetch_history()).events)
    return Shape(
        timers=kinds[EventType.EVENT_TYPE_TIMER_STARTED],
        signals=kinds[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED],
        local_activities=kinds[EventType.EVENT_TYPE_MARKER_RECORDED],
    )


async def _bare(client: Client, shape: Shape, count: int) -> float:
    """As many bare workflows, started and signalled with the same number at a time."""
    slots = asyncio.Semaphore(AT_ONCE)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareLife],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_local_activities=12,
        max_cached_workflows=2_000,
    )

    async def one() -> None:
        async with slots:
            words = [shape.signals, shape.local_activities]
            handle = await client.start_workflow(BareLife.run, args=words, id=f"bare-{new_id()}", task_queue=QUEUE)
            for _ in range(shape.signals):
                await handle.signal(BareLife.wake)
            await handle.result()

    async with worker:
        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return count / (time.perf_counter() - began)
