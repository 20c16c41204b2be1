"""The sender: workers that claim queued notices one by one. Safe to kill at any point.

    claim (lease) ─▶ who and where? ─▶ message row ─▶ gateway ─▶ outcome, NoticeDelivered / NoticeFailed
        tx 1             no tx             tx 2         no tx          tx 3

A worker that dies leaves a claim that ends with its lease; the next one repeats the same message id. A worker that was stopped and
comes back finds its claim gone and writes nothing. The steps after the claim are `sending.py`'s.
"""

import asyncio
import logging
import traceback
from datetime import timedelta

from opentelemetry.trace import SpanKind

from services.notify import repository
from services.notify.contacts import ContactsUnavailable
from services.notify.sending import Sending
from shared.clock import Clock
from shared.database import Database
from shared.messaging.transient import is_transient
from shared.telemetry import span, suppress_instrumentation

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks at the queue when nothing wakes the sender: retries and other processes' notices become due."""

WAIT_FOR_INTAKE = timedelta(seconds=5)
"""Our own outage says nothing against an address: not counted as a try."""


class Sender:
    """Sends what is queued.

    Args:
        database: own rows.
        clock: the one clock.
        sending: the steps of one notice.
        lease: how long a claim holds.
        workers: how many notices are in hand at once.
    """

    def __init__(self, *, database: Database, clock: Clock, sending: Sending, lease: timedelta, workers: int) -> None:
        self._database = database
        self._clock = clock
        self._sending = sending
        self._lease = lease
        self._workers = workers
        self._wake = asyncio.Event()

    async def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; what is in hand then is finished."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(stop), name=f"sender {number}")

    async def _work(self, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._wake.clear()
                if await self._tried_next():
                    continue
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait([waking, stopping], timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
        finally:
            stopping.cancel()

    async def _tried_next(self) -> bool:
        try:
            return await self.send_next()
        except Exception as error:
            log.warning("the queue cannot be worked on now: %s", type(error).__name__)
            return False

    async def send_next(self) -> bool:
        """Take the next due notice and do with it what can be done now. False when none is due."""
        with suppress_instrumentation():
            async with self._database.transaction() as session:
                now = await self._clock.now(session)
                notice = await repository.claim(session, now=now, lease=self._lease)
                if notice is None:
                    return False
                if await self._sending.needless(session, notice, now):
                    return True
        with span(
            "notice",
            {"messaging.operation.name": "send", "messaging.message.id": notice.notice_id},
            parent=notice.traceparent,
            kind=SpanKind.PRODUCER,
            issue_id=notice.issue_id,
            event=notice.event_name,
            region=notice.region,
            notice=notice.kind,
        ):
            try:
                await self._sending.send(notice)
            except ContactsUnavailable as error:
                log.warning("intake does not tell contacts now: %s", error)
                await self._sending.put_back(notice, WAIT_FOR_INTAKE)
            except Exception as error:
                if is_transient(error):
                    raise
                # The message of an unknown error may name an address: its kind and place are enough to find it.
                place = "".join(traceback.format_tb(error.__traceback__))
                log.warning("notice %s stumbled: %s\n%s", notice.notice_id, type(error).__name__, place)
                await self._sending.stumble(notice, again_after=self._lease)
        return True
