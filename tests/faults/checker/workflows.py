"""I4: every issue that waits for something has a workflow in Temporal that waits no longer than it does."""

import asyncio
import time
from datetime import datetime, timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from tests.faults.checker.life import Life, life_of
from tests.faults.checker.places import Places
from tests.faults.checker.reading import Seen, read
from tests.faults.checker.violation import Violation

_DUE = SearchAttributeKey.for_datetime("HuiyinDue")
_ROUNDING = timedelta(milliseconds=1)
"""Temporal keeps instants to the nanosecond, events to the microsecond; a look is never that exact."""


async def judge(places: Places, seen: Seen, seconds: float) -> list[Violation]:
    """Asked again until everything is there or `seconds` are over: what was just appended is on its way."""
    if places.temporal is None:
        return []
    temporal = await Client.connect(places.temporal)
    deadline = time.monotonic() + seconds
    while found := await _look(temporal, seen):
        if time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.5)
        seen = await read(places)
    return []


async def _look(temporal: Client, seen: Seen) -> list[Violation]:
    running: dict[str, datetime | None] = {}
    async for execution in temporal.list_workflows('WorkflowType = "IssueWorkflow" AND ExecutionStatus = "Running"'):
        running[execution.id] = execution.typed_search_attributes.get(_DUE)
    found: list[Violation] = []
    for issue_id, events in seen.streams.items():
        life = life_of(events)
        if life.state is None:
            found.append(Violation("I4", issue_id, "was raised and not assigned"))
            continue
        waits_for = life.waits_for
        if not waits_for:
            continue
        workflow = f"issue-{issue_id}"
        if workflow not in running or not _soon_enough(running[workflow], life):
            found += await _ask(temporal, workflow, issue_id, life)
    return found


def _soon_enough(due: datetime | None, life: Life) -> bool:
    """Whether a workflow looks again no later than the soonest deadline; one that looks earlier finds nothing to do."""
    return due is not None and due <= life.waits_for[0].due_at + _ROUNDING


async def _ask(temporal: Client, workflow: str, issue_id: str, life: Life) -> list[Violation]:
    """The list lags a little; the workflow itself does not."""
    soonest = life.waits_for[0]
    try:
        told = await temporal.get_workflow_handle(workflow).describe()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return [Violation("I4", issue_id, f"waits for {soonest.id} at {soonest.due_at}, and Temporal knows no workflow of it")]
    if told.status != WorkflowExecutionStatus.RUNNING:
        return [Violation("I4", issue_id, f"waits for {soonest.id} at {soonest.due_at}, and its workflow is {told.status}")]
    due = told.typed_search_attributes.get(_DUE)
    if not _soon_enough(due, life):
        return [Violation("I4", issue_id, f"waits for {soonest.id} at {soonest.due_at}, its workflow until {due}")]
    return []
