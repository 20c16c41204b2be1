"""Starts the workflow of each roll-out that should be running: when its time comes, after a pause, and where it was lost.

It also wakes the workflows of issues whose next instant a roll-out brought forward; what is to be woken stands in the rows, so it outlives
a pause, a cancellation and a crash.
"""

import asyncio
import logging
from contextlib import suppress

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from services.routing.rollouts import Rollouts
from services.routing.timers import Timers
from services.routing.workflows import TASK_QUEUE, RolloutWorkflow, rollout_workflow_id

EVERY = 1.0
"""Seconds between two looks: how long a new roll-out waits for its first step."""

_log = logging.getLogger(__name__)


class RolloutKeeper:
    """Looks at the roll-outs' rows and keeps Temporal in step with them."""

    def __init__(self, rollouts: Rollouts, temporal: Client, timers: Timers) -> None:
        self._rollouts = rollouts
        self._temporal = temporal
        self._timers = timers

    async def run(self, stop: asyncio.Event) -> None:
        """Look every second until `stop`. A database or Temporal that is away is tried again: health tells of them."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception as error:
                _log.warning("roll-outs could not be looked at: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)

    async def look(self) -> None:
        """One look: start roll-outs, then wake issues. A roll-out's workflow that runs already is left alone."""
        for rollout_id in await self._rollouts.to_run():
            await self._temporal.start_workflow(
                RolloutWorkflow.run,
                rollout_id,
                id=rollout_workflow_id(rollout_id),
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        while issues := await self._rollouts.to_wake():
            await self._timers.seat([each.issue_id for each in issues])
            await self._rollouts.woken(issues)
