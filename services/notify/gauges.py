"""How old the queue is, for `/metrics`, and the tidying that goes with a long life."""

import asyncio
import logging

from prometheus_client import Gauge

from services.notify import repository
from shared import idempotency
from shared.clock import Clock
from shared.database import Database
from shared.telemetry import suppress_instrumentation

log = logging.getLogger(__name__)

QUEUE_AGE = Gauge("huiyin_notice_queue_age_seconds", "For how long the oldest notice that is not sent yet has waited.")
EVERY = 5.0
"""Seconds between two looks: finer than any alert needs."""


class Gauges:
    """Looks now and then."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception as error:
                log.warning("the queue's age cannot be read now: %s", type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), EVERY)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Set the gauge, and drop idempotency keys that are a day old."""
        with suppress_instrumentation():
            async with self._database.transaction() as session:
                now = await self._clock.now(session)
                QUEUE_AGE.set((await repository.queue_age(session, now)).total_seconds())
                await idempotency.purge_expired(session)
