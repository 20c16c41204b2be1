"""Temporal's server in memory: workflows that outlive their workers, timers, local activities tried again. The workflow is the product's.

Histories and replay are not modelled (tests/workflow replays recorded ones); a worker that dies loses the activity in hand, nothing else.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from services.routing.workflows import IssueWorkflow
from tests.faults.simulator.loop import Loop, Process, Signal

WORKFLOW_TASK_TIMEOUT, START_TO_CLOSE = 10.0, 20.0
"""Seconds after which an activity is tried elsewhere: its worker died, or is silent."""
LONGEST_PAUSE = 5.0

Tick = Callable[[str, bool], Coroutine[Any, Any, Any]]


def unavailable() -> RPCError:
    """What the client raises while the server is away."""
    return RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")


class Running:
    """One workflow."""

    def __init__(self, loop: Loop, workflow_id: str) -> None:
        self.id = workflow_id
        self.code = IssueWorkflow()
        self.changed = Signal(loop)
        self.wakes_at: datetime | None = None
        self.shown: list[object] = []


class SimulatedTemporal:
    """Client and server in one, and what workflow code calls (`temporalio.workflow`)."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.away = False
        self.skew = timedelta()
        self.process = Process(loop, "temporal", "temporal")
        self.running: dict[str, Running] = {}
        self.workers: dict[Process, Tick] = {}
        self.back = Signal(loop)
        self.back.set()
        self.seen: list[object] = []

    # The server's own fate

    def go(self) -> None:
        """kill -9 of the server; its database stays."""
        self.loop.tell("away", "temporal")
        self.away = True
        self.back.clear()

    def come(self) -> None:
        """It is back, with every timer."""
        self.loop.tell("back", "temporal")
        self.away = False
        self.back.set()
        self.look_at_clocks()

    def forget(self) -> None:
        """Its database is gone."""
        self.loop.tell("forgets", "temporal")
        for task in list(self.process.tasks):
            task.end(None, None)
        self.running.clear()

    def look_at_clocks(self) -> None:
        """The clock was moved: timers are due at other moments."""
        for workflow in self.running.values():
            workflow.changed.set()

    # As a client

    async def start_workflow(self, run: object, issue_id: str, *, id: str, start_signal_args: Sequence[int], **options: object) -> None:
        """Signal with start."""
        await self.loop.step("signal")
        if self.away:
            raise unavailable()
        self.seen += [issue_id, id, *start_signal_args]
        workflow = self.running.get(id)
        if workflow is None:
            workflow = self.running[id] = Running(self.loop, id)
            workflow.code.wake(*start_signal_args)
            task = self.loop.spawn(self.process, self._life(workflow, issue_id), "workflow")
            task.notes["workflow"] = workflow
        else:
            self._signal(workflow, start_signal_args[0])
        await self.loop.step("signalled", lose=unavailable)

    def _signal(self, workflow: Running, version: int) -> None:
        workflow.code.wake(version)
        workflow.changed.set()

    def get_workflow_handle(self, workflow_id: str) -> Any:
        """A handle with `signal`."""

        async def signal(name: str, version: int) -> None:
            await self.loop.step("signal")
            if self.away:
                raise unavailable()
            workflow = self.running.get(workflow_id)
            if workflow is None:
                raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
            self._signal(workflow, version)
            await self.loop.step("signalled", lose=unavailable)

        return SimpleNamespace(signal=signal)

    async def _life(self, workflow: Running, issue_id: str) -> None:
        await workflow.code.run(issue_id)
        if self.running.get(workflow.id) is workflow:
            del self.running[workflow.id]

    # As `temporalio.workflow`

    @property
    def _current(self) -> Running:
        assert self.loop.current is not None
        return self.loop.current.notes["workflow"]

    def now(self) -> datetime:
        """The server's clock."""
        return self.loop.instant + self.skew

    def info(self) -> Any:
        """A history that never gets long."""
        return SimpleNamespace(get_current_history_length=lambda: 0)

    def upsert_search_attributes(self, updates: Sequence[Any]) -> None:
        """What Temporal's own pages show."""
        self.seen += [repr(update.value) for update in updates]

    def set_current_details(self, text: str) -> None:
        """The same."""
        self.seen.append(text)

    async def wait_condition(self, condition: Callable[[], bool], *, timeout: timedelta) -> None:
        """Raises TimeoutError when the timer comes first."""
        workflow = self._current
        workflow.wakes_at = self.now() + timeout
        while True:
            await self.back.wait()
            if condition():
                break
            left = (workflow.wakes_at - self.now()).total_seconds()
            if left <= 0:
                raise TimeoutError
            workflow.changed.clear()
            await workflow.changed.wait(left)
        workflow.wakes_at = None

    async def execute_local_activity(self, name: str, *, args: Sequence[Any], **options: object) -> Any:
        """Try until it succeeds, on whichever worker is there."""
        assert name == "tick"
        workflow = self._current
        workflow.wakes_at = None
        failures = 0
        while True:
            await self.back.wait()
            workers = [process for process in self.workers if process.alive]
            if not workers:
                await self.loop.sleep(1)
                continue
            worker = self.loop.random.choice(workers)
            task = self.loop.spawn(worker, self.workers[worker](*args), "tick")
            answered = await task.done.wait(START_TO_CLOSE)
            await self.back.wait()
            if answered and task.error is None:
                return task.result
            failures += 1
            died = not worker.alive
            await self.loop.sleep(WORKFLOW_TASK_TIMEOUT if died else min(0.1 * 2 ** min(failures, 8), LONGEST_PAUSE))
