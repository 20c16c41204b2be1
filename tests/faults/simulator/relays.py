"""The relay's processes: the product's `Relay` and `catch_up`, a step at a time, over the simulated log and stream."""

from typing import Any, cast

import psycopg
from nats.errors import Error as NatsError

from shared.eventlog.health import Health
from shared.eventlog.outbox import Outbox, Outgoing
from shared.eventlog.relay import Relay
from shared.messaging.api import JetStreamError
from tests.faults.simulator.alarm import Alarm
from tests.faults.simulator.bus import SimulatedCopy
from tests.faults.simulator.loop import Process
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.store import Away, Logged, Store, moved


class StoreOutbox(Outbox):
    """The relay's side of the log's tables."""

    def __init__(self, store: Store, process: Process) -> None:
        self._store, self._process = store, process
        self._lost = False
        process.on_silence.append(self._silent)

    def _silent(self) -> None:
        """`idle_session_timeout`: the server ends the connection of a relay that asks nothing, and with it the lock."""
        self._lost = True
        if self._store.relay is self._process:
            self._store.relay = None

    def check(self) -> None:
        """Raises `Away` where the connection was ended."""
        self._store.check()
        if self._lost:
            self._lost = False
            raise Away("terminating connection due to idle-session timeout")

    async def become_active(self) -> bool:
        """The advisory lock: whose process dies loses it."""
        self.check()
        if self._store.relay is None:
            self._store.relay = self._process
            self._process.on_death.append(self._give_up)
        return self._store.relay is self._process

    def _give_up(self) -> None:
        if self._store.relay is self._process:
            self._store.relay = None

    async def waiting(self, limit: int) -> list[Outgoing]:
        """The first events of the outbox."""
        await self._store.loop.step("outbox")
        self.check()
        return [_outgoing(each) for each in list(self._store.outbox.values())[: min(limit, 20)]]

    async def move(self, ids: Any) -> int:
        """`log.move`."""
        await self._store.loop.step("move")
        self.check()
        position = moved(self._store, ids)
        await self._store.loop.step("moved", lose=lambda: Away("the answer is lost"))
        return position

    async def last_position(self) -> int:
        """How many events were published."""
        self.check()
        return len(self._store.published)

    async def published(self, after: int, limit: int) -> list[Outgoing]:
        """Published events behind a position."""
        self.check()
        return [_outgoing(each) for each in self._store.published[after : after + limit]]

    async def positions(self, ids: Any) -> dict[str, int | None]:
        """Where these events stand."""
        self.check()
        return {each: self._store.position.get(each) for each in ids if each in self._store.by_id}

    async def lag(self) -> tuple[int, float]:
        """Not looked at."""
        return len(self._store.outbox), 0.0

    async def requested(self) -> int | None:
        """No operator asks."""
        return None


def _outgoing(logged: Logged) -> Outgoing:
    event = logged.event
    return Outgoing(event.id, event.stream, event.data.type_name(), event.region, logged.body.encode())


class RelayProcess(Relay):
    """The product's relay, a step at a time."""

    def __init__(self, cell: Cell, process: Process) -> None:
        super().__init__(StoreOutbox(cell.store, process), cast(Any, None), Health(None))
        self._copy = SimulatedCopy(cell.bus)
        self._cell = cell
        self.alarm = Alarm(cell.loop, process, self._carry, "relay")
        cell.relays.append(self)
        process.on_death += [lambda: cell.relays.remove(self), self._others]
        self.alarm.set(0)

    def _others(self) -> None:
        for relay in self._cell.relays:
            relay.alarm.set(0.5)

    async def _carry(self) -> None:
        """As `Relay.run` and `serve`: on until nothing waits; any error of NATS or the database clears what is known."""
        try:
            if await self._outbox.become_active():
                while await self._step():
                    pass
        except (NatsError, JetStreamError) as error:
            self._doubt(error)
        except psycopg.OperationalError as error:
            self._doubt(error)

    def _doubt(self, error: Exception) -> None:
        self._known = None
        self._cell.loop.tell("doubts", type(error).__name__)
        self.alarm.set(0.5)
