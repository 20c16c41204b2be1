"""Receipts of the SMS gateway, and what happens when none comes. What late or contradicting ones mean is `domain.delivery.on_receipt`'s."""

import asyncio
import logging
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Literal

from opentelemetry.trace import Span
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.domain.delivery import ReceiptStatus, on_receipt
from services.notify.outcomes import Outcomes
from services.notify.tables import NoticeRow
from shared.clock import Clock
from shared.database import Database
from shared.telemetry import linked_root_span, span
from shared.transactions import appending

log = logging.getLogger(__name__)

Taken = Literal["recorded", "known_before", "unknown_message"]

EVERY = 5.0
"""Seconds between two looks for messages whose receipt is overdue."""


class Receipts:
    """Takes receipts and watches for missing ones.

    Args:
        timeout: how long an accepted message may stay without a receipt.
    """

    def __init__(self, *, database: Database, clock: Clock, outcomes: Outcomes, timeout: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._outcomes = outcomes
        self._timeout = timeout

    async def take(self, message_id: str, status: ReceiptStatus, reason: str | None) -> Taken:
        """Record a receipt. Safe to repeat; an unknown message changes nothing."""
        return await appending(self._database, lambda session: self._apply(session, message_id, status, reason or "receipt_failed"))

    async def expire(self) -> int:
        """Fail every message whose receipt is overdue; the next channel is tried, or the notice fails. Returns how many."""
        async with self._database.transaction() as session:
            now = await self._clock.now(session)
            overdue = await repository.without_receipt(session, accepted_before=now - self._timeout)
        for message_id in overdue:
            await appending(self._database, lambda session, overdue=message_id: self._apply(session, overdue, "failed", "no_receipt"))
        return len(overdue)

    async def run(self, stop: asyncio.Event) -> None:
        """Look for overdue receipts until `stop`."""
        while not stop.is_set():
            try:
                await self.expire()
            except Exception as error:
                log.warning("overdue receipts cannot be looked for now: %s", type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), EVERY)
            except TimeoutError:
                continue

    async def _apply(self, session: AsyncSession, message_id: str, status: ReceiptStatus, reason: str) -> Taken:
        known = await repository.message(session, message_id)
        if known is None:
            return "unknown_message"
        notice = await repository.locked(session, known.notice_id)
        message = await repository.message(session, message_id)
        if notice is None or message is None:
            return "unknown_message"
        state = on_receipt(message.state, status)  # pyright: ignore[reportArgumentType]
        if state is None or (reason == "no_receipt" and message.state != "accepted"):
            return "known_before"
        with self._span(notice, reason):
            now = await self._clock.now(session)
            if state == "delivered":
                await self._outcomes.delivered(session, notice, message, now=now)
            else:
                self._outcomes.channel_failed(notice, message, reason, now=now)
        return "recorded"

    def _span(self, notice: NoticeRow, reason: str) -> AbstractContextManager[Span]:
        """A receipt goes on in the notice's trace; one that is missed a day later starts its own."""
        attributes = {"messaging.message.id": notice.notice_id}
        if reason == "no_receipt":
            opened = linked_root_span("notice.no_receipt", notice.traceparent, attributes, issue_id=notice.issue_id, region=notice.region)
        else:
            opened = span("notice.receipt", attributes, parent=notice.traceparent, issue_id=notice.issue_id, region=notice.region)
        return opened
