"""JetStream's copy of the log: written in atomic batches, each only if nobody else has written since; read by sequence."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout

from shared.eventlog.outbox import Outgoing
from shared.ids import new_id
from shared.messaging.api import DUPLICATE_IN_BATCH, NO_MESSAGE, JetStreamError, answer, call
from shared.messaging.connection import NatsConnection
from shared.messaging.topology import DUPLICATE_WINDOW, STREAM

BATCH = 500
"""Events of one atomic batch; JetStream allows 1,000."""
_TIMEOUT = 4.0
"""Seconds; a request that was lost with a connection is asked again after a comparison, so a short wait does no harm."""
_READ = 500
_SHORTEST_WINDOW = 100_000_000
"""Nanoseconds; the least that JetStream takes as `duplicate_window`."""
_TOLD_AGAIN = 20
"""Tries to store ids again after which the server is told the window once more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of the stream. `id` is its Nats-Msg-Id."""

    sequence: int
    id: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class State:
    """First and last sequence, and how many messages are between them."""

    first: int
    last: int
    messages: int


class StreamCopy:
    """The stream `HUIYIN`, as the relay writes it and a verifier reads it."""

    def __init__(self, nats: NatsConnection, *, stream: str = STREAM) -> None:
        self._nats = nats
        self._stream = stream

    async def state(self) -> State:
        """Where the stream stands."""
        found = (await call(self._nats, f"STREAM.INFO.{self._stream}"))["state"]
        return State(found["first_seq"], found["last_seq"], found["messages"])

    async def publish(self, events: Sequence[Outgoing], *, after: int) -> int:
        """Store `events` at once or not at all, right behind sequence `after`. Returns the last sequence.

        Raises:
            JetStreamError: refused: the stream does not end at `after`, or holds one of the ids.
            nats.errors.Error: no answer; they may be stored or not.
        """
        batch = {"Nats-Batch-Id": new_id()} if len(events) > 1 else {}
        for number, event in enumerate(events, 1):
            headers = {"Nats-Msg-Id": event.id, "content-type": "application/cloudevents+json"}
            if event.traceparent:
                headers["traceparent"] = event.traceparent
            if number == 1:
                headers["Nats-Expected-Last-Sequence"] = str(after)
            if batch:
                headers |= batch | {"Nats-Batch-Sequence": str(number)}
            if number < len(events):
                await self._nats.publish(event.subject, event.body, headers=headers)
                continue
            if batch:
                headers["Nats-Batch-Commit"] = "1"
            reply = answer((await self._nats.request(event.subject, event.body, timeout=_TIMEOUT, headers=headers)).data)
            return reply["seq"]
        return after

    async def publish_again(self, events: Sequence[Outgoing], *, after: int) -> int:
        """As `publish`, inside `ids_forgotten`: ids that the server still remembers are waited for.

        Now and then a server goes on remembering for the former window (seen under load, two minutes long); told again, it forgets.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self.publish(events, after=after)
            except JetStreamError as error:
                if error.code != DUPLICATE_IN_BATCH:
                    raise
            await asyncio.sleep(_SHORTEST_WINDOW / 1e9)
            if tries % _TOLD_AGAIN == 0:
                await self._remember_for(_SHORTEST_WINDOW + tries)

    async def purge(self) -> None:
        """Empty the stream; sequences go on counting, consumers stay."""
        await call(self._nats, f"STREAM.PURGE.{self._stream}", timeout=60)

    @asynccontextmanager
    async def ids_forgotten(self) -> AsyncIterator[None]:
        """Let events be stored again whose messages are gone: JetStream remembers ids for a while even after a purge."""
        await self._remember_for(_SHORTEST_WINDOW)
        try:
            yield
        finally:
            await self._remember_for(DUPLICATE_WINDOW)

    async def _remember_for(self, nanoseconds: int) -> None:
        config = (await call(self._nats, f"STREAM.INFO.{self._stream}"))["config"]
        await call(self._nats, f"STREAM.UPDATE.{self._stream}", config | {"duplicate_window": nanoseconds})

    async def read(self, first: int, last: int) -> AsyncGenerator[list[Stored], None]:
        """What is stored from sequence `first` to `last`, in portions; sequences that are gone are left out. Who stops early closes it."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        inbox = self._nats.new_inbox()
        subscription = await self._nats.subscribe(inbox, cb=arrived.put)  # pyright: ignore[reportUnknownMemberType]
        try:
            while first <= last:
                wish = json.dumps({"seq": first, "batch": min(_READ, last - first + 1)}).encode()
                await self._nats.publish(f"$JS.API.DIRECT.GET.{self._stream}", wish, reply=inbox)
                portion = await _portion(arrived)
                if not portion:
                    await self._refuse_if_held(last)
                    return
                first = portion[-1].sequence + 1
                yield [message for message in portion if message.sequence <= last]
        finally:
            await subscription.unsubscribe()

    async def _refuse_if_held(self, sequence: int) -> None:
        """Any server of a cluster answers a read, also one that is behind: what it lacks counts as gone only if the leader lacks it too.

        Raises `nats.errors.Error` if the leader has it; asked again, another server answers, or this one has caught up.
        """
        try:
            await call(self._nats, f"STREAM.MSG.GET.{self._stream}", {"seq": sequence})
        except JetStreamError as error:
            if error.code != NO_MESSAGE:
                raise
        else:
            raise NatsError(f"a server of the cluster does not hold {self._stream} up to {sequence} yet")


async def _portion(arrived: "asyncio.Queue[Msg]") -> list[Stored]:
    portion: list[Stored] = []
    while True:
        try:
            message = await asyncio.wait_for(arrived.get(), _TIMEOUT)
        except TimeoutError as error:
            raise NatsTimeout from error
        headers = message.headers or {}
        if "Nats-Sequence" not in headers:
            return portion
        body = Stored(int(headers["Nats-Sequence"]), headers.get("Nats-Msg-Id", ""), headers["Nats-Subject"], message.data)
        portion.append(body)
