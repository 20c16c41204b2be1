"""Publications and their roll-outs. Mirrors services.routing.rollouts: rows say how far it is, each step is one transaction.

The step itself is the product's `IssueHandlers.roll`, the wake-up its `Timers.seat`.
"""

from types import SimpleNamespace
from typing import Any

from services.routing.domain.rollout import moves
from services.routing.handlers import IssueHandlers
from services.routing.rollout_batches import forward
from services.routing.rules import POLICY, days_only
from shared.contracts import Event
from shared.contracts.routing import OpenIssues
from shared.eventlog import ConcurrentAppend
from tests.faults.simulator.loop import Process
from tests.faults.simulator.parts import Cell, RoutingWorker
from tests.faults.simulator.store import SimulatedLog

AGAIN = 1.0
"""Seconds: `RolloutKeeper` looks every second."""


class Rollouts:
    """Roll-outs of one cell; any routing worker does the next step."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.loop = cell, cell.loop
        self.process = Process(cell.loop, "admin", "administration")
        self.workers: dict[Process, RoutingWorker] = {}

    def serve(self, process: Process) -> None:
        """Boot a routing worker."""
        self.workers[process] = RoutingWorker(self.cell, process)
        process.on_death.append(lambda: self.workers.pop(process, None))

    async def publish(self, stream: str, event: Event, mode: OpenIssues) -> None:
        """Append the publication and note its roll-out, in one transaction; tried until the database takes it."""
        log = SimulatedLog("/huiyin/routing", self.cell.store)
        rollout = SimpleNamespace(rollout_id=f"rollout-{stream}", mode=mode, reason="新规则", calendar=stream != POLICY)
        while True:
            try:
                async with self.cell.database(self.process).transaction() as session:
                    loaded = await log.load(session, stream)
                    if loaded.events and loaded.events[-1].data == event:
                        break
                    await log.append(
                        session,
                        stream,
                        [event],
                        after=loaded.head,
                        now=self.cell.store.now,
                        region=None,
                        correlation_id="publication",
                        causation_id=None,
                    )
                    session.put("rollouts", rollout.rollout_id, rollout)
                break
            except Exception as error:
                self.loop.tell("failed", f"publication: {type(error).__name__}")
                await self.loop.sleep(2)
        if mode != "keep":
            await self.loop.sleep(2)  # by then every process decides by the new rules (`CAUGHT_UP`)
            await self._roll(rollout)

    async def _roll(self, rollout: Any) -> None:
        """Twice over all issues, as the plan and its sweep; what a crash left undone is done again."""
        for _ in range(2):
            for issue_id in sorted(self.cell.store.tables["issues"]):
                while not await self._step(rollout, issue_id):
                    await self.loop.sleep(AGAIN)

    async def _step(self, rollout: Any, issue_id: str) -> bool:
        """One issue, on whichever worker is there; whether it is done."""
        ready = [process for process in self.workers if process.alive]
        if not ready:
            return False
        process = self.loop.random.choice(ready)
        task = self.loop.spawn(process, self._move(self.workers[process], rollout, issue_id), "rollout")
        return await task.done.wait(20) and task.error is None

    async def _move(self, worker: RoutingWorker, rollout: Any, issue_id: str) -> None:
        issues: Any = worker.issues
        assert isinstance(issues, IssueHandlers)
        row = (rollout.rollout_id, issue_id)
        while True:
            try:
                async with self.cell.database(self.process).transaction() as session:
                    context, rules = await worker.contexts.fresh(session)
                    former = days_only(context.rules, rules) if rollout.calendar else rules.by_version
                    loaded = await issues.load(session, issue_id)
                    if loaded.issue.next_instant is None or not moves(loaded.issue, context, former, rollout.mode):
                        break
                    after, moved = await issues.roll(session, loaded, context, former, rollout)
                    wake = forward(loaded.issue.next_instant, after.next_instant) if moved else None
                    if wake is not None:
                        session.put("rollout_wakes", row, wake)
                break
            except ConcurrentAppend:
                continue
        if self.cell.store.tables["rollout_wakes"].get(row) is not None:
            await worker.timers.seat([issue_id])
            async with self.cell.database(self.process).transaction() as session:
                session.put("rollout_wakes", row, None)
