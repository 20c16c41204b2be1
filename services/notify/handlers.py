"""What notify does with an event: it remembers the issue and queues who must hear of it. Nothing is sent here (decision 7)."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.domain.notice import Notice
from services.notify.domain.state import Issue, evolve
from services.notify.domain.turns import decide, digest
from shared.clock import Clock
from shared.contracts.envelope import Recorded
from shared.contracts.intake import ReporterErased
from shared.contracts.routing import DirectoryChanged, RolloutCompleted
from shared.database import after_commit
from shared.regions import Regions


class Handlers:
    """Event handlers; each runs in the transaction of its stream's watermark.

    Args:
        clock: when a notice is due.
        regions: the counties whose supervisors get a roll-out's digest.
        wake: called after a commit that queued something, so that the sender need not wait for its next look.
    """

    def __init__(self, *, clock: Clock, regions: Regions, wake: Callable[[], Awaitable[None]]) -> None:
        self._clock = clock
        self._regions = regions
        self._wake = wake

    async def on_issue_event(self, session: AsyncSession, recorded: Recorded[Any]) -> None:
        """Any event of an issue: what is known moves on, and everybody whom the event concerns gets a notice."""
        before = await repository.issue(session, recorded.stream)
        after = evolve(before, recorded)
        if after != before:
            await repository.save_issue(session, after)
        await self._queue(session, recorded, decide(before, after, recorded.data), after)

    async def on_reporter_erased(self, session: AsyncSession, recorded: Recorded[ReporterErased]) -> None:
        """Even masked addresses go; what is still queued will find nobody to tell."""
        await repository.forget_addresses(session, recorded.stream)
        await self.on_issue_event(session, recorded)

    async def on_directory_changed(self, session: AsyncSession, recorded: Recorded[DirectoryChanged]) -> None:
        """Whom staff notices reach, and what units are called."""
        await repository.save_officers(session, recorded.data.officers)
        await repository.save_units(session, recorded.data.units)
        await repository.remove_from_directory(session, recorded.data.removed)

    async def on_rollout_completed(self, session: AsyncSession, recorded: Recorded[RolloutCompleted]) -> None:
        """One digest to the supervisors of each county."""
        counties = tuple(county.code for county in self._regions.counties)
        await self._queue(session, recorded, digest(recorded.data, counties), None)

    async def _queue(self, session: AsyncSession, recorded: Recorded[Any], notices: tuple[Notice, ...], issue: Issue | None) -> None:
        if notices and await repository.queue(session, recorded, notices, issue=issue, now=await self._clock.now(session)):
            after_commit(session, self._wake)
