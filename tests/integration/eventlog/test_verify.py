"""The verifier finds what was planted: in the log, in the published order, in JetStream (invariant I2, bit rot)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from deploy.commands import dead_letters, events
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, ProgressReported
from shared.eventlog.bell import libpq
from shared.eventlog.copy import StreamCopy
from shared.eventlog.outbox import Outbox, Outgoing
from shared.eventlog.verify import Phase, Report, Verifier
from shared.ids import new_id
from shared.messaging.api import call
from shared.messaging.connection import NatsConnection
from shared.messaging.topology import ensure_topology
from tests.integration.eventlog.harness import acting_as, append, connected, everything_published, relaying, rows, until
from tests.support.events import example
from tests.support.servers import NatsAddress, StackDatabase


@pytest.fixture
async def told(stack_database: StackDatabase, nats: NatsAddress) -> tuple[str, ...]:
    """Three issues with three events each, published; the issues' ids."""
    issues = tuple(sorted(new_id() for _ in range(3)))
    async with (
        acting_as(stack_database, "intake") as intake,
        acting_as(stack_database, "routing") as routing,
        relaying(stack_database, nats),
    ):
        for issue in issues:
            await append(intake, "intake", issue, example(IssueRaised))
            await append(routing, "routing", issue, example(Assigned), example(ProgressReported))
        await until(lambda: everything_published(stack_database))
    return issues


def unseen(phase: Phase, done: int, total: int) -> None:
    """Progress that nobody watches."""


async def verified(database: StackDatabase, nats: NatsAddress) -> Report:
    async with (
        await psycopg.AsyncConnection.connect(libpq(database.url("operator")), autocommit=True) as log,
        connected(nats, "observer") as observer,
    ):
        return await Verifier(log, StreamCopy(observer), unseen).run()


async def test_a_sound_log_is_clean(stack_database: StackDatabase, nats: NatsAddress, told: tuple[str, ...]) -> None:
    report = await verified(stack_database, nats)
    assert report == Report(events=9, streams=3, published=9, messages=9)


IN_POSTGRES = {
    "a changed body": "UPDATE log.events SET body = replace(body, 'Assigned.v1', 'Assigned.v2') WHERE stream = %s AND version = 2",
    "a changed column": "UPDATE log.events SET type = 'huiyin.issue.Closed.v1' WHERE stream = %s AND version = 2",
    "a rewritten hash": "UPDATE log.events SET hash = repeat('0', 64) WHERE stream = %s AND version = 2",
    "an event cut out": "DELETE FROM log.events WHERE stream = %s AND version = 2",
    "an event cut off": "DELETE FROM log.events WHERE stream = %s AND version = 3",
    "a head that lags": "UPDATE log.streams SET version = 2 WHERE stream = %s",
    "a stream without a head": "DELETE FROM log.streams WHERE stream = %s",
    "a whole issue removed": "WITH heads AS (DELETE FROM log.streams WHERE stream = %s RETURNING stream)"
    " DELETE FROM log.events USING heads WHERE events.stream = heads.stream",
    "a position left out": "UPDATE log.published SET position = position + 100 WHERE id IN"
    " (SELECT id FROM log.events WHERE stream > %s) AND position = (SELECT max(position) FROM log.published)",
    "a broken total chain": "UPDATE log.published SET chain = repeat('0', 64) FROM log.events AS e"
    " WHERE e.id = published.id AND e.stream = %s",
    "an event that nobody publishes": "DELETE FROM log.published USING log.events AS e WHERE e.id = published.id AND e.stream = %s",
}


