"""The relay: everything once, in order, whatever is killed or lost (decision 3)."""

import asyncio
import json
import random
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from shared.contracts.envelope import parse
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import ProgressReported
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.eventlog.bell import libpq
from shared.eventlog.copy import Stored, StreamCopy
from shared.eventlog.outbox import Outbox
from shared.ids import new_id
from shared.messaging.api import call
from shared.messaging.connection import NatsConnection
from shared.messaging.topology import durables_missing, ensure_topology
from tests.integration.eventlog.harness import (
    RelayProcess,
    acting_as,
    append,
    connected,
    everything_published,
    relaying,
    rows,
    stored,
    until,
)
from tests.support.events import MONDAY, VILLAGE, example
from tests.support.servers import NatsAddress, StackDatabase

NOTE = example(ProgressReported)


async def _story(database: StackDatabase, issues: int, notes: int) -> list[str]:
    """Issues with their raising and some notes, interleaved."""
    streams = [new_id() for _ in range(issues)]
    async with acting_as(database, "intake") as intake, acting_as(database, "routing") as routing:
        for stream in streams:
            await append(intake, "intake", stream, example(IssueRaised))
        for _ in range(notes):
            for stream in streams:
                await append(routing, "routing", stream, NOTE)
    return streams


def _published(database: StackDatabase) -> list[tuple[str, bytes]]:
    found = rows(database, "SELECT e.id::text, e.body FROM log.published JOIN log.events AS e USING (id) ORDER BY position")
    return [(event_id, body.encode()) for event_id, body in found]


async def _complete(database: StackDatabase, connection: NatsConnection) -> list[Stored]:
    """Wait until the outbox is empty; the stream must then hold the published order, byte for byte."""
    await until(lambda: everything_published(database))
    messages = await stored(connection)
    assert [(message.id, message.body) for message in messages] == _published(database)
    return messages


async def test_events_arrive_as_the_log_holds_them(stack_database: StackDatabase, nats: NatsAddress, tmp_path: Path) -> None:
    (issue,) = await _story(stack_database, issues=1, notes=2)
    health = tmp_path / "relay.health"
    async with connected(nats) as connection:
        async with relaying(stack_database, nats, health):
            messages = await _complete(stack_database, connection)

            async def told() -> bool:
                return health.exists() and json.loads(health.read_text())["published"] == 3

            await until(told)
        reply = await connection.request("$JS.API.DIRECT.GET.HUIYIN", b'{"seq":1}')
    assert [message.subject for message in messages] == [
        "huiyin.issue.33.01.82.104.228.IssueRaised",
        *["huiyin.issue.33.01.82.104.228.ProgressReported"] * 2,
    ]
    assert [(parse(message.body).stream, parse(message.body).version) for message in messages] == [(issue, 1), (issue, 2), (issue, 3)]
    assert reply.headers
    assert reply.headers["content-type"] == "application/cloudevents+json"
    assert reply.headers["Nats-Msg-Id"] == messages[0].id
    assert json.loads(health.read_text())["healthy"] is True


async def test_a_second_relay_stands_by_and_takes_over(stack_database: StackDatabase, nats: NatsAddress, tmp_path: Path) -> None:
    health = tmp_path / "second.health"

    async def says(detail: str) -> bool:
        return health.exists() and json.loads(health.read_text())["detail"] == detail

    async with connected(nats) as connection, AsyncExitStack() as first:
        await first.enter_async_context(relaying(stack_database, nats))
        await _story(stack_database, issues=1, notes=0)
        await until(lambda: everything_published(stack_database))
        async with relaying(stack_database, nats, health):
            await until(lambda: says("standby"))
            await first.aclose()
            await _story(stack_database, issues=1, notes=0)
            await _complete(stack_database, connection)
            await until(lambda: says("active"))


@pytest.mark.slow
async def test_appenders_that_collide_and_a_relay_that_is_killed(stack_database: StackDatabase, nats: NatsAddress) -> None:
    """16 writers on 12 hot issues: they write early, sleep, collide, roll back; the relay dies by kill -9 all the while."""
    chance = random.Random(20261122)
    async with acting_as(stack_database, "intake") as intake, acting_as(stack_database, "routing", pool_size=16) as routing:
        issues = [new_id() for _ in range(12)]
        for issue in issues:
            await append(intake, "intake", issue, example(IssueRaised))
        writing = asyncio.gather(*(_writer(routing, issues, random.Random(seed)) for seed in range(16)))
        kills = 0
        relay = RelayProcess(stack_database, nats)
        async with connected(nats) as connection:
            try:
                while not writing.done():
                    relay.start()
                    await until(lambda before=_moved(stack_database): _moved_on(stack_database, before))
                    await asyncio.wait({writing}, timeout=chance.uniform(0, 0.3))
                    relay.kill()
                    kills += 1
                written = sum(await writing)
                relay.start()
                messages = await _complete(stack_database, connection)
            finally:
                relay.kill()
    assert kills >= 3
    assert len(messages) == written + len(issues)
    assert len({message.id for message in messages}) == len(messages)
    for issue in issues:
        assert [e.version for message in messages if (e := parse(message.body)).stream == issue] == list(
            range(1, 1 + sum(parse(message.body).stream == issue for message in messages))
        )
    assert [position for (position,) in rows(stack_database, "SELECT position FROM log.published ORDER BY position")] == list(
        range(1, len(messages) + 1)
    )


