"""Load, decide, append: what the subscriber, the timer and the API call for an issue."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
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
from shared.database import Database, execute
from shared.eventlog import Append, ConcurrentAppend, EventLog, Head
from shared.eventlog import Loaded as LoadedStream
from shared.metrics import TIMER_LAG_SECONDS
from shared.telemetry import current_traceparent, linked_root_span
from shared.together import Together

_logger = logging.getLogger(__name__)

ATTEMPTS = 8
"""Tries against other writers of the same issue; each failure means that somebody else got through."""

GATHER = 0.01
"""Seconds in which looks at other issues may join a transaction: nothing beside a deadline, much where hundreds lapse at once."""

LOCK_TIMEOUT_MS = 250
"""How long looks that share a transaction wait for somebody who works on one of their issues; then each waits for itself."""


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


@dataclass(frozen=True, slots=True)
class _Look:
    """Somebody wants an issue looked at; `traceparent` is where that belongs, unless it is a deadline's own trace (`by_timer`)."""

    issue_id: str
    by_timer: bool
    traceparent: str | None


class IssueHandlers:
    """The life of issues over the log."""

    def __init__(self, database: Database, log: EventLog, contexts: ContextSource) -> None:
        self._database = database
        self._log = log
        self._contexts = contexts
        self._ticks = Together(self._tick_all, gather=GATHER)

    async def load(self, session: AsyncSession, issue_id: str) -> Loaded:
        """The issue as the log has it. Raises `UnknownIssue`."""
        loaded = _loaded(await self._log.load(session, issue_id))
        if loaded is None:
            raise UnknownIssue(issue_id)
        return loaded

    async def settle(self, session: AsyncSession, loaded: Loaded) -> Issue:
        """Append everything that is due, in the caller's transaction. Returns the issue afterwards.

        Raises:
            ConcurrentAppend: somebody else was faster; load again in a new transaction.
        """
        context = await self._contexts.context(session)
        return await self._append(session, loaded, _due(loaded.issue, context), context.now)

    async def tick(self, issue_id: str, *, by_timer: bool = False) -> Seen:
        """One look at an issue: enforce what is due, tell when to look again. Those that lapse at the same time share a transaction.

        A deadline that fires by itself (`by_timer`) starts a trace of its own, linked to the one that set it.
        """
        look = _Look(issue_id, by_timer, current_traceparent())
        return await self._ticks(look) or await self._tick_alone(issue_id, by_timer)

    async def _tick_all(self, asked: Sequence[_Look]) -> Sequence[Seen | None]:
        """None for each that had better be looked at alone: no other issue waits for it then."""
        found: Mapping[str, Seen] = {}
        if len(asked) > 1:
            try:
                found = await self._tick_together({look.issue_id: look for look in asked})
            except Exception as error:
                _logger.info("looks at %d issues one by one: %s", len(asked), type(error).__name__)
        return [found.get(look.issue_id) for look in asked]

    async def _tick_together(self, asked: Mapping[str, _Look]) -> dict[str, Seen]:
        """Looks at several issues in one transaction. Those that somebody else is working on or that owe several events are left out."""
        found: dict[str, Seen] = {}
        issues: dict[str, Issue] = {}
        appends: list[Append] = []
        async with self._database.transaction() as session:
            await execute(session, f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            with ExitStack() as traces:
                streams = await self._log.load_each(session, list(asked))
                context = await self._contexts.context(session)
                for issue_id, stream in streams.items():
                    loaded = _loaded(stream)
                    if loaded is None:
                        continue
                    events = _due(loaded.issue, context)
                    if not events:
                        found[issue_id] = seen(loaded.issue)
                    elif len(events) == 1:
                        issue, traceparent = loaded.issue, asked[issue_id].traceparent
                        if asked[issue_id].by_timer:
                            traces.enter_context(_trace_of_deadline(loaded))
                            traceparent = current_traceparent()
                        issues[issue_id] = issue
                        appends.append(Append(issue_id, events[0], loaded.head, issue.correlation_id, issue.last_event, traceparent))
                recorded = await self._log.append_each(session, appends, now=context.now)
                after = [evolve(issues[issue_id], event) for issue_id, event in recorded.items()]
                await repository.save(session, *after)
        return found | {issue.issue_id: seen(issue) for issue in after}

    async def _tick_alone(self, issue_id: str, by_timer: bool) -> Seen:
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


def _loaded(stream: LoadedStream) -> Loaded | None:
    """The issue that a stream tells; None where it tells of none."""
    issue = replay(stream.events) if stream.events and stream.events[0].name == "IssueRaised" else None
    return Loaded(issue, stream.events, stream.head) if issue is not None else None


def _due(issue: Issue, context: Context) -> Sequence[Event]:
    """What is due by now; how late that is, is measured."""
    due = issue.next_instant
    events, _ = settle(issue, context)
    if events and due is not None and due <= context.now:
        TIMER_LAG_SECONDS.observe((context.now - due).total_seconds())
    return events


def _trace_of_deadline(loaded: Loaded) -> AbstractContextManager[object]:
    return linked_root_span("deadline", setting_trace(loaded), issue_id=loaded.issue.issue_id)


def setting_trace(loaded: Loaded) -> str | None:
    """The traceparent of the event that set the deadline which is soonest now, or that raised the issue where none runs."""
    running = loaded.issue.running
    for recorded in reversed(loaded.history):
        if running and any(each.deadline_id == running[0].deadline_id for each in getattr(recorded.data, "deadlines", ())):
            return recorded.traceparent
    return loaded.history[0].traceparent