@pytest.mark.parametrize("damage", IN_POSTGRES.values(), ids=IN_POSTGRES.keys())
async def test_damage_in_postgres_is_found(stack_database: StackDatabase, nats: NatsAddress, told: tuple[str, ...], damage: str) -> None:
    with psycopg.connect(stack_database.superuser, autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")  # neither triggers nor foreign keys: as an edited file would
        assert superuser.execute(damage.encode(), [told[0]]).rowcount > 0
    assert not (await verified(stack_database, nats)).clean


@dataclass(frozen=True)
class Stream:
    """What the tests below refill the stream with."""

    relay: NatsConnection
    events: list[Outgoing]

    async def holds(self, *events: Outgoing) -> None:
        await call(self.relay, "STREAM.DELETE.HUIYIN")
        await ensure_topology(self.relay)
        await StreamCopy(self.relay).publish(events, after=0)


async def _lost_at_the_end(stream: Stream) -> None:
    await stream.holds(*stream.events[:-1])


async def _lost_in_between(stream: Stream) -> None:
    await stream.holds(*stream.events[:4], *stream.events[5:])


async def _emptied(stream: Stream) -> None:
    await call(stream.relay, "STREAM.PURGE.HUIYIN")


async def _reordered(stream: Stream) -> None:
    first, second, third, *rest = stream.events
    await stream.holds(first, third, second, *rest)


async def _altered(stream: Stream) -> None:
    first, *rest = stream.events
    await stream.holds(replace(first, body=first.body.replace(b'"time"', b'"Time"')), *rest)


async def _misplaced(stream: Stream) -> None:
    first, *rest = stream.events
    await stream.holds(replace(first, region="330182104012"), *rest)


async def _stranger(stream: Stream) -> None:
    first, *_ = stream.events
    await stream.holds(*stream.events, replace(first, id=new_id()))


IN_JETSTREAM = (_lost_at_the_end, _lost_in_between, _emptied, _reordered, _altered, _misplaced, _stranger)


@pytest.mark.parametrize("damage", IN_JETSTREAM, ids=lambda damage: damage.__name__)
async def test_damage_in_jetstream_is_found(
    stack_database: StackDatabase, nats: NatsAddress, told: tuple[str, ...], damage: Callable[[Stream], Awaitable[None]]
) -> None:
    async with await psycopg.AsyncConnection.connect(libpq(stack_database.url("relay")), autocommit=True) as log:
        published = await Outbox(log).published(0, 100)
    async with connected(nats) as relay:
        await damage(Stream(relay, published))
    assert not (await verified(stack_database, nats)).clean


@pytest.fixture
def huiyin(stack_database: StackDatabase, nats: NatsAddress, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Awaitable[Result]]:
    """`huiyin events …` against this test's servers, in a thread, as the command has a loop of its own."""

    class State:
        layout = stack_database.layout
        database_url = staticmethod(stack_database.url)
        nats_url = staticmethod(nats.url)

    def load(data: Path) -> Any:
        return State

    for module in (events, dead_letters):
        monkeypatch.setattr(module, "load", load)
    return lambda *arguments: asyncio.to_thread(CliRunner().invoke, events.app, [*arguments])


async def test_commands_tell_follow_and_mend(
    stack_database: StackDatabase, nats: NatsAddress, told: tuple[str, ...], huiyin: Callable[..., Awaitable[Result]]
) -> None:
    clean = await huiyin("verify", "--json")
    assert clean.exit_code == 0, clean.output
    assert json.loads(clean.stdout)["clean"] is True

    last = await huiyin("tail", "-n", "2", "--issue", told[1], "--json")
    assert [json.loads(line)["streamversion"] for line in last.stdout.splitlines()] == [2, 3]
    raised = await huiyin("tail", "--event", "IssueRaised", "--region", "330182000000")
    assert raised.stdout.count("IssueRaised") == 3
    assert (await huiyin("tail", "--region", "330523000000")).stdout == ""

    async with connected(nats) as relay:
        await call(relay, "STREAM.PURGE.HUIYIN")
    damaged = await huiyin("verify")
    assert damaged.exit_code == 1
    assert "9 处错误 faults" in damaged.stdout
    mended = await huiyin("republish")
    assert mended.exit_code == 0, mended.output
    assert (await huiyin("verify")).exit_code == 0


async def test_dead_letters_are_decided_with_a_reason(stack_database: StackDatabase, huiyin: Callable[..., Awaitable[Result]]) -> None:
    rows(
        stack_database,
        "INSERT INTO notify.dead_letters (consumer, fingerprint, stream, version, subject, body, error, attempts)"
        " VALUES ('notify', 'f', 'issue', 3, 'huiyin.issue.Closed', 'x', 'ValueError: no', 5)",
    )
    ((letter,),) = rows(stack_database, "SELECT id FROM notify.dead_letters")
    assert f"notify/{letter}" in (await huiyin("dead", "list")).stdout
    assert (await huiyin("dead", "discard", f"notify/{letter}")).exit_code == 2  # no reason
    assert (await huiyin("dead", "replay", f"notify/{letter + 1}", "--reason", "because")).exit_code == 1
    assert (await huiyin("dead", "discard", f"notify/{letter}", "--reason", "superseded")).exit_code == 0
    listed = json.loads((await huiyin("dead", "list", "--json")).stdout)
    assert [(found["letter"], found["decision"], found["reason"]) for found in listed] == [(f"notify/{letter}", "discard", "superseded")]
