"""Messages that ought not to be there: poison, copies of old events, events that overtake their predecessors.

Nobody but the relay may publish; these come under its user, as from a relay that has gone mad.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import psycopg
from nats.errors import Error as NatsError

from deploy.local.postgres import superuser_url
from shared.contracts.envelope import seal
from shared.contracts.intake import IssueRaised
from shared.database import Database
from shared.eventlog.copy import Stored, StreamCopy
from shared.ids import new_id
from shared.messaging.api import JetStreamError, answer
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.deadletters import DeadLetter, DeadLetters
from shared.messaging.subjects import subject
from tests.faults.injectors.base import NotStruck, Target, mended, part_names
from tests.support.events import bodies, example
from tests.support.waiting import eventually

CONSUMERS: Mapping[str, str] = {"intake": "intake", "routing": "routing-worker", "tracking": "tracking", "notify": "notify"}
"""Consumers that keep dead letters → the part that they live in. (`timers` leaves poison to `routing`.)"""

TAKEN_WITHIN = 60.0
"""Seconds in which every consumer has put poison aside (I7)."""
_ANSWERS = 10.0


@asynccontextmanager
async def _relay(stack: Target) -> AsyncIterator[NatsConnection]:
    """NATS as the relay. Raises `NotStruck` when NATS, or Postgres for those who ask it in the block, goes away."""
    nats = None
    try:
        nats = await asyncio.wait_for(connect(stack.layout.nats_url("relay"), "fault"), _ANSWERS)
        yield nats
    except (NatsError, JetStreamError, psycopg.OperationalError, OSError, TimeoutError) as error:
        raise NotStruck(f"{type(error).__name__}: {error}") from error
    finally:
        if nats is not None:
            await nats.close()


async def _published(nats: NatsConnection, subject: str, body: bytes, *, message_id: str | None) -> bool:
    """Whether JetStream stored it; false where it knew the id."""
    headers = {"Nats-Msg-Id": message_id} if message_id else None
    reply = answer((await nats.request(subject, body, timeout=_ANSWERS, headers=headers)).data)
    return not reply.get("duplicate")


async def _some(nats: NatsConnection, rng: random.Random, most: int) -> list[Stored]:
    """Messages that stand side by side in the stream."""
    copy = StreamCopy(nats)
    state = await copy.state()
    if state.messages == 0:
        return []
    first = rng.randint(max(state.first, 1), state.last)
    return [message async for portion in copy.read(first, min(first + most - 1, state.last)) for message in portion]


@dataclass(frozen=True)
class _Bad:
    subject: str
    body: bytes


def _poison() -> dict[str, _Bad]:
    """Bytes that no consumer can take, each of an issue that is not there."""

    def event(type_name: str | None = None, /, **data: object) -> _Bad:
        """A sealed event whose type or data no contract knows."""
        envelope = orjson.loads(bodies(example(IssueRaised), stream=new_id())[0])
        envelope.pop("hash")
        envelope["type"] = type_name or envelope["type"]
        envelope["data"] |= data
        return _Bad(f"huiyin.issue.33.01.82.104.228.{envelope['type'].split('.')[2]}", seal(envelope)[0])

    return {
        "bad JSON": _Bad("huiyin.issue.33.01.82.104.228.IssueRaised", b'{"specversion": "1.0", "id": "' + new_id().encode()),
        "no text at all": _Bad("huiyin.issue.33.01.82.104.228.IssueRaised", b"\x00\xff\xfe" + new_id().encode()),
        "an unknown type": event("huiyin.issue.Teleported.v1"),
        "an unknown version": event("huiyin.issue.IssueRaised.v9"),
        "data against the contract": event(None, priority="enormous"),
    }


class Poison:
    """Messages that no consumer can take: each puts them aside once and goes on; an operator discards them.

    Args:
        consumers: which run on this stack; None for all.
    """

    name = "poison"

    def __init__(self, consumers: Sequence[str] | None = None) -> None:
        self.told = ""
        self._consumers = consumers
        self._tried: list[bytes] = []
        self._sent: list[bytes] = []

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Publish one of each kind, in any order."""
        kinds = list(_poison().items())
        rng.shuffle(kinds)
        async with _relay(stack) as nats:
            for _, bad in kinds:
                self._tried.append(bad.body)
                assert await _published(nats, bad.subject, bad.body, message_id=rng.choice((new_id(), None)))
                self._sent.append(bad.body)
        self.told = f"poison: {', '.join(kind for kind, _ in kinds)}"

    async def heal(self, stack: Target) -> None:
        """See that each consumer put each aside once; discard them; take them out of the stream."""
        if not self._tried:
            return
        for consumer in self._consumers or [name for name, part in CONSUMERS.items() if part in part_names(stack)]:
            await self._discard(stack, consumer)
        self._tried, self._sent = [], []
        await mended(stack, "events", "republish")

    async def _discard(self, stack: Target, consumer: str) -> None:
        database = Database(stack.layout.database_url(consumer), pool_size=1)
        letters = DeadLetters(database)

        async def ours() -> list[DeadLetter]:
            return [letter for letter in await letters.open() if letter.body in self._tried]

        async def all_aside() -> bool:
            return {letter.body for letter in await ours()} >= {*self._sent}

        async def none_open() -> bool:
            return not await ours()

        try:
            await eventually(all_aside, seconds=TAKEN_WITHIN, every=0.2)
            found = await ours()
            assert len({letter.body for letter in found}) == len(found), f"{consumer} put the same message aside twice"
            for letter in found:
                await letters.discard(letter.id, by="faults", reason="poison that a fault schedule planted")
            await eventually(none_open, seconds=TAKEN_WITHIN, every=0.2)
        finally:
            await database.close()


class Copies:
    """Old events come once more: with their own id while JetStream remembers it, under another, without any. Watermarks skip them."""

    name = "copies"

    def __init__(self) -> None:
        self.told = ""
        self._tried = False

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Publish up to 20 neighbours again."""
        async with _relay(stack) as nats:
            messages = await _some(nats, rng, rng.randint(1, 20))
            self._tried, stored = bool(messages), 0
            for message in messages:
                stored += await _published(nats, message.subject, message.body, message_id=rng.choice((message.id, new_id(), None)))
        self.told = f"{len(messages)} copies, {stored} of them stored"

    async def heal(self, stack: Target) -> None:
        """Take them out of the stream."""
        if self._tried:
            self._tried = False
            await mended(stack, "events", "republish")


class Reordered:
    """Events overtake their predecessors: copies come in reverse order, before the relay has sent the events themselves where any wait."""

    name = "reordered"

    def __init__(self) -> None:
        self.told = ""
        self._tried = False

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Publish what waits in the outbox, or else the stream's last events, the last one first, under other ids."""
        async with _relay(stack) as nats, await psycopg.AsyncConnection.connect(superuser_url(stack.layout, "huiyin")) as log:
            rows = await (await log.execute(_LAST_FIRST)).fetchall()
            self._tried = bool(rows)
            for type_name, region, body in rows:
                await _published(nats, subject(type_name, region), body.encode(), message_id=new_id())
        self.told = f"{len(rows)} events in reverse order"

    async def heal(self, stack: Target) -> None:
        """Take them out of the stream."""
        if self._tried:
            self._tried = False
            await mended(stack, "events", "republish")


_LAST_FIRST = (
    "SELECT e.type, e.region, e.body FROM log.events AS e LEFT JOIN log.published AS p USING (id) LEFT JOIN log.outbox AS o USING (id)"
    " ORDER BY o.position DESC NULLS LAST, p.position DESC LIMIT 20"
)
