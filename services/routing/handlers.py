"""Load, decide, append: what the subscriber, the timer and the API call for an issue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing import repository
from services.routing.context import ContextSource
from services.routing.domain.commands import Actor, Command, Refusal
from services.routing.domain.decide import decide
from services.routing.domain.evolve import evolve, replay
from services.routing.domain.settle import settle
from services.routing.domain.state import Issue
from services.routing.workflows import Seen
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog, Head
from shared.metrics import TIMER_LAG_SECONDS

ATTEMPTS = 8
"""Tries against other writers of the same issue; each failure means that somebody else got through."""


class UnknownIssue(LookupError):
    """The log holds no such issue."""


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

    async def load(self, session: AsyncSession, issue_id: str) -> Issue:
        """The issue as the log has it. Raises `UnknownIssue`."""
        issue, _ = await self._load(session, issue_id)
        return issue

    async def settle(self, session: AsyncSession, issue_id: str) -> Issue:
        """Append everything that is due, in the caller's transaction. Returns the issue afterwards.

        Raises:
            UnknownIssue: no such stream.
            ConcurrentAppend: somebody else was faster; again in a new transaction.
        """
        issue, head = await self._load(session, issue_id)
        context = await self._contexts.context(session)
        due = issue.next_instant
        events, _ = settle(issue, context)
        if events and due is not None and due <= context.now:
            TIMER_LAG_SECONDS.observe((context.now - due).total_seconds())
        return await self._append(session, issue, head, events, context.now)

    async def traceparent_of(self, issue_id: str) -> str | None:
        """The trace that set the soonest deadline of the issue, or raised the issue where none runs."""
        async with self._database.transaction() as session:
            history = (await self._log.load(session, issue_id)).events
        return setting_trace(history)

    async def tick(self, issue_id: str) -> Seen:
        """One look at an issue, in a transaction of its own: enforce what is due, tell when to look again."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as session:
                    issue = await self.settle(session, issue_id)
                    return seen(issue)
            except ConcurrentAppend:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def command(
        self, session: AsyncSession, issue_id: str, command: Command, actor: Actor, *, expected_version: int | None = None
    ) -> Outcome:
        """Decide and append, in the caller's transaction; a refusal may come with events that were due (they are appended).

        Raises:
            UnknownIssue: no such stream.
            ConcurrentAppend: somebody else was faster; again in a new transaction.
        """
        issue, head = await self._load(session, issue_id)
        context = await self._contexts.context(session)
        decision = decide(issue, command, actor, context, expected_version=expected_version)
        issue = await self._append(session, issue, head, decision.events, context.now)
        return Outcome(issue, decision.refusal)

    async def _load(self, session: AsyncSession, issue_id: str) -> tuple[Issue, Head]:
        loaded = await self._log.load(session, issue_id)
        issue = replay(loaded.events) if loaded.events and loaded.events[0].name == "IssueRaised" else None
        if issue is None:
            raise UnknownIssue(issue_id)
        return issue, loaded.head

    async def _append(self, session: AsyncSession, issue: Issue, head: Head, events: Sequence[Event], now: datetime) -> Issue:
        if not events:
            return issue
        recorded = await self._log.append(
            session,
            issue.issue_id,
            events,
            after=head,
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


def setting_trace(history: Sequence[Recorded[Event]]) -> str | None:
    """The traceparent of the event that set the deadline which is soonest now."""
    issue = replay(history)
    soonest = issue.running[0] if issue is not None and issue.running else None
    for recorded in reversed(history):
        if soonest is not None and any(each.deadline_id == soonest.deadline_id for each in getattr(recorded.data, "deadlines", ())):
            return recorded.traceparent
    return history[0].traceparent if history else None
