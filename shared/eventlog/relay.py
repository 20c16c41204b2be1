"""The relay: carries the log to JetStream. `python -m shared.eventlog.relay` is one process; a second one stands by.

Events leave the outbox in its order, in atomic batches that JetStream takes only if the stream ends where the relay believes. Any doubt
(start, reconnection, a refusal, no answer) is cleared by comparing with the stream before anything more is sent. So a crash between
publishing and moving sends nothing twice, and a stream that lost its end is made whole in the same order.
"""

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack

import psycopg
from nats.errors import Error as NatsError
from opentelemetry.trace import SpanKind

from shared.eventlog.bell import libpq
from shared.eventlog.checkpoints_notary import Notary
from shared.eventlog.compare import Compared, catch_up, refill
from shared.eventlog.copy import BATCH, StreamCopy
from shared.eventlog.dead import dead_letters_copied
from shared.eventlog.health import Health, RelaySettings, write_every_second
from shared.eventlog.outbox import Outbox, Outgoing
from shared.loop import run
from shared.messaging.api import JetStreamError
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.topology import STREAM, durables_missing, ensure_topology
from shared.telemetry import setup, span

POLL = 0.2
"""Seconds between two looks at the outbox when no bell rings."""
_LOOK = 2.0
"""Seconds between two looks at the stream's state and at operators' requests."""
_STAND_BY = 0.5
_RETRY = 0.5

_log = logging.getLogger(__name__)


class Relay:
    """The active relay, on a connection that holds the lock.

    Args:
        outbox: the log.
        nats: a connection whose user may publish events and make the streams.
        health: told how it goes.
        replicas: copies of each stream.
        notary: signs checkpoints; None signs none.
    """

    def __init__(self, outbox: Outbox, nats: NatsConnection, health: Health, *, replicas: int = 1, notary: Notary | None = None) -> None:
        self._outbox = outbox
        self._nats = nats
        self._copy = StreamCopy(nats)
        self._health = health
        self._replicas = replicas
        self._notary = notary
        self._known: Compared | None = None
        self._looked = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Carry events until `stop` is set. NATS is waited for; raises `psycopg.Error` when the database is lost, and the lock with it."""
        async with dead_letters_copied(self._nats, self._copy):
            while not stop.is_set():
                try:
                    if await self._step() == 0:
                        await self._outbox.wait(POLL)
                except (NatsError, JetStreamError) as error:
                    self._known = None
                    self._health.waits_for("NATS", error)
                    await self._outbox.lag()  # a relay that asks nothing for long loses the lock
                    await asyncio.sleep(_RETRY)
        await self._sign(closing=True)

    async def _step(self) -> int:
        known = self._known or await self._compare()
        if (now := asyncio.get_running_loop().time()) - self._looked > _LOOK:
            self._looked = now
            await self._look(known)
            known = self._known or await self._compare()
        events = await self._outbox.waiting(BATCH)
        if events:
            sequence = await self._publish(events, known.last_sequence)
            position = await self._outbox.move([event.id for event in events])
            self._known = Compared(sequence, position, 0, known.whole)
        self._health.carried(len(events), await self._outbox.lag())
        return len(events)

    async def _compare(self) -> Compared:
        await ensure_topology(self._nats, replicas=self._replicas)
        self._known = await catch_up(self._outbox, self._copy, self._progress)
        if self._known.sent:
            _log.warning("JetStream had lost %d events, which were sent again", self._known.sent)
        self._health.compared(self._known)
        return self._known

    async def _progress(self, done: int, total: int) -> None:
        """Filling up from a long log takes minutes: a sign of life, and news for the operator who asked."""
        self._health.alive()
        if (request := await self._outbox.requested()) is not None:
            await self._outbox.report(request, done, total)

    async def _look(self, known: Compared) -> None:
        """Notice what happened behind our back: a stream that lost messages, an operator's request; sign a checkpoint when it is time."""
        await self._sign()
        request = await self._outbox.requested()
        if request is not None:
            await self._republish(request)
            return
        state = await self._copy.state()
        if (
            await durables_missing(self._nats)
            or state.last != known.last_sequence
            or (known.whole and state.messages != known.last_position)
        ):
            self._known = None

    async def _sign(self, *, closing: bool = False) -> None:
        if self._notary:
            self._health.signed(await self._notary.look(closing=closing))

    async def _republish(self, request: int) -> None:
        await ensure_topology(self._nats, replicas=self._replicas)
        self._known = await refill(self._outbox, self._copy, self._progress)
        await self._outbox.finish(request, f"{self._known.sent} of {self._known.last_position} sent again")
        self._health.compared(self._known)

    async def _publish(self, events: Sequence[Outgoing], after: int) -> int:
        with ExitStack() as spans:
            for event in events:
                if event.traceparent and _is_sampled(event.traceparent):
                    spans.enter_context(_publish_span(event))
            return await self._copy.publish(events, after=after)


def _is_sampled(traceparent: str) -> bool:
    """The lowest bit of the W3C trace flags; others may be set beside it."""
    return int(traceparent[-2:], 16) & 1 == 1


def _publish_span(event: Outgoing) -> AbstractContextManager[object]:
    attributes = {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "messaging.destination.name": STREAM,
        "messaging.message.id": event.id,
    }
    return span(
        f"publish {event.name}",
        attributes,
        parent=event.traceparent,
        kind=SpanKind.PRODUCER,
        issue_id=event.stream if event.region else None,
        event=event.name,
        region=event.region,
    )


async def serve(settings: RelaySettings, stop: asyncio.Event) -> None:
    """Stand by, become the active relay, carry; again from the start when the database goes away. Returns when `stop` is set."""
    health = Health(settings.health_file)
    checkpoints = settings.signed_checkpoints
    writing = asyncio.create_task(write_every_second(health))
    nats = await connect(settings.nats_url.get_secret_value(), "relay")
    try:
        while not stop.is_set():
            try:
                async with await psycopg.AsyncConnection.connect(
                    libpq(settings.database_url.get_secret_value()), autocommit=True, application_name="relay", connect_timeout=5
                ) as connection:
                    outbox = Outbox(connection)
                    if await outbox.become_active():
                        notary = Notary(connection, checkpoints, settings.checkpoint_seconds) if checkpoints else None
                        await Relay(outbox, nats, health, replicas=settings.nats_replicas, notary=notary).run(stop)
                    else:
                        health.stands_by()
                        await asyncio.sleep(_STAND_BY)
            except psycopg.Error as error:
                health.waits_for("Postgres", error)
                await asyncio.sleep(_RETRY)
    finally:
        writing.cancel()
        await nats.close()


async def main() -> None:
    """Run until SIGTERM or SIGINT."""
    setup("relay")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(RelaySettings(), stop)  # pyright: ignore[reportCallIssue]


if __name__ == "__main__":
    run(main())
