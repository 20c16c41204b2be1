"""The sender: claims what is due and sends it side by side. Safe to kill at any point.

    claim (lease) ─▶ who and where? ─▶ message row ─▶ gateway ─▶ outcome, NoticeDelivered / NoticeFailed
        tx 1             no tx             tx 2         no tx          tx 3

Each transaction is shared by the notices that come to it at the same time (`shared.transactions`). A process that dies leaves claims that
end with their lease; the next one repeats the same message ids. One that was stopped and comes back finds its claims gone and writes
nothing. The steps after the claim are `sending.py`'s.
"""

import asyncio
import logging
import traceback
from collections.abc import Sequence
from datetime import timedelta

from opentelemetry.trace import SpanKind

from services.notify import repository
from services.notify.contacts import ContactsUnavailable
from services.notify.sending import Sending
from services.notify.tables import NoticeRow
from shared.clock import Clock
from shared.database import Database
from shared.messaging.transient import is_transient
from shared.telemetry import span, suppress_instrumentation

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks at the queue when nothing wakes the sender: retries and other processes' notices become due."""

PACE = 0.25
"""Seconds between two looks when something does: what is queued meanwhile goes together, and nobody feels it in a message."""

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
        self._idle = workers
        self._wake = asyncio.Event()

    async def wake(self) -> None:
        """Look at the queue now."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; what is in hand then is finished."""
        stopping = asyncio.create_task(stop.wait())
        try:
            async with asyncio.TaskGroup() as sending:
                while not stop.is_set():
                    self._wake.clear()
                    claimed = await self._tried_to_claim()
                    if claimed:
                        sending.create_task(self._tried_to_send(claimed))
                    if self._idle:
                        await asyncio.wait([stopping], timeout=PACE)
                    await self._until_woken(stopping)
        finally:
            stopping.cancel()

    async def _until_woken(self, stopping: "asyncio.Task[bool]") -> None:
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait([waking, stopping], timeout=POLL, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()

    async def _tried_to_claim(self) -> Sequence[NoticeRow]:
        try:
            return await self._claim() if self._idle else ()
        except Exception as error:
            log.warning("the queue cannot be worked on now: %s", type(error).__name__)
            return ()

    async def _tried_to_send(self, claimed: Sequence[NoticeRow]) -> None:
        try:
            await self._send_all(claimed)
        except Exception as error:
            log.warning("claimed notices wait for the end of their lease: %s", type(error).__name__)

    async def send_due(self) -> int:
        """Take what is due and do with it what can be done now. Returns how many notices that were."""
        claimed = await self._claim()
        await self._send_all(claimed)
        return len(claimed)

    async def _claim(self) -> Sequence[NoticeRow]:
        """Claim as many notices as there are idle workers; those that need not be sent end here."""
        with suppress_instrumentation():
            async with self._database.transaction() as session:
                now = await self._clock.now(session)
                claimed = await repository.claim(session, now=now, lease=self._lease, most=self._idle)
                await self._sending.end_needless(session, claimed, now)
        self._idle -= len(claimed)
        return claimed

    async def _send_all(self, claimed: Sequence[NoticeRow]) -> None:
        """Each by itself, so that what one stumbles over keeps no other. Raises the first error that passes by itself, after all."""
        try:
            tried = await asyncio.gather(*(self._send(notice) for notice in claimed if notice.state == "queued"), return_exceptions=True)
        finally:
            self._idle += len(claimed)
            self._wake.set()
        for error in tried:
            if error is not None:
                raise error

    async def _send(self, notice: NoticeRow) -> None:
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
