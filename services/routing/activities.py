"""Activities: a look at an issue, a step of a roll-out."""

import time

from temporalio import activity

from services.routing.handlers import IssueHandlers
from services.routing.rollouts import Rollouts
from services.routing.workflows import Reached, Seen


class IssueActivities:
    """Activities over the handlers they are given."""

    def __init__(self, handlers: IssueHandlers) -> None:
        self._handlers = handlers

    @activity.defn(name="tick")
    async def tick(self, issue_id: str, by_timer: bool) -> Seen:
        """Enforce what is due; `by_timer` says that the instant came by itself."""
        return await self._handlers.tick(issue_id, by_timer=by_timer)


TURN = 2.0
"""Seconds of steps in one activity: some progress for each entry of the workflow's history."""


class RolloutActivities:
    """Activities over the roll-outs they are given."""

    def __init__(self, rollouts: Rollouts) -> None:
        self._rollouts = rollouts

    @activity.defn(name="rollout_step")
    async def rollout_step(self, rollout_id: str) -> Reached:
        """Plan it if that is still to do, else move issues for a while. Tells how long to wait so that its rate is kept."""
        started = time.monotonic()
        progress = await self._rollouts.plan(rollout_id)
        first = progress.reached
        most = progress.rate * TURN
        while progress.state == "running" and time.monotonic() - started < TURN and progress.reached - first < most:
            progress = await self._rollouts.step(rollout_id)
        due = (progress.reached - first) / progress.rate
        return Reached(running=progress.state == "running", seconds=max(due - (time.monotonic() - started), 0))
