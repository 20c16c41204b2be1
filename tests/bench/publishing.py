"""Row 4: from a commit until JetStream has the message, against one NOTIFY and one publish."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import psycopg

from shared.clock import PostgresClock
from shared.contracts.intake import IssueRaised
from shared.database import Database
from shared.eventlog import EventLog, Head, outbox_bell
from shared.eventlog.copy import StreamCopy
from shared.ids import new_id
from shared.messaging.connection import NatsConnection, connect
from tests.bench.bare_nats import SUBJECT, bare_nats
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig
from tests.support.events import VILLAGE, example

PAUSE = 0.02
"""Seconds between two commits: the relay rests in between, as it does in a county."""


async def measure(rounds: int = 5, samples: int = 60) -> list[Ratio]:
    """p50 and p99, in rounds that take turns."""
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    with rig() as bench:
        bench.start("nats")
        bench.start("relay")
        async with _committing(bench) as commit, _bare(bench) as round_trips:
            for _ in range(rounds):
                ours.append([await commit() for _ in range(samples)])
                bare.append([await round_trips() for _ in range(samples)])
    return [
        _ratio("p50", 0.5, ours, bare, limit=3),
        _ratio("p99", 0.99, ours, bare, limit=math.inf, note="for the record: the issue sets a limit for p50 only"),
    ]


def _ratio(name: str, share: float, ours: list[list[float]], bare: list[list[float]], *, limit: float, note: str = "") -> Ratio:
    def of(rounds: list[list[float]]) -> list[float]:
        return [statistics.quantiles(values, n=100)[round(share * 100) - 1] * 1000 for values in rounds]

    figure = f"commit to message stored in JetStream, ms, {name}"
    return Ratio(figure, "NOTIFY and publish round trips", of(ours), of(bare), limit, at_least=False, note=note)


@asynccontextmanager
async def _committing(bench: Rig) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Append and commit as intake does; seconds from the commit until JetStream's time stamp of the message."""
    url = bench.layout.database_url("intake")
    database = Database(url)
    observer: NatsConnection = await connect(bench.layout.nats_url("observer"), "bench")
    copy = StreamCopy(observer)
    try:
        async with outbox_bell(url) as bell:
            log = EventLog("/huiyin/intake", wake=bell.ring)

            async def commit() -> float:
                issue_id = new_id()
                raised = example(IssueRaised, tracking_digest=issue_id.replace("-", "") * 2)
                async with database.transaction() as session:
                    now = await PostgresClock().now(session)
                    await log.append(
                        session, issue_id, [raised], after=Head(), now=now, region=VILLAGE, correlation_id=issue_id, causation_id=None
                    )
                committed = datetime.now(UTC)
                return await _stored(observer, copy, issue_id, committed)

            yield commit
    finally:
        await observer.close()
        await database.close()


async def _stored(observer: NatsConnection, copy: StreamCopy, issue_id: str, committed: datetime) -> float:
    """Seconds from `committed` to the time stamp of the stream's last message, once that is the event of `issue_id`."""
    await asyncio.sleep(PAUSE)
    while True:
        last = (await copy.state()).last
        if last:
            answer = await observer.request("$JS.API.DIRECT.GET.HUIYIN", f'{{"seq":{last}}}'.encode(), timeout=2)
            headers = answer.headers or {}
            if issue_id.encode() in answer.data:
                return (datetime.fromisoformat(headers["Nats-Time-Stamp"]) - committed).total_seconds()


@asynccontextmanager
async def _bare(bench: Rig) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """One NOTIFY until it is heard, then one publish until it is acknowledged, durable like ours."""
    url = bench.layout.database_url("intake").replace("+psycopg", "")
    async with (
        bare_nats(bench) as stream,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as hears,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as rings,
    ):
        await hears.execute("LISTEN bench")

        async def round_trips() -> float:
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            await rings.execute("NOTIFY bench")
            async for _ in hears.notifies(stop_after=1):
                break
            await stream.publish(SUBJECT, b"x" * 1000)
            return time.perf_counter() - began

        yield round_trips


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(*row.told(), sep=" · ")
