"""A consumer that commits before it acknowledges (architecture, decision 7).

Effects, watermarks and parked events of a batch are one transaction; the acknowledgement follows. Whatever crashes in between,
the messages come again and their watermarks say that they were done.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from shared.contracts.envelope import BadEnvelope, Recorded
from shared.contracts.event import Event
from shared.database import Database
from shared.eventlog import ConcurrentAppend
from shared.messaging.connection import NatsConnection
from shared.messaging.delivery import Delivery
from shared.messaging.effects import ATTEMPTS, Effects, Handler, ignore, read
from shared.messaging.inbox import Inbox
from shared.messaging.pull import PullLoop
from shared.messaging.tending import Tender
from shared.messaging.transient import is_transient
from shared.metrics import EVENTS_CONSUMED

__all__ = ["ATTEMPTS", "Handler", "Subscriber", "ignore"]

_BACK_OFF = (0.1, 0.3, 1.0, 3.0)
"""Seconds before the next try, by failures so far."""
_WAIT = 1.0
"""Seconds before the next try after an error that passes by itself."""
_LONGEST = 0.5
"""Seconds after which a transaction takes no further event: handlers that append hold head rows, and readers wait for the commit."""
_RACES = 3
"""Appends that may be lost to somebody else before the event waits."""

_Message = tuple[Delivery, Recorded[Event] | BadEnvelope]
"""A delivery, and the event that it is or why it is none: read once, however many transactions its batch takes."""

_log = logging.getLogger(__name__)


class Subscriber:
    """A durable consumer over all events, with a watermark per stream in the same transaction as the effect.

    Lower or equal is skipped, next is applied, a gap parks the event until the missing version came. Bytes that are no event, types
    that `handlers` lacks, and what a handler failed on five times become dead letters; later events of that stream park until an
    operator decides. Errors that pass by themselves are waited out.

    Args:
        durable: the consumer's name in JetStream, and in the tables.
        nats: a connection whose user may read that durable.
        database: the service's own, with the tables of `shared.eventlog.inbox`.
        handlers: one for every event of the contracts (`ignore` for those not needed).
        batch: most events of one transaction.
        pace: seconds of rest after a batch that was not full. A transaction and its acknowledgements cost more than most effects, so where
            nobody waits for them, events that come one by one had better go together.
    """

    def __init__(
        self,
        *,
        durable: str,
        nats: NatsConnection,
        database: Database,
        handlers: Mapping[type[Event], Handler],
        batch: int = 200,
        pace: float = 0.0,
    ) -> None:
        self._durable = durable
        self._database = database
        self._effects = Effects(durable, handlers)
        self._tender = Tender(database, self._effects)
        self._loop = PullLoop(durable, nats, self._on_batch, batch=batch, retry_after=_WAIT, pace=pace)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; the batch in hand is finished."""
        tending = asyncio.create_task(self._tender.run(), name=f"{self._durable}: parked events and dead letters")
        try:
            await self._loop.run(stop)
        finally:
            tending.cancel()
            await asyncio.wait({tending})

    async def _on_batch(self, deliveries: Sequence[Delivery]) -> None:
        rest = [(delivery, read(delivery.body)) for delivery in deliveries]
        while rest:
            try:
                taken = await self._take(rest)
            except Exception as error:
                _log.info("%s takes %d events one by one: %s", self._durable, len(rest), type(error).__name__)
                for each in rest:
                    await self._take_alone(each)
                return
            rest = rest[taken:]

    async def _take(self, messages: Sequence[_Message]) -> int:
        """Commit the first of `messages`, as many as fit in the time, and give the verdict on each. Returns how many."""
        began = time.monotonic()
        results: list[str] = []
        async with self._database.transaction() as session:
            inbox = Inbox(session, self._durable)
            await inbox.lock({event.stream for _, event in messages if isinstance(event, Recorded)})
            for delivery, event in messages:
                if results and time.monotonic() - began > _LONGEST:
                    break
                if isinstance(event, Recorded):
                    results.append(await self._effects.apply(session, inbox, event, delivery.body))
                else:
                    await inbox.bury(None, delivery.body, delivery.subject, event, attempts=1)
                    results.append("dead")
            await inbox.save()
        if inbox.frees_parked:
            self._tender.nudge()
        await self._settle([delivery for delivery, _ in messages], results)
        return len(results)

    async def _settle(self, deliveries: Sequence[Delivery], results: Sequence[str]) -> None:
        for result, count in Counter(results).items():
            EVENTS_CONSUMED.labels(self._durable, result).inc(count)
        last = len(results) - 1
        for nth, (delivery, result) in enumerate(zip(deliveries, results, strict=False)):
            if result == "dead":
                await delivery.term()
            elif nth == last:
                await delivery.ack_sync()
            else:
                await delivery.ack()

    async def _take_alone(self, message: _Message) -> None:
        """Commit one event by itself, so that one that fails keeps nobody else waiting."""
        for _ in range(_RACES):
            try:
                await self._take([message])
            except ConcurrentAppend:
                continue
            except Exception as error:
                await self._refuse(*message, error)
            return
        await message[0].nak(_BACK_OFF[0])

    async def _refuse(self, delivery: Delivery, event: Recorded[Event] | BadEnvelope, error: Exception) -> None:
        if is_transient(error) or not isinstance(event, Recorded):
            _log.warning("%s waits: %s", self._durable, type(error).__name__)
            EVENTS_CONSUMED.labels(self._durable, "retried").inc()
            await delivery.nak(_WAIT)
            return
        poison = self._effects.failed(event, error)
        failures = self._effects.failures(event)
        _log.error(
            "%s failed on %s of %s (%d): %s", self._durable, event.name, event.stream, failures, type(error).__name__, exc_info=error
        )
        if not poison:
            EVENTS_CONSUMED.labels(self._durable, "retried").inc()
            await delivery.nak(_BACK_OFF[min(failures, len(_BACK_OFF)) - 1])
            return
        async with self._database.transaction() as session:
            await Inbox(session, self._durable).bury(event, delivery.body, delivery.subject, error, attempts=failures)
        self._effects.buried(event)
        await self._settle([delivery], ["dead"])