def _moved(database: StackDatabase) -> int:
    return rows(database, "SELECT count(*) FROM log.published")[0][0]


async def _moved_on(database: StackDatabase, before: int) -> bool:
    return _moved(database) > before or await everything_published(database)


async def _writer(database: Database, issues: list[str], chance: random.Random) -> int:
    """Returns how many events it committed."""
    log = EventLog("/huiyin/routing")
    committed = 0
    for _ in range(25):
        issue = chance.choice(issues)
        count = chance.randint(1, 3)
        try:
            async with database.transaction() as session:
                head = (await log.load(session, issue)).head
                await asyncio.sleep(chance.uniform(0, 0.02))
                await log.append(
                    session, issue, [NOTE] * count, after=head, now=MONDAY, region=VILLAGE, correlation_id="c", causation_id=None
                )
                await asyncio.sleep(chance.uniform(0, 0.1))
                if chance.random() < 0.2:
                    raise RolledBack
        except (ConcurrentAppend, RolledBack):
            continue
        committed += count
    return committed


class RolledBack(Exception):
    pass


async def test_a_crash_between_publishing_and_moving_sends_nothing_twice(stack_database: StackDatabase, nats: NatsAddress) -> None:
    await _story(stack_database, issues=3, notes=1)
    async with connected(nats) as connection:
        async with await psycopg.AsyncConnection.connect(libpq(stack_database.url("relay")), autocommit=True) as database:
            events = await Outbox(database).waiting(4)
        await StreamCopy(connection).publish(events, after=0)
        await _forget_ids(connection)  # as after an outage that is longer than the duplicate window
        async with relaying(stack_database, nats):
            messages = await _complete(stack_database, connection)
    assert len(messages) == 6
    assert [message.id for message in messages[:4]] == [event.id for event in events]


async def _forget_ids(connection: NatsConnection) -> None:
    async with StreamCopy(connection).ids_forgotten():
        await asyncio.sleep(0.3)


@pytest.mark.parametrize("keep", [0, 3])
async def test_what_the_stream_lost_at_its_end_is_sent_again(stack_database: StackDatabase, nats: NatsAddress, keep: int) -> None:
    await _story(stack_database, issues=3, notes=1)
    async with connected(nats) as connection:
        async with relaying(stack_database, nats):
            before = await _complete(stack_database, connection)
        await call(connection, "STREAM.DELETE.HUIYIN")
        await ensure_topology(connection)
        async with await psycopg.AsyncConnection.connect(libpq(stack_database.url("relay")), autocommit=True) as database:
            await StreamCopy(connection).publish(await Outbox(database).published(0, keep), after=0)
        async with relaying(stack_database, nats):
            await until(lambda: _holds(connection, 6))
        assert [(m.id, m.subject, m.body) for m in await stored(connection)] == [(m.id, m.subject, m.body) for m in before]


async def _holds(connection: NatsConnection, count: int) -> bool:
    reply = json.loads((await connection.request("$JS.API.STREAM.INFO.HUIYIN")).data)
    return reply.get("state", {}).get("messages") == count


async def test_a_stream_that_vanishes_under_the_relay_is_filled_again(stack_database: StackDatabase, nats: NatsAddress) -> None:
    async with connected(nats) as connection, relaying(stack_database, nats):
        await _story(stack_database, issues=2, notes=1)
        await _complete(stack_database, connection)
        await call(connection, "STREAM.DELETE.HUIYIN")
        await _story(stack_database, issues=1, notes=0)
        await until(lambda: _holds(connection, 5))
        await _complete(stack_database, connection)


async def test_a_durable_that_was_removed_is_made_again(stack_database: StackDatabase, nats: NatsAddress) -> None:
    async def present() -> bool:
        return not await durables_missing(connection)

    async with connected(nats) as connection, relaying(stack_database, nats):
        await _story(stack_database, issues=1, notes=0)
        await until(lambda: everything_published(stack_database))  # so the relay has begun, and made what it found missing
        await call(connection, "CONSUMER.DELETE.HUIYIN.notify")
        await until(present)


async def test_republish_fills_an_emptied_or_damaged_stream(stack_database: StackDatabase, nats: NatsAddress) -> None:
    await _story(stack_database, issues=3, notes=2)
    async with connected(nats) as connection, relaying(stack_database, nats):
        before = await _complete(stack_database, connection)
        await call(connection, "STREAM.PURGE.HUIYIN", {"keep": 4})
        assert await _republish(stack_database) == "9 of 9 sent again"
        after = await _complete(stack_database, connection)
        assert await _republish(stack_database) == "0 of 9 sent again"
        await call(connection, "STREAM.PURGE.HUIYIN")
        await _republish(stack_database)
        again = await _complete(stack_database, connection)
    assert [m.id for m in before] == [m.id for m in after] == [m.id for m in again]


async def _republish(database: StackDatabase) -> str:
    with psycopg.connect(libpq(database.url("operator")), autocommit=True) as connection:
        connection.execute("INSERT INTO log.republications (requested_by) VALUES ('test')")

    async def outcome() -> str | None:
        return rows(database, "SELECT outcome FROM log.republications ORDER BY id DESC LIMIT 1")[0][0]

    return await until(outcome)
