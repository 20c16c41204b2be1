"""JetStream in memory: one stream, durable pull consumers. Mirrors shared.eventlog.copy and .topology.

What is handed out and not acknowledged within `ack_wait` comes again.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from nats.errors import TimeoutError as NatsTimeout

from shared.eventlog.copy import State, Stored, StreamCopy
from shared.eventlog.outbox import Outgoing
from shared.messaging.api import DUPLICATE_IN_BATCH, JetStreamError
from tests.faults.simulator.loop import MICROSECONDS, Loop

ACK_WAIT, WINDOW = 30.0, 120.0
"""Seconds: as shared.messaging.topology has them."""
WRONG_LAST_SEQUENCE = 10071
DURABLES = ("routing", "timers", "tracking", "notify")
"""Intake's consumer has no effect that an invariant here looks at."""


@dataclass
class Durable:
    """A durable consumer: what comes next, what is out, what is to come again."""

    name: str
    cursor: int = 0
    out: dict[int, int] = field(default_factory=dict[int, int])
    again: list[int] = field(default_factory=list[int])


class Pulls(Protocol):
    """A consumer's process that asks for messages."""

    def kick(self) -> None:
        """There may be some."""
        ...


class Bus:
    """The server."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.away = False
        self.chaos = 0.0
        self.messages: dict[int, Stored] = {}
        self.last = 0
        self.exists = False
        self.ids: dict[str, int] = {}
        self.window = WINDOW
        self.durables: dict[str, Durable] = {}
        self.pullers: list[Pulls] = []
        self.damaged: Callable[[], None] = lambda: None

    def check(self) -> None:
        """Raises what nats-py raises when nobody answers."""
        if self.away:
            raise NatsTimeout

    def offer(self) -> None:
        """Whoever waits for messages gets them."""
        for puller in self.pullers:
            puller.kick()

    def take(self, name: str, most: int) -> list[Stored]:
        """The next messages of a durable: those that come again first."""
        durable = self.durables.get(name)
        if durable is None or self.away:
            return []
        sequences = sorted(durable.again)[:most]
        durable.again = [each for each in durable.again if each not in sequences]
        while len(sequences) < most and durable.cursor < self.last:
            durable.cursor += 1
            if durable.cursor in self.messages:
                sequences.append(durable.cursor)
        for each in sequences:
            durable.out[each] = self.loop.now
        if sequences:
            handed = self.loop.now
            self.loop.after(ACK_WAIT, lambda: self._unacknowledged(durable, sequences, handed))
        return [self.messages[each] for each in sequences if each in self.messages]

    def _unacknowledged(self, durable: Durable, sequences: Sequence[int], handed: int) -> None:
        late = [each for each in sequences if durable.out.get(each) == handed and each in self.messages]
        for each in late:
            self.come_again(durable, each)
        if late:
            self.offer()

    def come_again(self, durable: Durable, sequence: int) -> None:
        """A message that was not acknowledged."""
        durable.out.pop(sequence, None)
        if sequence not in durable.again and sequence in self.messages:
            durable.again.append(sequence)

    def empty(self) -> None:
        """Somebody purges the stream: sequences go on, consumers stay."""
        self.loop.tell("purged", "bus")
        self.messages.clear()
        self.damaged()

    def wipe(self) -> None:
        """The data folder is gone: stream and consumers do not exist any more."""
        self.loop.tell("wiped", "bus")
        self.messages.clear()
        self.durables.clear()
        self.ids.clear()
        self.last, self.exists = 0, False
        self.damaged()

    def truncate(self, count: int) -> None:
        """A power cut takes the end of the stream with it, and consumers know nothing beyond the new end."""
        self.loop.tell("truncated", "bus")
        for sequence in range(max(self.last - count, 0) + 1, self.last + 1):
            self.messages.pop(sequence, None)
        self.last = max(self.last - count, 0)
        kept = {message.id for message in self.messages.values()}
        self.ids = {each: at for each, at in self.ids.items() if each in kept}
        for durable in self.durables.values():
            durable.cursor = min(durable.cursor, self.last)
            durable.out = {each: at for each, at in durable.out.items() if each <= self.last}
            durable.again = [each for each in durable.again if each <= self.last]
        self.damaged()

    def backlog(self) -> dict[str, int]:
        """What each durable has not acknowledged."""
        return {
            name: sum(sequence > durable.cursor for sequence in self.messages) + len(durable.out) + len(durable.again)
            for name, durable in self.durables.items()
        }

    async def ensure_topology(self, nats: object, *, replicas: int = 1) -> None:
        """Mirrors `shared.messaging.topology.ensure_topology`."""
        await self.loop.step("topology")
        self.check()
        self.exists = True
        for name in DURABLES:
            self.durables.setdefault(name, Durable(name))

    async def durables_missing(self, nats: object) -> bool:
        """Mirrors `shared.messaging.topology.durables_missing`."""
        self.check()
        return set(self.durables) != set(DURABLES)


class SimulatedCopy(StreamCopy):
    """The stream as the relay writes it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def state(self) -> State:
        """As `StreamCopy.state`."""
        bus = self._bus
        bus.check()
        if not bus.exists:
            raise JetStreamError(10059, "stream not found")
        return State(min(bus.messages, default=bus.last + 1), bus.last, len(bus.messages))

    async def publish(self, events: Sequence[Outgoing], *, after: int) -> int:
        """As `StreamCopy.publish`: all or nothing, behind `after`."""
        bus = self._bus
        await bus.loop.step("publish")
        bus.check()
        if not bus.exists:
            raise JetStreamError(10059, "stream not found")
        if after != bus.last:
            raise JetStreamError(WRONG_LAST_SEQUENCE, "wrong last sequence")
        since = bus.loop.now - int(bus.window * MICROSECONDS)
        if any(event.id in bus.ids and bus.ids[event.id] >= since for event in events):
            raise JetStreamError(DUPLICATE_IN_BATCH, "batch holds a stored id")
        for event in events:
            bus.last += 1
            bus.messages[bus.last] = Stored(bus.last, event.id, event.subject, event.body)
            bus.ids[event.id] = bus.loop.now
        bus.offer()
        last = bus.last
        await bus.loop.step("published", lose=NatsTimeout)
        return last

    async def publish_again(self, events: Sequence[Outgoing], *, after: int) -> int:
        """As `StreamCopy.publish_again`."""
        while True:
            try:
                return await self.publish(events, after=after)
            except JetStreamError as error:
                if error.code != DUPLICATE_IN_BATCH:
                    raise
                await self._bus.loop.sleep(0.1)

    @asynccontextmanager
    async def ids_forgotten(self) -> AsyncIterator[None]:
        """As `StreamCopy.ids_forgotten`."""
        self._bus.window = 0.1
        try:
            yield
        finally:
            self._bus.window = WINDOW

    async def read(self, first: int, last: int) -> AsyncGenerator[list[Stored], None]:
        """As `StreamCopy.read`, in one portion."""
        self._bus.check()
        yield [self._bus.messages[each] for each in range(first, last + 1) if each in self._bus.messages]
