"""Rows 5 and 6: the relay drains a backlog; tracking consumes and projects it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

import psycopg

from shared.contracts.envelope import parse
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.delivery import Delivery
from shared.messaging.pull import PullLoop
from tests.bench.bare_nats import SUBJECT, bare_nats
from tests.bench.past import LIFE, fill, lives
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig
from tests.support.consumers import unfinished
from tests.support.waiting import eventually

LONGEST = 900
"""Seconds that a drain may take before the bench gives up."""
WARM_UP = 0.1
"""Share of a backlog that is not counted: a process that has just started finds its plans and its pace."""


async def measure(rounds: int = 3, events: int = 100_000) -> list[Ratio]:
    """Both ratios; each round fills the outbox, drains it, and has it consumed twice."""
    relay: list[float] = []
    nats_py: list[float] = []
    tracking: list[float] = []
    parsing: list[float] = []
    with rig() as bench:
        bench.start("nats")
        bench.start("relay", "routing")  # once, for the streams and the directory
        bench.stop("routing")
        observer = await connect(bench.layout.nats_url("observer"), "bench")
        issues = events // len(LIFE)
        for turn in range(rounds):
            await eventually(lambda: _empty(bench), seconds=60)
            bench.stop("relay")
            with psycopg.connect(bench.superuser) as connection:
                filled = fill(connection, lives(issues, start=turn * issues), published=False)
                connection.execute("ANALYZE")
            nats_py.append(await _pipelined(bench, filled))
            relay.append(await _drained(bench, filled))
            parsing.append(await _parsed(bench, observer))
            tracking.append(await _projected(bench, observer))
        await observer.close()
    return [
        Ratio(f"relay drain of a {events:,}-event backlog, events/s", "nats-py publish_async", relay, nats_py, 2),
        Ratio("tracking: consume and project, events/s", "the same pull loop, parse and acknowledge", tracking, parsing, 0.4),
    ]


async def _pipelined(bench: Rig, events: int) -> float:
    """nats-py's own pipelined publish of the same bytes."""
    payloads = [line.body.encode() for line in islice(lives(1000), 5000)]
    async with bare_nats(bench) as stream:
        began = time.perf_counter()
        for number in range(events):
            await stream.publish_async(SUBJECT, payloads[number % len(payloads)])  # pyright: ignore[reportUnknownMemberType]
        await stream.publish_async_completed()
        return events / (time.perf_counter() - began)


async def _drained(bench: Rig, events: int) -> float:
    """The relay, from the first event to the last."""

    async def start() -> None:
        await asyncio.to_thread(bench.start, "relay")

    with psycopg.connect(bench.superuser, autocommit=True) as connection:

        async def left() -> int:
            row = connection.execute("SELECT count(*) FROM log.outbox").fetchone()
            assert row is not None
            return row[0]

        return await _pace(start, left, events)


async def _parsed(bench: Rig, observer: NatsConnection) -> float:
    """Another consumer of the same messages, which only reads and acknowledges them."""
    user = await connect(bench.layout.nats_url("intake"), "bench")
    stop = asyncio.Event()

    async def take(deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            parse(delivery.body)
            await delivery.ack()

    running: list[asyncio.Task[None]] = []

    async def start() -> None:
        running.append(asyncio.create_task(PullLoop("intake", user, take).run(stop)))

    try:
        return await _pace(start, lambda: unfinished(observer, "intake"), await unfinished(observer, "intake"))
    finally:
        stop.set()
        await asyncio.gather(*running)
        await user.close()


async def _projected(bench: Rig, observer: NatsConnection) -> float:
    """Tracking itself, as a process."""

    async def start() -> None:
        await asyncio.to_thread(bench.start, "tracking")

    try:
        return await _pace(start, lambda: unfinished(observer, "tracking"), await unfinished(observer, "tracking"))
    finally:
        bench.stop("tracking")


async def _pace(start: Callable[[], Awaitable[None]], left: Callable[[], Awaitable[int]], events: int) -> float:
    """Events a second, without the first ones."""
    starting = asyncio.ensure_future(start())
    warm = events * (1 - WARM_UP)
    marks: list[tuple[float, int]] = []

    async def at_most(limit: float) -> bool:
        now = await left()
        marks.append((time.perf_counter(), now))
        return now <= limit

    await eventually(lambda: at_most(warm), seconds=LONGEST, every=0.05)
    began, before = marks[-1]
    await eventually(lambda: at_most(0), seconds=LONGEST, every=0.1)
    await starting
    return before / (marks[-1][0] - began)


async def _empty(bench: Rig) -> bool:
    with psycopg.connect(bench.superuser) as connection:
        return connection.execute("SELECT FROM log.outbox LIMIT 1").fetchone() is None


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(*row.told(), sep=" · ")
