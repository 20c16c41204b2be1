"""Deliveries and the loops that ask for them. Mirrors shared.messaging.pull and .delivery.

Verdicts get lost; batches get lost, come twice, late and in another order.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from nats.errors import Error as NatsError

from shared.eventlog.copy import Stored
from tests.faults.simulator.bus import Bus
from tests.faults.simulator.loop import Process

RETRY_AFTER = 1.0
"""Seconds: `retry_after` of the subscriber."""

HandleBatch = Callable[[Sequence["SimulatedDelivery"]], Awaitable[None]]


class SimulatedDelivery:
    """A message with its four verdicts, each of which can be lost."""

    def __init__(self, bus: Bus, durable: str, message: Stored, stored_at: datetime) -> None:
        self._bus, self._durable = bus, durable
        self.subject, self.body, self.sequence = message.subject, message.body, message.sequence
        self.stored_at, self.pending = stored_at, 0
        self.settled = False

    async def ack(self) -> None:
        """Done."""
        self.settled = True
        self._noted()

    def _noted(self) -> None:
        durable = self._bus.durables.get(self._durable)
        if durable is not None and not self._bus.away:
            durable.out.pop(self.sequence, None)
            if self.sequence in durable.again:
                durable.again.remove(self.sequence)

    async def ack_sync(self) -> None:
        """Done, and known to be."""
        self.settled = True
        try:
            await self._bus.loop.step("ack", lose=NatsError)
        except NatsError:
            return  # as `Delivery`: a lost verdict only means that the message comes again
        self._noted()

    async def nak(self, delay: float = 0) -> None:
        """Not now."""
        self.settled = True
        bus, durable = self._bus, self._bus.durables.get(self._durable)
        if durable is None or bus.away:
            return

        def again() -> None:
            if self.sequence in durable.out:
                bus.come_again(durable, self.sequence)
                bus.offer()

        bus.loop.after(delay, again)

    async def term(self) -> None:
        """Never again."""
        await self.ack()


class Puller:
    """`PullLoop` of one process: one batch at a time."""

    def __init__(self, bus: Bus, process: Process, durable: str, handle: HandleBatch) -> None:
        self._bus, self._process, self._durable, self._handle = bus, process, durable, handle
        self._busy = False
        bus.pullers.append(self)
        process.on_death.append(lambda: bus.pullers.remove(self))
        self.kick()

    def kick(self) -> None:
        """There may be messages."""
        if not self._busy and self._process.alive:
            self._busy = True
            self._bus.loop.spawn(self._process, self._run(), f"pull {self._durable}")

    async def _run(self) -> None:
        loop = self._bus.loop
        chance = loop.random
        while messages := self._bus.take(self._durable, chance.choice((1, 3, 20))):
            await loop.step("deliver")
            deliveries = [SimulatedDelivery(self._bus, self._durable, message, loop.instant) for message in messages]
            if self._bus.chaos and chance.random() < self._bus.chaos:
                deliveries = await self._disturbed(deliveries)
            try:
                await self._handle(deliveries)
            except Exception as error:
                loop.tell("failed", f"{self._durable} on a batch: {type(error).__name__}")
            for delivery in deliveries:
                if not delivery.settled:
                    await delivery.nak(RETRY_AFTER)
        self._busy = False

    async def _disturbed(self, deliveries: list[SimulatedDelivery]) -> list[SimulatedDelivery]:
        chance = self._bus.loop.random
        what = chance.choice(("lost", "twice", "reordered", "late"))
        self._bus.loop.tell(what, self._durable)
        match what:
            case "lost":
                return [each for each in deliveries if chance.random() < 0.5]
            case "twice":
                return [*deliveries, *deliveries]
            case "reordered":
                chance.shuffle(deliveries)
            case _:
                await self._bus.loop.sleep(chance.uniform(1, 40))
        return deliveries
