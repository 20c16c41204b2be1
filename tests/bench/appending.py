"""Rows 2 and 3: appending to the log, by one writer and by 16, against bare inserts and against `eventsourcing`."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from shared.contracts.routing import Accepted, Assigned, ProgressReported, Resolved
from tests.bench.past import AT_ONCE, Line, lives
from tests.bench.ratio import Ratio
from tests.bench.rig import Rig, rig

LIFE = (Assigned, Accepted, ProgressReported, Resolved)
"""All of one role, as a connection can append its own role's events only."""
WRITERS = 16
BATCH = len(LIFE) * AT_ONCE
"""Lines whose streams are whole."""

Write = Callable[[Line], None]


def appender(connection: "psycopg.Connection[Any]") -> Write:
    """Through `log.append`, one event and a commit."""

    def write(line: Line) -> None:
        values = (line.stream, "issue", line.version - 1, line.prev_hash, [line.body])
        connection.execute("SELECT log.append(%s, %s, %s, %s, %b::text[])", values)
        connection.commit()

    return write


def inserter(connection: "psycopg.Connection[Any]") -> Write:
    """The same bytes into a table with a key, and a commit."""

    def write(line: Line) -> None:
        connection.execute("INSERT INTO bench_bytes (body) VALUES (%s)", (line.body,))
        connection.commit()

    return write


def rate(writes: Sequence[Write], lines: Iterator[Line], seconds: float) -> float:
    """Events a second by as many writers as there are in `writes`, each with streams of its own."""
    shares = [list(islice(lines, BATCH * (20 + 40 // len(writes)))) for _ in writes]
    written = [0] * len(writes)
    began = time.perf_counter()

    def work(nth: int) -> None:
        for line in shares[nth]:
            if time.perf_counter() - began > seconds:
                return
            writes[nth](line)
            written[nth] += 1
        raise AssertionError("not enough events were prepared")

    with ThreadPoolExecutor(len(writes)) as pool:
        list(pool.map(work, range(len(writes))))
    return sum(written) / (time.perf_counter() - began)


def measure(rounds: int = 5, seconds: float = 3) -> list[Ratio]:
    """All three ratios, from interleaved rounds."""
    rates: dict[str, list[float]] = {name: [] for name in ("log 1", "bare 1", "log 16", "bare 16", "eventsourcing 16")}
    with rig() as bench, ExitStack() as open_ones:
        bench.execute(
            "CREATE TABLE routing.bench_bytes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)",
            "GRANT ALL ON routing.bench_bytes TO routing",
            "CREATE SCHEMA es AUTHORIZATION routing",
        )
        url = bench.layout.database_url("routing").replace("+psycopg", "")
        connections = [open_ones.enter_context(psycopg.connect(url)) for _ in range(WRITERS)]
        other = _other(bench, open_ones)
        lines = lives(10**9, life=LIFE)
        writers: dict[str, list[Write]] = {
            "log 1": [appender(connections[0])],
            "bare 1": [inserter(connections[0])],
            "log 16": [appender(each) for each in connections],
            "bare 16": [inserter(each) for each in connections],
            "eventsourcing 16": [other] * WRITERS,
        }
        for _ in range(rounds):
            for name, writes in writers.items():
                rates[name].append(rate(writes, lines, seconds))
    return [
        Ratio("append to the log, events/s, 1 writer", "psycopg inserts", rates["log 1"], rates["bare 1"], 0.7),
        Ratio("append to the log, events/s, 16 writers", "psycopg inserts", rates["log 16"], rates["bare 16"], 0.5),
        Ratio("the same, 16 writers", "eventsourcing, Postgres recorder", rates["log 16"], rates["eventsourcing 16"], 3),
    ]


def _other(bench: Rig, open_ones: ExitStack) -> Write:
    """The recorder of `eventsourcing`, with a pool for as many writers."""
    layout = bench.layout
    store = open_ones.enter_context(
        PostgresDatastore(
            dbname="huiyin",
            host="127.0.0.1",
            port=str(layout.port("postgres")),
            user="routing",
            password=layout.secrets.get("postgres-routing"),
            schema="es",
            pool_size=WRITERS,
            max_overflow=0,
        )
    )
    recorder = PostgresApplicationRecorder(store, events_table_name="stored_events")
    recorder.create_table()

    def write(line: Line) -> None:
        recorder.insert_events([StoredEvent(uuid4(), 1, line.type, line.body.encode())])

    return write


if __name__ == "__main__":
    for row in measure():
        print(*row.told(), sep=" · ")
