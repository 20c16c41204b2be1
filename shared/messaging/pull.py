"""The pull loop of a durable consumer, on MSG.NEXT with an inbox of its own (nats-py's `fetch` can stall after an empty one, #986)."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.messaging.connection import NatsConnection
from shared.messaging.delivery import Delivery
from shared.messaging.topology import STREAM
from shared.metrics import CONSUMER_LAG, CONSUMER_LAG_SECONDS

EXPIRES = 2.0
"""Seconds that a request stays with the server, and after which one that was lost with a connection is noticed."""
_BREATH = 0.5
"""Seconds before the next request after one that was refused: the consumer or JetStream is not there."""

_log = logging.getLogger(__name__)

HandleBatch = Callable[[Sequence[Delivery]], Awaitable[None]]
"""Gets messages in the stream's order and gives a verdict on each; if it raises, those without one come again."""


class PullLoop:
    """Hands the messages of a durable to `handle_batch`, one batch at a time, until told to stop.

    Survives a restart of NATS and a consumer that is missing for a while (the relay makes it again).

    Args:
        durable: the consumer's name.
        nats: a connection whose user may ask for its next messages and acknowledge them.
        handle_batch: does the work.
        batch: most messages of one batch, and most that are on their way at a time.
        retry_after: seconds after which messages come again that `handle_batch` raised on.
        pace: seconds of rest after a batch that was not full, so that what comes meanwhile goes together.
    """

    def __init__(
        self,
        durable: str,
        nats: NatsConnection,
        handle_batch: HandleBatch,
        *,
        batch: int = 200,
        retry_after: float = 1.0,
        pace: float = 0.0,
    ) -> None:
        self._durable = durable
        self._nats = nats
        self._handle_batch = handle_batch
        self._batch = batch
        self._retry_after = retry_after
        self._pace = pace
        self._arrived: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._expected = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Pull until `stop` is set; the batch in hand is finished, whatever came after it is given back."""
        stopping = asyncio.create_task(stop.wait())
        inbox = self._nats.new_inbox()
        subscription = await self._nats.subscribe(inbox, cb=self._on_message)  # pyright: ignore[reportUnknownMemberType]
        try:
            while not stop.is_set():
                if self._expected <= 0:
                    await self._request(inbox)
                await self._until_news(stopping)
                refused = False
                deliveries: list[Delivery] = []
                while self._arrived and len(deliveries) < self._batch:
                    message = self._arrived.popleft()
                    if message.reply:
                        deliveries.append(Delivery(message))
                    else:
                        refused |= self._ended(message)
                if deliveries:
                    await self._hand_over(deliveries)
                    if self._pace and len(deliveries) < self._batch:
                        await asyncio.wait({stopping}, timeout=self._pace)
                elif refused:
                    await asyncio.wait({stopping}, timeout=_BREATH)
        finally:
            stopping.cancel()
            with suppress(NatsError, TimeoutError):
                # Not just unsubscribed: what the server sent meanwhile still arrives and is given back, else it waits for its `ack_wait`.
                # A connection that ends meanwhile never finishes draining; then the server gives it to others by itself.
                async with asyncio.timeout(_BREATH):
                    await subscription.drain()
            for message in self._arrived:
                if message.reply:
                    await Delivery(message).nak()

    async def _on_message(self, message: Msg) -> None:
        if message.reply:
            self._expected -= 1
        self._arrived.append(message)
        self._news.set()

    async def _request(self, inbox: str) -> None:
        wish = json.dumps({"batch": self._batch, "expires": int(EXPIRES * 1e9)}).encode()
        with suppress(NatsError):  # not connected: the wait for news ends with EXPIRES, then it is asked again
            await self._nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._durable}", wish, reply=inbox)
        self._expected = self._batch

    async def _until_news(self, stopping: asyncio.Task[bool]) -> None:
        """Wait for a message, for `stop`, or until the request is surely over."""
        if self._arrived:
            return
        self._news.clear()
        news = asyncio.create_task(self._news.wait())
        await asyncio.wait({news, stopping}, timeout=EXPIRES + 1, return_when=asyncio.FIRST_COMPLETED)
        if not news.done():
            news.cancel()
            self._expected = 0

    def _ended(self, status: Msg) -> bool:
        """Note that a request is over; tells whether it was refused rather than just empty."""
        self._expected = 0
        code = (status.headers or {}).get("Status", "")
        if code == "408":
            CONSUMER_LAG.labels(self._durable).set(0)
        return code != "408"

    async def _hand_over(self, deliveries: Sequence[Delivery]) -> None:
        last = deliveries[-1]
        CONSUMER_LAG.labels(self._durable).set(last.pending)
        try:
            await self._handle_batch(deliveries)
        except Exception:
            _log.exception("%s failed on a batch, which comes again", self._durable)
        CONSUMER_LAG_SECONDS.labels(self._durable).set((datetime.now(UTC) - last.stored_at).total_seconds())
        for delivery in deliveries:
            if not delivery.settled:
                await delivery.nak(self._retry_after)
