"""Another system that reads the events, as NATS' observer, and judges what it was given: in the end every version of each issue, once.

Copies and events that overtake others are what it has to live with (at least once, in any order while faults strike).
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from nats.errors import Error as NatsError

from deploy.local.layout import Layout
from shared.messaging.api import JetStreamError, call
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.delivery import Delivery
from shared.messaging.pull import PullLoop
from shared.messaging.topology import STREAM
from tests.faults.work import rest

DURABLE = "integrator"

ANSWERS = 5.0
"""Seconds that a request to JetStream may take before it is made again."""

LOOK_EVERY = 2.0
"""Seconds between two looks at the durable."""


@dataclass
class Integrator:
    """Reads every event of the stream through a durable of its own, and finds its way back to it after every fault. Remembers what it read.

    Args:
        layout: tells where NATS is.
    """

    layout: Layout
    events: int = 0
    strange: int = 0
    """Messages that are no CloudEvent, which it puts aside."""
    _seen: dict[str, dict[int, tuple[str, str]]] = field(default_factory=dict[str, dict[int, tuple[str, str]]])
    _amiss: list[str] = field(default_factory=list[str])

    async def live(self, stop: asyncio.Event) -> None:
        """Read until `stop`."""
        nats = await connect(self.layout.nats_url("observer"), DURABLE)
        try:
            await asyncio.gather(PullLoop(DURABLE, nats, self._take).run(stop), _tend(nats, stop))
        finally:
            await nats.close()

    def amiss(self) -> list[str]:
        """What is wrong with all that was read so far; a gap may only mean that something is still on its way."""
        found = [*self._amiss]
        for stream, seen in self._seen.items():
            if missing := sorted(set(range(1, max(seen) + 1)) - set(seen)):
                found.append(f"{stream} was read up to version {max(seen)} without {missing}")
            for version, (_, before) in seen.items():
                if version - 1 in seen and seen[version - 1][0] != before:
                    found.append(f"{stream} version {version} does not continue the hash of the one before")
        return found

    async def _take(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            try:
                event = json.loads(delivery.body)
                stream, version = str(event["subject"]), int(event["streamversion"])
                hashes = str(event["hash"]), str(event.get("prevhash", ""))
            except (ValueError, KeyError):
                self.strange += 1
            else:
                self.events += 1
                if self._seen.setdefault(stream, {}).setdefault(version, hashes) != hashes:
                    self._amiss.append(f"{stream} has two events of version {version}")
            await delivery.ack()


async def _tend(nats: NatsConnection, stop: asyncio.Event) -> None:
    """Make the durable, and again when it is gone with JetStream's files: it then starts from the beginning, and repeats are known."""
    config = {"durable_name": DURABLE, "name": DURABLE, "deliver_policy": "all", "ack_policy": "explicit", "max_ack_pending": 1000}
    while not stop.is_set():
        # An error is NATS' or JetStream's absence, which the loop lives through by itself.
        with suppress(NatsError, JetStreamError):
            # Creating one that is there with the same settings changes nothing.
            await call(nats, f"CONSUMER.CREATE.{STREAM}.{DURABLE}", {"stream_name": STREAM, "config": config}, timeout=ANSWERS)
        await rest(stop, LOOK_EVERY)
