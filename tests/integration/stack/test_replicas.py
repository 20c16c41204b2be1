"""Two processes of a service: they share its durable, and one of them answers while the other is away."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local import gateway
from deploy.local.layout import Layout
from deploy.local.parts import parts
from deploy.local.postgres import superuser_url
from deploy.local.processes import ROOT, Part, tied
from deploy.local.state import StackState, load
from shared.contracts.envelope import parse
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, Assigned, DirectoryChanged, ProgressReported
from shared.eventlog.copy import StreamCopy
from shared.eventlog.outbox import Outgoing
from shared.messaging.topology import ensure_topology
from tests.integration.eventlog.harness import acting_as, append, connected, rows
from tests.integration.stack.load import CADRE, NO_LIMITS, Callers, calling
from tests.support.events import bodies, digest, example
from tests.support.servers import NatsAddress, Servers, StackDatabase, free_base
from tests.support.size import LONG, full
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(full(1500, 400))
"""Several services start; on a busy machine they take their time."""

CONSUMERS = ("tracking", "notify") if LONG else ("tracking",)
VERSIONS = 12
ISSUES = full(450, 60)
BATCH = 500

WITNESS = """
CREATE TABLE {schema}.witness
    (at bigint GENERATED ALWAYS AS IDENTITY, who text, what text, stream text, before integer, after integer);
ALTER TABLE {schema}.witness OWNER TO {schema};
CREATE FUNCTION {schema}.moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {schema}.witness (who, what, stream, before, after)
    VALUES (current_setting('application_name'), 'moved', new.stream, old.version, new.version); RETURN new; END $$;
CREATE FUNCTION {schema}.parked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO {schema}.witness (who, what, stream, after)
    VALUES (current_setting('application_name'), 'parked', new.stream, new.version); RETURN new; END $$;
CREATE TRIGGER moved AFTER UPDATE ON {schema}.watermarks FOR EACH ROW EXECUTE FUNCTION {schema}.moved();
CREATE TRIGGER parked AFTER INSERT ON {schema}.parked FOR EACH ROW EXECUTE FUNCTION {schema}.parked();
"""
"""Writes down, in the consumer's own transactions, how watermarks moved and what was parked: what was rolled back is not in it."""


def stories(issues: int) -> tuple[list[Outgoing], int]:
    """Interleaved lives of issues: every issue's first version, then every issue's second … And how many events an issue has."""
    lives = [bodies(_raised(number), example(Assigned), example(Accepted), *_NOTES) for number in range(issues)]
    return [_outgoing(body) for version in zip(*lives, strict=True) for body in version], len(lives[0])


_NOTES = [example(ProgressReported)] * (VERSIONS - 3)


def _raised(number: int) -> IssueRaised:
    return example(IssueRaised, number=f"330182-20260302-{number:05}", tracking_digest=digest(str(number)))


def _outgoing(body: bytes) -> Outgoing:
    event = parse(body)
    return Outgoing(event.id, event.stream, f"huiyin.issue.{event.name}.v1", event.region, body)


@dataclass
class Shared:
    """Some services on a database of this test's own, as many processes of each as were asked for."""

    servers: Servers
    database: StackDatabase
    nats: NatsAddress
    looking: "psycopg.Connection[tuple[Any, ...]]"

    @property
    def layout(self) -> Layout:
        return Layout(self.servers.layout.data, self.servers.layout.base, replicas=2)

    @contextmanager
    def running(self, kinds: Sequence[str], processes: int = 2) -> Iterator[list[Part]]:
        """The real processes, as `huiyin up --replicas` starts them, but at the test's own priority, for the length of the block."""
        known = {part.name: part for part in parts(self.layout)}
        started: list[Part] = []
        for kind in kinds:
            command = tied((sys.executable, "-m", f"services.{kind}"), signal.SIGKILL)
            for name in self.layout.replicas_of(kind)[:processes]:
                env = {"HUIYIN_DATABASE_URL": self.database.url(kind), "PGAPPNAME": name, **NO_LIMITS}
                started.append(replace(known[name], command=command, env={**known[name].env, **env}))
        self.servers.start(*started)
        try:
            yield started
        finally:
            for part in started:
                self.servers.stop(part.name)

    def watch(self, consumer: str) -> None:
        rows(self.database, WITNESS.format(schema=consumer))

    def consumed(self, consumer: str) -> int:
        statement = f"SELECT coalesce(sum(version), 0) FROM {consumer}.watermarks WHERE consumer = '{consumer}'"
        ((count,),) = self.looking.execute(statement.encode()).fetchall()
        return count

    def witnessed(self, consumer: str, what: str) -> list[tuple[str, str, int, int]]:
        return rows(self.database, f"SELECT who, stream, before, after FROM {consumer}.witness WHERE what = %s ORDER BY at", what)


@pytest.fixture
def shared(servers: Servers, stack_database: StackDatabase, nats: NatsAddress) -> Iterator[Shared]:
    with psycopg.connect(stack_database.superuser, autocommit=True) as looking:
        yield Shared(servers, stack_database, nats, looking)


async def published(nats: NatsAddress, events: Sequence[Outgoing]) -> None:
    async with connected(nats) as connection:
        await ensure_topology(connection)
        copy, after = StreamCopy(connection), 0
        for first in range(0, len(events), BATCH):
            after = await copy.publish(events[first : first + BATCH], after=after)


