"""Load, decide, append: what the subscriber, the timer and the API call for an issue."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import repository
from services.routing.context import ContextSource
from services.routing.domain.commands import Actor, Command, Context, Refusal
from services.routing.domain.decide import decide
from services.routing.domain.evolve import evolve, replay
from services.routing.domain.rollout import change
from services.routing.domain.rulebook import Rulebook
from services.routing.domain.settle import settle
from services.routing.domain.state import Issue
from services.routing.tables import Rollout
from services.routing.workflows import Seen
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import OpenIssues
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog, Head
from shared.metrics import TIMER_LAG_SECONDS
from shared.telemetry import linked_root_span

ATTEMPTS = 8
"""Tries against other writers of the same issue; each failure means that somebody else got through."""


class UnknownIssue(LookupError):
    """The log holds no such issue."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An issue as the log has it: the present state, what happened, and where the stream ends."""

    issue: Issue
    history: tuple[Recorded[Event], ...]
    head: Head


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to: the issue afterwards, and the refusal if there was one."""

    issue: Issue
    refusal: Refusal | None


class IssueHandlers:
    """The life of issues over the log."""

    def __init__(self, database: Database, log: EventLog, contexts: ContextSource) -> None:
        self._database = database
        self._log = log
        self._contexts = contexts

    async def load(self, session: AsyncSession, issue_id: str) -> Loaded:
        """The issue as the log has it. Raises `UnknownIssue`."""
        loaded = await self._log.load(session, issue_id)
        issue = replay(loaded.events) if loaded.events and loaded.events[0].name == "IssueRaised" else None
        if issue is None:
            raise UnknownIssue(issue_id)
        return Loaded(issue, loaded.events, loaded.head)

    async def settle(self, session: AsyncSession, loaded: Loaded) -> Issue:
        """Append everything that is due, in the caller's transaction. Returns the issue afterwards.

        Raises:
            ConcurrentAppend: somebody else was faster; load again in a new transaction.
        """
        context = await self._contexts.context(session)
        due = loaded.issue.next_instant
        events, _ = settle(loaded.issue, context)
        if events and due is not None and due <= context.now:
            TIMER_LAG_SECONDS.observe((context.now - due).total_seconds())
        return await self._append(session, loaded, events, context.now)

    async def tick(self, issue_id: str, *, by_timer: bool = False) -> Seen:
        """One look at an issue, in a transaction of its own: enforce what is due, tell when to look again.

        A deadline that fires by itself (`by_timer`) starts a trace of its own, linked to the one that set it.
        """
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as session:
                    loaded = await self.load(session, issue_id)
                    with _trace_of_deadline(loaded) if by_timer else nullcontext():
                        return seen(await self.settle(session, loaded))
            except ConcurrentAppend:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def command(
        self, session: AsyncSession, loaded: Loaded, command: Command, actor: Actor, *, expected_version: int | None = None
    ) -> Outcome:
        """Decide and append, in the caller's transaction; a refusal may come with events that were due (they are appended).

        Raises:
            ConcurrentAppend: somebody else was faster; load again in a new transaction.
        """
        context = await self._contexts.context(session)
        decision = decide(loaded.issue, command, actor, context, expected_version=expected_version)
        issue = await self._append(session, loaded, decision.events, context.now)
        return Outcome(issue, decision.refusal)

    async def roll(
        self, session: AsyncSession, loaded: Loaded, context: Context, former: Mapping[int, Rulebook], rollout: Rollout
    ) -> tuple[Issue, bool]:
        """Settle what is due, then move what the new rules move, in one append. Returns the issue, and whether a deadline moved.

        Raises:
            ConcurrentAppend: somebody else was faster; load again in a new transaction.
        """
        settled, issue = settle(loaded.issue, context)
        mode: OpenIssues = rollout.mode  # pyright: ignore[reportAssignmentType]
        moved = change(issue, context, former, mode=mode, reason=rollout.reason, rollout_id=rollout.rollout_id)
        return await self._append(session, loaded, (*settled, *moved), context.now), bool(moved)

    async def _append(self, session: AsyncSession, loaded: Loaded, events: Sequence[Event], now: datetime) -> Issue:
        issue = loaded.issue
        if not events:
            return issue
        recorded = await self._log.append(
            session,
            issue.issue_id,
            events,
            after=loaded.head,
            now=now,
            region=issue.village,
            correlation_id=issue.correlation_id,
            causation_id=issue.last_event,
        )
        for event in recorded:
            issue = evolve(issue, event)
        await repository.save(session, issue)
        return issue


def seen(issue: Issue) -> Seen:
    """What the workflow needs to know and to show."""
    running = issue.running
    return Seen(
        state=issue.state or "",
        level=issue.level,
        county=issue.village[:6],
        due_at=issue.due_at,
        next_at=issue.next_instant,
        version=issue.stream_version,
        happens=running[0].kind if running else "",
    )


def _trace_of_deadline(loaded: Loaded) -> AbstractContextManager[object]:
    return linked_root_span("deadline", setting_trace(loaded), issue_id=loaded.issue.issue_id)


def setting_trace(loaded: Loaded) -> str | None:
    """The traceparent of the event that set the deadline which is soonest now, or that raised the issue where none runs."""
    running = loaded.issue.running
    for recorded in reversed(loaded.history):
        if running and any(each.deadline_id == running[0].deadline_id for each in getattr(recorded.data, "deadlines", ())):
            return recorded.traceparent
    return loaded.history[0].traceparent
