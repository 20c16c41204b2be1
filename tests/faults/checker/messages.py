"""I2 between Postgres and JetStream: the same messages, byte for byte, once each, in the order of versions within an issue."""

from collections.abc import Collection, Sequence

import psycopg

from shared.eventlog.copy import Stored, StreamCopy
from tests.faults.checker.places import Places
from tests.faults.checker.reading import Seen
from tests.faults.checker.violation import Violation


async def judge(places: Places, seen: Seen) -> list[Violation]:
    """The stream as it stands a moment after the snapshot; events that were appended in between are the next check's."""
    if places.nats is None:
        return []
    async with places.observer() as nats:
        copy = StreamCopy(nats)
        state = await copy.state()
        stored = [message async for portion in copy.read(max(state.first, 1), state.last) for message in portion]
    younger = await _logged(places, {message.id for message in stored} - {event.id for event in seen.events})
    return compare(seen, stored, younger=younger, unread=state.messages - len(stored))


async def _logged(places: Places, ids: Collection[str]) -> frozenset[str]:
    """Those of `ids` that are in the log by now."""
    async with await psycopg.AsyncConnection.connect(places.database) as connection:
        rows = await connection.execute("SELECT id::text FROM log.events WHERE id::text = ANY (%s)", (list(ids),))
        return frozenset([row[0] async for row in rows])


def compare(seen: Seen, stored: Sequence[Stored], *, younger: Collection[str] = (), unread: int = 0) -> list[Violation]:
    """What differs between the log and the messages.

    Args:
        seen: the log as it was.
        stored: the messages, as they are.
        younger: ids of events that were appended since.
        unread: messages that the stream counts and does not give out.
    """
    found: list[Violation] = []
    if unread > 0:
        found.append(Violation("I2", "HUIYIN", f"{unread} messages cannot be read"))
    known = {event.id: event for event in seen.events}
    reached: dict[str, int] = {}
    taken: set[str] = set()
    for message in stored:
        where = f"sequence {message.sequence}"
        event = known.get(message.id)
        if event is None:
            if message.id not in younger:
                found.append(Violation("I2", where, f"{message.id or 'a message without id'} is not in the log"))
            continue
        if message.id in taken:
            found.append(Violation("I2", where, f"event {event.id} is in the stream a second time"))
        taken.add(message.id)
        if message.body != event.body.encode():
            found.append(Violation("I2", where, f"differs from event {event.id} of the log"))
        if event.version != reached.get(event.stream, 0) + 1:
            found.append(Violation("I2", event.stream, f"{where}: version {event.version} follows {reached.get(event.stream, 0)}"))
        reached[event.stream] = event.version
        if (wanted := _subject(event.type, event.region)) != message.subject:
            found.append(Violation("I2", where, f"is on subject {message.subject}, not {wanted}"))
    for position, event, _ in seen.published:
        if event not in taken:
            found.append(Violation("I2", f"position {position}", f"event {event} was published and is not in the stream"))
    return found


def _subject(type_name: str, region: str | None) -> str:
    """contract.md: of issues the region's digits as 2.2.2.3.3, then the event's name."""
    _, aggregate, name, _ = type_name.split(".")
    if aggregate != "issue" or region is None:
        return f"huiyin.{aggregate}.{name}"
    parts = region[:2], region[2:4], region[4:6], region[6:9], region[9:]
    return ".".join(("huiyin", aggregate, *parts, name))
