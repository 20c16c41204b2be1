"""More than intake can carry: a real process takes a part, tells the others to come back, and keeps what it took."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.layout import HOST
from deploy.local.processes import Part, end, http_probe, spawn, wait_ready
from services.routing.seed import topics_of
from shared.clock import PostgresClock
from shared.contracts.routing import DirectoryChanged
from shared.database import Database
from shared.eventlog import EventLog
from tests.integration.hostile.county import MUCH, key
from tests.support.life import DEMO
from tests.support.raising import issue_body
from tests.support.servers import Servers, StackDatabase, free_base
from tests.support.size import full

CLIENTS = full(600, 150)
EACH = full(20, 4)
AT_ONCE, WAITING, PATIENCE = 2, 8, 1
"""What the process is told that it can carry: far less than comes."""
GROWTH = 64 * 2**20
"""Bytes that the process may grow by; 600 requests of 12 KB that all stood in line would need little, copies of them at every step much."""

SOON = 5.0
"""Seconds, line and work together, on a machine that has other things to do as well; it is a bucket of the histogram."""


@dataclass(frozen=True)
class Process:
    """One running intake."""

    url: str
    process: psutil.Process


@pytest.fixture
async def intake(servers: Servers, stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Process]:
    servers.start_nats()
    await _direct(stack_database)
    with running(servers, stack_database, tmp_path) as process:
        yield process


@contextmanager
def running(servers: Servers, database: StackDatabase, folder: Path) -> Iterator[Process]:
    """`python -m services.intake` with small limits."""
    port = free_base()
    settings = {
        "DATABASE_URL": database.url("intake"),
        "NATS_URL": servers.layout.nats_url("intake"),
        "HTTP_PORT": port,
        "PUBLIC_URL": "http://127.0.0.1:8080",
        "JWKS_URL": "http://127.0.0.1:1/jwks.json",
        "ISSUER": "http://127.0.0.1:8080/api/routing",
        "SECRETS_DIR": folder / "secrets",
        "ATTACHMENTS_DIR": folder / "attachments",
        "INTERNAL_TOKEN": "internal",
        "CITIZEN_RATE_PER_MINUTE": MUCH,
        "CITIZEN_BURST": MUCH,
        "REQUESTS_AT_ONCE": AT_ONCE,
        "REQUESTS_WAITING": WAITING,
        "REQUEST_PATIENCE": f"PT{PATIENCE}S",
    }
    env = {f"HUIYIN_{name}": str(value) for name, value in settings.items()}
    part = Part(
        "intake-overload", (sys.executable, "-m", "services.intake"), env=env, ready=http_probe(port, "/api/intake/health/ready"), needs=()
    )
    started = spawn(part, folder)
    try:
        wait_ready(started, part, seconds=60)
        yield Process(f"http://{HOST}:{port}", psutil.Process(started.pid))
    finally:
        end(started, part)


@pytest.mark.timeout(full(3600, 300))
async def test_what_is_too_much_is_refused_and_what_is_taken_is_kept(intake: Process, stack_database: StackDatabase) -> None:
    async with httpx.AsyncClient(base_url=intake.url, trust_env=False, timeout=120, limits=httpx.Limits(max_connections=None)) as http:
        answers = [await raise_issue(http) for _ in range(AT_ONCE)]
        before = intake.process.memory_info().rss
        over = asyncio.Event()
        looking = asyncio.create_task(look(http, over))
        for tries in await asyncio.gather(*(insist(http) for _ in range(CLIENTS))):
            answers += tries
        over.set()
        looks = await looking
        grown = intake.process.memory_info().rss - before
        metrics = (await http.get("/metrics")).text
    taken = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused, "everything was taken: this was no overload"
    assert len(taken) >= AT_ONCE + WAITING
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(503, "overloaded")}
    assert all(1 <= int(answer.headers["retry-after"]) <= 5 for answer in refused)
    assert {answer.json()["issue_id"] for answer in taken} == in_the_log(stack_database), "what was taken is not what is there"
    assert set(looks) == {200}, "who asked for health was refused"
    for route in ("/api/intake/v1/issues", "/api/intake/health/ready"):
        assert within(SOON, route, metrics) >= 0.95, f"{route}: more than one in twenty that were taken waited longer than {SOON} s"
    assert grown < GROWTH, f"grown by {grown >> 20} MB"


async def raise_issue(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/api/intake/v1/issues", json=issue_body(narrative="灯" * 4000), headers=key())


async def insist(http: httpx.AsyncClient) -> list[httpx.Response]:
    """A client who tries again at once, as if there were no Retry-After."""
    return [await raise_issue(http) for _ in range(EACH)]


async def look(http: httpx.AsyncClient, over: asyncio.Event) -> list[int]:
    """Ask for health and the document until it is over; the statuses."""
    looks = list[int]()
    while not over.is_set():
        for path in ("/api/intake/health/live", "/api/intake/health/ready", "/api/intake/openapi.json"):
            looks.append((await http.get(path)).status_code)
    return looks


def within(seconds: float, route: str, metrics: str) -> float:
    """The share of a route's requests that the process itself served within a time; what was refused at the door counts elsewhere."""
    values = {
        sample.labels.get("le", "all"): sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == "huiyin_request_seconds"
        for sample in family.samples
        if sample.labels["route"] == route and sample.name.endswith(("_bucket", "_count"))
    }
    return values[str(seconds)] / values["all"]


def in_the_log(database: StackDatabase) -> set[str]:
    with psycopg.connect(database.superuser) as connection:
        rows = connection.execute("SELECT stream FROM log.events WHERE type = 'huiyin.issue.IssueRaised.v1'").fetchall()
    assert len(rows) == len(set(rows)), "an issue was raised twice"
    return {row[0] for row in rows}


async def _direct(database: StackDatabase) -> None:
    """Topics, as routing publishes them."""
    routing, log = Database(database.url("routing"), pool_size=1), EventLog("/huiyin/routing")
    try:
        async with routing.transaction() as session:
            head = (await log.load(session, "directory")).head
            change = DirectoryChanged(topics=tuple(topics_of(DEMO)), by=None)
            now = await PostgresClock().now(session)
            await log.append(session, "directory", [change], after=head, now=now, region=None, correlation_id="seed", causation_id=None)
    finally:
        await routing.close()