async def test_two_processes_take_turns_and_keep_every_issues_order(shared: Shared) -> None:
    events, versions = stories(ISSUES)
    for consumer in CONSUMERS:
        shared.watch(consumer)
    with shared.running(CONSUMERS):
        await published(shared.nats, events)
        await eventually(
            lambda: all(shared.consumed(consumer) == len(events) for consumer in CONSUMERS), seconds=full(1200, 200), every=0.2
        )

    for consumer in CONSUMERS:
        at: defaultdict[str, int] = defaultdict(int)
        taken: defaultdict[str, int] = defaultdict(int)
        for who, stream, before, after in shared.witnessed(consumer, "moved"):
            assert before == at[stream] < after, "a watermark jumped, or an event had its effect twice"
            at[stream] = after
            taken[who] += after - before
        assert set(at.values()) == {versions}
        assert rows(shared.database, f"SELECT count(*) FROM {consumer}.parked") == [(0,)]
        assert rows(shared.database, f"SELECT count(*) FROM {consumer}.dead_letters") == [(0,)]
        assert set(taken) == set(shared.layout.replicas_of(consumer)), "one process did everything"
        parked = len(shared.witnessed(consumer, "parked"))
        print(f"{consumer}: {len(events)} events, {dict(taken)} by process, {parked} parked for a while")
    seen = rows(shared.database, "SELECT issue_id::text, count(*), max(version) FROM tracking.timeline GROUP BY issue_id")
    assert {(count, last) for _, count, last in seen} == {(versions, versions)}
    assert len(seen) == ISSUES


async def test_a_replica_that_is_restarted_or_killed_costs_no_request(shared: Shared) -> None:
    """Restarted one after the other, then killed: whoever asks the gateway is answered by the one that is there."""
    async with acting_as(shared.database, "routing") as routing:
        await append(routing, "routing", "directory", example(DirectoryChanged), region=None)
    with shared.running(["intake"]) as replicas:
        shared.servers.start(gateway.part(shared.layout))
        try:
            async with calling(shared.layout.url("gateway"), citizens=4) as callers:
                ends = itertools.product((shared.servers.stop, shared.servers.kill), replicas)
                for end, replica in ends if LONG else zip((shared.servers.stop, shared.servers.kill), replicas, strict=True):
                    await more(callers)
                    await asyncio.to_thread(end, replica.name)
                    await more(callers)
                    await asyncio.to_thread(shared.servers.start, replica)
                await more(callers)
        finally:
            shared.servers.stop("gateway")
    assert callers.failures == []
    raised = rows(shared.database, "SELECT stream FROM log.events WHERE type = 'huiyin.issue.IssueRaised.v1' ORDER BY 1")
    assert raised == sorted((issue_id,) for issue_id in callers.raised.values())


async def more(callers: Callers, answers: int = 12) -> None:
    """Return when so many more requests were answered."""
    goal = sum(callers.answers.values()) + answers
    await eventually(lambda: sum(callers.answers.values()) >= goal or callers.failures, seconds=120)


def huiyin(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy.cli", *words, "--data", str(data)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **NO_LIMITS}, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def asked(stack: StackState, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(superuser_url(stack.layout, "huiyin")) as connection:
        return connection.execute(statement.encode()).fetchall()


def active_relay(stack: StackState) -> str:
    """The relay that holds the lock; the other stands by."""
    health = {name: json.loads(stack.layout.health_file(name).read_text()) for name in stack.layout.replicas_of("relay")}
    return next(name for name, told in health.items() if told["detail"].startswith("active"))


@pytest.fixture
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """A whole stack with two of everything and a cluster of NATS."""
    data = tmp_path_factory.mktemp("doubled") / "data"
    base = free_base(len(Layout(data, 0, replicas=2, nats_servers=3).ports))
    try:
        huiyin(data, "up", "--port-base", str(base), "--demo", "--detach", "--replicas", "2", "--nats", "3")
        yield load(data)
    finally:
        huiyin(data, "down")


@pytest.mark.stack
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not LONG, reason="a stack with two of everything: LONG=1")
async def test_a_whole_stack_is_restarted_part_by_part_and_paused_under_load(doubled: StackState) -> None:
    async with calling(doubled.gateway, citizens=2, cadres=3, by=CADRE) as callers:
        await more(callers)
        told = await asyncio.to_thread(huiyin, doubled.data, "restart")
        print(told.stdout)
        for name in ("routing-worker", "routing-worker-2", active_relay(doubled)):
            pid = next(process["pid"] for process in load(doubled.data).processes if process["name"] == name)
            os.kill(pid, signal.SIGSTOP)
            try:
                await more(callers, 60)
            finally:
                os.kill(pid, signal.SIGCONT)
    print(dict(callers.answers), f"{len(callers.raised)} issues, {sum(callers.commands.values())} commands")
    assert callers.failures == []
    await eventually(lambda: load(doubled.data).healthy, seconds=200, every=0.5)
    await eventually(lambda: not asked(doubled, "SELECT FROM log.outbox"), seconds=60, every=0.5)
    counted = asked(doubled, "SELECT stream, count(*) FROM log.events WHERE type = 'huiyin.issue.IssueRaised.v1' GROUP BY stream")
    assert dict(counted) == dict.fromkeys(callers.raised.values(), 1)
    accepted = asked(doubled, "SELECT stream, count(*) FROM log.events WHERE type LIKE '%.Accepted.v1' GROUP BY stream")
    assert set(dict(accepted).values()) == {1}
    notes = asked(doubled, "SELECT stream, count(*) FROM log.events WHERE type LIKE '%.ProgressReported.v1' GROUP BY stream")
    for issue_id, count in notes:
        assert count == callers.commands[issue_id] - 1
    print(huiyin(doubled.data, "events", "verify").stdout)
