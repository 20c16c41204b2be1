"""Row 7: projections rebuilt from a million events, against reading those rows."""

import asyncio
import time

import psycopg

from services.tracking.rebuild import rebuild
from services.tracking.tables import LIVE
from shared.database import Database
from shared.eventlog import EventLog
from tests.bench.past import LIFE, fill, lives
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig

PORTION = 10_000
"""Issues that are put into the log at a time."""


async def measure(rounds: int = 2, events: int = 1_000_000) -> list[Ratio]:
    """One ratio, of whole rebuilds."""
    with rig() as bench:
        made = _fill(bench, events // len(LIFE))
        reading = [_read(bench) for _ in range(rounds)]
        rebuilding = [await _rebuilt(bench) for _ in range(rounds)]
    return [Ratio(f"rebuild of projections from {made:,} events, events/s", "reading the rows with psycopg", rebuilding, reading, 0.15)]


def _fill(bench: Rig, issues: int) -> int:
    made = 0
    with psycopg.connect(bench.superuser) as connection:
        for first in range(0, issues, PORTION):
            made += fill(connection, lives(min(PORTION, issues - first), start=first), published=True)
        connection.commit()
    with psycopg.connect(bench.superuser, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return made


def _read(bench: Rig) -> float:
    """Every published event in its order, as bytes."""
    query = "SELECT p.position, e.body FROM log.published AS p JOIN log.events AS e USING (id) ORDER BY p.position"
    url = bench.layout.database_url("tracking").replace("+psycopg", "")
    read = 0
    began = time.perf_counter()
    with psycopg.connect(url, options="-c transaction_timeout=0") as connection, connection.cursor("bench") as cursor:
        cursor.itersize = 500
        for _ in cursor.execute(query):
            read += 1
    return read / (time.perf_counter() - began)


async def _rebuilt(bench: Rig) -> float:
    database = Database(bench.layout.database_url("tracking"), pool_size=2)
    began = time.perf_counter()
    try:
        done = await rebuild(database, EventLog("/huiyin/tracking"), tuple(LIVE.by_name))
    finally:
        await database.close()
    return done.events / (time.perf_counter() - began)


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(*row.told(), sep=" · ")
