"""Three nats-servers with a copy of each stream on each: the leader dies or stops under load, and nothing is lost or done twice."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from deploy.local import nats as nats_servers
from deploy.local.layout import Layout
from deploy.local.processes import Part
from shared.contracts.envelope import parse
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import ProgressReported
from shared.database import Database
from shared.eventlog.health import RelaySettings
from shared.eventlog.relay import serve
from shared.ids import new_id
from shared.messaging.api import JetStreamError, call
from shared.messaging.connection import NatsConnection
from tests.integration.eventlog.harness import acting_as, append, connected, rows, stored
from tests.integration.messaging.harness import Effects, subscribed
from tests.support.events import example
from tests.support.servers import NatsAddress, Servers, StackDatabase, free_base
from tests.support.size import LONG
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(not LONG, reason="LONG=1: three servers and their elections")]
"""An election takes seconds, and on a busy machine many of them."""

ROUNDS = 20
"""How often a server is struck: killed and stopped in turn; the leader first, then any."""
MORE = 40
"""Events that get through the others before the one that was struck comes back."""
PATIENCE = 120.0


@dataclass(frozen=True)
class Cluster:
    """Three servers, and what is done to one of them."""

    servers: Servers

    @property
    def layout(self) -> Layout:
        return self.servers.layout

    @property
    def address(self) -> NatsAddress:
        return NatsAddress(self.layout)

    def part(self, name: str) -> Part:
        return nats_servers.part(self.layout, name)

    @asynccontextmanager
    async def without(self, name: str, *, stopped: bool) -> AsyncIterator[None]:
        """One server dead, or silent with its connections open, as long as the block lasts."""
        _, process = self.servers.running[name]
        if stopped:
            os.kill(process.pid, signal.SIGSTOP)
        else:
            self.servers.kill(name)
        try:
            yield
        finally:
            if stopped:
                os.kill(process.pid, signal.SIGCONT)
            else:
                await asyncio.to_thread(self.servers.start, self.part(name))


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    layout = Layout(tmp_path_factory.mktemp("cluster"), 0, nats_servers=3)
    layout = Layout(layout.data, free_base(len(layout.ports)), nats_servers=3)
    layout.make_folders()
    servers = Servers(layout)
    servers.start(*nats_servers.parts(layout))
    yield Cluster(servers)
    servers.close()


@asynccontextmanager
async def relaying(database: StackDatabase, nats: NatsAddress) -> AsyncIterator[None]:
    """A relay that keeps each stream three times, in this process."""
    database_url, nats_url = SecretStr(database.url("relay")), SecretStr(nats.url("relay"))
    stop = asyncio.Event()
    relay = asyncio.create_task(serve(RelaySettings(database_url=database_url, nats_url=nats_url, nats_replicas=3), stop))
    try:
        yield
    finally:
        stop.set()
        await relay


async def leader(nats: NatsConnection) -> str:
    """The server that leads the stream; waits for an election."""
    found = ""

    async def known() -> bool:
        nonlocal found
        try:
            found = (await call(nats, "STREAM.INFO.HUIYIN"))["cluster"].get("leader", "")
        except (JetStreamError, TimeoutError):
            return False
        return bool(found)

    await eventually(known, seconds=PATIENCE, every=0.2)
    return found


def published(database: StackDatabase) -> int:
    return rows(database, "SELECT count(*) FROM log.published")[0][0]


async def noting(database: Database, issues: list[str], stop: asyncio.Event) -> int:
    """Appends notes to one issue after the other until `stop`. Returns how many."""
    count = 0
    while not stop.is_set():
        await append(database, "routing", issues[count % len(issues)], example(ProgressReported))
        count += 1
    return count


# nats-py leaves the socket of a reconnection that a stopped server never answered to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*StreamWriter.__del__:pytest.PytestUnraisableExceptionWarning")
async def test_a_leader_that_dies_or_stops_under_load_costs_nothing(stack_database: StackDatabase, cluster: Cluster) -> None:
    effects, chance, struck = Effects(stack_database), random.Random(20261122), list[str]()
    issues, stop = [new_id() for _ in range(12)], asyncio.Event()
    async with (
        acting_as(stack_database, "intake") as intake,
        acting_as(stack_database, "routing") as routing,
        connected(cluster.address) as nats,
        relaying(stack_database, cluster.address),
        subscribed(stack_database, cluster.address, effects),
    ):
        for issue in issues:
            await append(intake, "intake", issue, example(IssueRaised))
        load = asyncio.create_task(noting(routing, issues, stop))
        for number in range(ROUNDS):
            await eventually(lambda before=published(stack_database): published(stack_database) > before, seconds=PATIENCE)
            victim = await leader(nats) if number < 4 else chance.choice(cluster.layout.replicas_of("nats"))
            struck.append(victim)
            async with cluster.without(victim, stopped=number % 2 == 1):
                goal = published(stack_database) + MORE
                await eventually(lambda goal=goal: published(stack_database) >= goal, seconds=PATIENCE, every=0.1)
            await eventually(lambda name=victim: cluster.part(name).ready().ready, seconds=PATIENCE, every=0.1)
        stop.set()
        written = await load + len(issues)
        await eventually(lambda: published(stack_database) == written, seconds=PATIENCE, every=0.1)
        await eventually(lambda: sum(len(effects.seen(issue)) for issue in issues) >= written, seconds=PATIENCE, every=0.2)
        messages = await stored(nats)
    in_the_log = rows(stack_database, "SELECT e.id::text, e.body FROM log.published JOIN log.events AS e USING (id) ORDER BY position")
    assert [(message.id, message.body.decode()) for message in messages] == in_the_log
    assert len(messages) == written
    for issue in issues:
        assert effects.seen(issue) == [e.version for message in messages if (e := parse(message.body)).stream == issue]
        assert effects.seen(issue) == list(range(1, len(effects.seen(issue)) + 1))
    print(f"{written} events, {ROUNDS} times a server was killed or stopped ({', '.join(struck)}): all stored once, each with one effect")
