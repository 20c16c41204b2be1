"""From the log to Temporal: a workflow for each issue that has something to wait for, woken when its next instant comes forward.

No watermark is kept: a message is acknowledged when Temporal has answered, so a crash loses no timer, and a repeated signal does no harm.
"""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError, RPCStatusCode

from services.routing.domain.evolve import replay
from services.routing.workflows import TASK_QUEUE, IssueWorkflow, workflow_id
from shared.contracts.envelope import BadEnvelope, Recorded, parse
from shared.contracts.event import Event
from shared.contracts.routing import Closed, DeadlineChanged, DeadlineWarned, InterimAnswered, ProgressReported
from shared.database import Database
from shared.eventlog import EventLog
from shared.messaging.delivery import Delivery
from shared.telemetry import span

AT_ONCE = 12
"""Signals under way at a time; more adds only latency (measured, facts of the stack)."""

NEWEST = 2**31 - 1
"""A version above all others: the workflow looks again, whatever it has seen."""


NEVER_MATTER = frozenset({DeadlineChanged.__name__, InterimAnswered.__name__, DeadlineWarned.__name__, ProgressReported.__name__})
"""Events that need no look, by the last word of their subject; a roll-out publishes many."""


class Timers:
    """Keeps Temporal's workflows in step with the log."""

    def __init__(self, database: Database, log: EventLog, temporal: Client) -> None:
        self._database = database
        self._log = log
        self._temporal = temporal
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        """The batch handler of the consumer `timers`: one look an issue, then all are acknowledged.

        Bytes that are no event have no deadline; the consumer `routing` takes the same message and keeps it as a dead letter.
        """
        matter: dict[str, list[Recorded[Event]]] = {}
        for delivery in deliveries:
            if delivery.subject.rpartition(".")[2] in NEVER_MATTER:
                continue
            try:
                recorded = parse(delivery.body)
            except BadEnvelope:
                continue
            if recorded.data.aggregate == "issue" and _may_matter(recorded.data):
                matter.setdefault(recorded.stream, []).append(recorded)
        await asyncio.gather(*(self._follow(events[0], events[-1]) for events in matter.values()))
        for delivery in deliveries:
            await delivery.ack()

    async def _follow(self, first: Recorded[Event], last: Recorded[Event]) -> None:
        async with self._slots:
            with span("timers", parent=last.traceparent, issue_id=last.stream, event=last.name, region=last.region):
                if isinstance(last.data, Closed):
                    await self._end(last)
                elif await self._came_forward(first):
                    await self.wake(last.stream, last.version)

    async def _came_forward(self, first: Recorded[Event]) -> bool:
        """Whether the next instant is sooner than it was before `first` was appended: only then a waiting workflow has to know."""
        async with self._database.transaction() as session:
            history = (await self._log.load(session, first.stream)).events
        earlier = [event for event in history if event.version < first.version]
        while earlier and earlier[-1].time == first.time:  # of the same append; a clock that was set back may have written later times
            earlier.pop()
        before = replay(earlier)
        after = replay(history)
        former = before.next_instant if before is not None else None
        now = after.next_instant if after is not None else None
        return now is not None and (former is None or now < former)

    async def seat(self, issue_ids: Sequence[str]) -> None:
        """Start or wake the workflows of these issues, whatever they have seen."""
        await asyncio.gather(*(self._seat(issue_id) for issue_id in issue_ids))

    async def _seat(self, issue_id: str) -> None:
        async with self._slots:
            await self.wake(issue_id, NEWEST)

    async def wake(self, issue_id: str, version: int) -> None:
        """Start the issue's workflow, or tell the one that waits to look again."""
        await self._temporal.start_workflow(
            IssueWorkflow.run,
            issue_id,
            id=workflow_id(issue_id),
            task_queue=TASK_QUEUE,
            start_signal="wake",
            start_signal_args=[version],
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )

    async def _end(self, recorded: Recorded[Event]) -> None:
        """A closed issue's workflow looks once more and ends; one that is not there is started if a promise is left."""
        try:
            await self._temporal.get_workflow_handle(workflow_id(recorded.stream)).signal("wake", recorded.version)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            async with self._database.transaction() as session:
                issue = replay((await self._log.load(session, recorded.stream)).events)
            if issue is not None and issue.next_instant is not None:
                await self.wake(recorded.stream, recorded.version)


def _may_matter(event: Event) -> bool:
    """Whether an event can bring an instant forward, or ends the issue.

    What a lapse set (`missed`, an interim answer) needs no signal: the workflow waits for the lapsed instant itself, and looks then. What a
    roll-out moved forward, the roll-out tells (`RolloutKeeper`).
    """
    if getattr(event, "missed", None) is not None:
        return False
    return isinstance(event, Closed) or bool(getattr(event, "deadlines", ()))
