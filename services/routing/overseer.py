"""The last guard: deadlines that nobody enforced turn health red, and their workflows are started again from the log."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from services.routing import repository
from services.routing.timers import Timers
from shared.clock import Clock
from shared.database import Database
from shared.metrics import OPEN_ISSUES, OVERDUE_UNENFORCED

GRACE = timedelta(seconds=60)
"""How late an enforcement may be before it counts as lost (architecture, decision 5; invariant I4)."""

EVERY = 5.0
"""Seconds between two looks."""

_log = logging.getLogger(__name__)


class Overseer:
    """Counts open issues and unenforced deadlines, and reseats the latter."""

    def __init__(self, database: Database, clock: Clock, timers: Timers) -> None:
        self._database = database
        self._clock = clock
        self._timers = timers
        self.unenforced = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until `stop`. A database that is away is tried again: the services' health tells of it."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception as error:
                _log.warning("the overseer could not look: %s", type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)

    async def look(self) -> None:
        """One look: gauges, and a wake-up for every issue that is overdue for longer than `GRACE`."""
        async with self._database.transaction() as session:
            late = await repository.unenforced(session, await self._clock.now(session), GRACE)
            counts = await repository.open_counts(session)
        OPEN_ISSUES.clear()
        for level, state, count in counts:
            OPEN_ISSUES.labels(level, state).set(count)
        self.unenforced = len(late)
        OVERDUE_UNENFORCED.set(len(late))
        await self._timers.seat(late)
