"""The workflow that enforces an issue's deadlines: it sleeps until the next instant that the log names, has the log settled, sleeps again.

It holds no truth. What happens at an instant is `domain.lapses`; a workflow can be started at any time from any state, and losing it
loses nothing (`huiyin routing reseat`). Architecture, decision 5.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributeUpdate

TASK_QUEUE = "routing-issues"

STATUS = SearchAttributeKey.for_keyword("HuiyinStatus")
LEVEL = SearchAttributeKey.for_keyword("HuiyinLevel")
COUNTY = SearchAttributeKey.for_keyword("HuiyinCounty")
DUE = SearchAttributeKey.for_datetime("HuiyinDue")

TICK_TIMEOUT = timedelta(seconds=20)
"""Longer than a transaction may take. No schedule-to-close: however long Postgres is away, the tick is tried again."""

TICK_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=5))

SOONEST = timedelta(milliseconds=20)
"""Least time until the next look: a timer that fires a little early must not spin."""

LONGEST_DOUBT = timedelta(seconds=10)
"""Most time between looks at an instant that Temporal's clock has passed and the log's has not: the machines' clocks differ then, perhaps
by hours. Far below the overseer's minute, so that nothing is late when they agree again."""

HISTORY_EVENTS = 2_000
"""Length of a history after which the workflow goes on as a new run."""


@dataclass(frozen=True)
class Seen:
    """What the last look at the log showed."""

    state: str
    level: str | None
    county: str
    due_at: datetime | None
    next_at: datetime | None
    version: int
    happens: str


def workflow_id(issue_id: str) -> str:
    """The workflow's id; one workflow an issue."""
    return f"issue-{issue_id}"


@workflow.defn(name="IssueWorkflow")
class IssueWorkflow:
    """Waits for the next deadline of one issue until nothing is left to wait for."""

    def __init__(self) -> None:
        self._version = 0
        self._woken = False

    @workflow.run
    async def run(self, issue_id: str) -> None:
        """From the first look to the last deadline."""
        by_timer = False
        awaited: datetime | None = None
        least = SOONEST
        while True:
            seen = await self._look(issue_id, by_timer)
            least = min(2 * least, LONGEST_DOUBT) if by_timer and seen.next_at == awaited else SOONEST
            awaited = seen.next_at
            if seen.next_at is None and not self._woken:
                return
            if workflow.info().get_current_history_length() > HISTORY_EVENTS:
                workflow.continue_as_new(issue_id)
            by_timer = await self._sleep_until(seen.next_at, least)

    @workflow.signal
    def wake(self, version: int) -> None:
        """The log has a version that may bring the next instant forward, or ends the issue."""
        if version > self._version:
            self._woken = True

    async def _look(self, issue_id: str, by_timer: bool) -> Seen:
        self._woken = False
        seen = await workflow.execute_local_activity(
            "tick", args=[issue_id, by_timer], result_type=Seen, start_to_close_timeout=TICK_TIMEOUT, retry_policy=TICK_RETRY
        )
        self._version = max(self._version, seen.version)
        self._show(seen)
        return seen

    async def _sleep_until(self, instant: datetime | None, least: timedelta) -> bool:
        """At least `least`, unless it is woken. Returns whether the timer ended the sleep."""
        if instant is None:
            return False
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=max(instant - workflow.now(), least))
        except TimeoutError:
            return True
        return False

    def _show(self, seen: Seen) -> None:
        """For Temporal's own pages: filter and read, as of this look."""
        updates: list[SearchAttributeUpdate[Any]] = [
            STATUS.value_set(seen.state),
            COUNTY.value_set(seen.county),
            LEVEL.value_set(seen.level or "none"),
            DUE.value_set(seen.due_at) if seen.due_at else DUE.value_unset(),
        ]
        workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]
        then = f"{seen.happens} due {seen.due_at:%Y-%m-%d %H:%M:%S} UTC" if seen.due_at else "nothing left to wait for"
        workflow.set_current_details(f"{seen.state}, level {seen.level or 'none'}: {then}")


STEP_TIMEOUT = timedelta(seconds=60)
"""Longer than the longest step, which is the plan over all open issues."""

STEPS_OF_A_RUN = 200
"""Steps after which the workflow goes on as a new run."""


@dataclass(frozen=True)
class Reached:
    """Where a roll-out is after a step. `running` is false when it is done, cancelled or paused."""

    running: bool
    seconds: float


def rollout_workflow_id(rollout_id: str) -> str:
    """The workflow's id; one workflow a roll-out."""
    return f"rollout-{rollout_id}"


@workflow.defn(name="RolloutWorkflow")
class RolloutWorkflow:
    """Calls for the next step of a roll-out until there is none. It holds no truth: it can be lost, or started twice, at any time."""

    @workflow.run
    async def run(self, rollout_id: str) -> None:
        """From where the rows say it is to the end, or to a pause; whoever resumes it starts a new one."""
        for _ in range(STEPS_OF_A_RUN):
            reached = await workflow.execute_local_activity(
                "rollout_step", args=[rollout_id], result_type=Reached, start_to_close_timeout=STEP_TIMEOUT, retry_policy=TICK_RETRY
            )
            if not reached.running:
                return
            if reached.seconds > 0:
                await workflow.sleep(reached.seconds)
        workflow.continue_as_new(rollout_id)
