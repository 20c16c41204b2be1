"""The first three figures: how soon an issue is assigned, how late deadlines take effect, how fast a backlog of them drains."""

import asyncio
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import text

from deploy.demo.staff import Api
from deploy.local.state import StackState
from shared.contracts.envelope import parse
from shared.contracts.routing import Escalated
from shared.database import Database
from shared.ids import new_id
from tests.bench.bare import closing_times
from tests.bench.generator import VILLAGE, Generator
from tests.support.raising import issue_body
from tests.support.waiting import eventually

CADRE = f"cadre-{VILLAGE}"
ANONYMOUS = issue_body(channel="home_visit", reporter=None, anonymous=True)


@dataclass(frozen=True)
class Figure:
    """One line of the outcome."""

    name: str
    measured: str
    wanted: str
    met: bool


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


async def post_to_assigned(state: StackState, samples: int = 60) -> Figure:
    """From POST until tracking shows the issue as assigned, one at a time."""
    took: list[float] = []
    async with httpx.AsyncClient(base_url=state.gateway, timeout=10, trust_env=False) as client:
        api = Api(client)
        await api.get("/api/routing/v1/worklist", by=CADRE)
        for _ in range(samples):
            started = time.perf_counter()
            raised = (await api.post("/api/intake/v1/issues", ANONYMOUS, by=CADRE, key=new_id())).json()
            while True:
                answer = await api.get(f"/api/tracking/v1/issues/{raised['issue_id']}", by=CADRE)
                if answer.status_code == 200 and answer.json()["state"] == "assigned":
                    break
                await asyncio.sleep(0.01)
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.2)
    p95 = percentile(took, 0.95)
    measured = f"p50 {statistics.median(took):.3f} s, p95 {p95:.3f} s, max {max(took):.3f} s ({samples} issues)"
    return Figure("POST to assigned, visible in tracking", measured, "p95 under 1 s", p95 < 1)


def lead(count: int) -> timedelta:
    """How long before the first of `count` deadlines their issues are begun.

    They are made at about 8 a second, and warned of at 75 % of their time; both are to be over before the first falls due.
    """
    return timedelta(seconds=20 + count / 3)


async def deadline_lag(state: StackState, generator: Generator, *, per_second: int = 20, seconds: int = 30) -> Figure:
    """How late a lapse is recorded with `per_second` due in every second."""
    count = per_second * seconds
    start = datetime.now(UTC) + lead(count)
    issues = await generator.make([start + timedelta(seconds=index / per_second) for index in range(count)])
    lags = sorted(await lapses(state, issues, until=start + timedelta(seconds=seconds + 60)))
    p99 = percentile(lags, 0.99)
    measured = f"p50 {statistics.median(lags):.3f} s, p99 {p99:.3f} s, max {lags[-1]:.3f} s ({count} deadlines)"
    return Figure(f"deadline lag, {per_second} due each second", measured, "p99 under 1 s", p99 < 1)


async def backlog(state: StackState, generator: Generator, *, count: int = 500, tries: int = 10) -> list[Figure]:
    """`count` deadlines in one second, against as many bare Temporal timers; handlers who come too late are told."""
    until = datetime.now(UTC) + timedelta(seconds=max(20, count / 25))
    bare = [(closed - until).total_seconds() for closed in await closing_times(state.temporal, count, until)]
    due = datetime.now(UTC) + lead(count)
    issues = await generator.make([due] * count)
    told = asyncio.create_task(too_late(state, issues, due, tries))
    late = await lapses(state, issues, until=due + timedelta(seconds=60))
    rate, baseline = count / max(late), count / max(bare)
    codes = await told
    return [
        Figure(
            f"{count} due in the same second, drained",
            f"{rate:.0f}/s, bare timers {baseline:.0f}/s: {rate / baseline:.2f}",
            "at least 0.8",
            rate >= 0.8 * baseline,
        ),
        Figure("the last of them late by", f"{max(late):.2f} s", "under 10 s", max(late) < 10),
        Figure(
            "resolved after the deadline, before the timer",
            f"{codes.count('deadline_lapsed')} of {len(codes)} told deadline_lapsed ({', '.join(sorted(set(codes)))})",
            "none resolved",
            "ok" not in codes and "deadline_lapsed" in codes,
        ),
    ]


async def too_late(state: StackState, issues: Sequence[str], due: datetime, tries: int) -> list[str]:
    """What handlers hear who resolve just after the deadline: the codes of their answers."""
    async with httpx.AsyncClient(base_url=state.gateway, timeout=30, trust_env=False) as client:
        api = Api(client)
        await api.get("/api/routing/v1/worklist", by=CADRE)
        await asyncio.sleep(max((due - datetime.now(UTC)).total_seconds() + 1, 0))
        body = {"outcome": "explained", "result": "已说明。"}
        chosen = list(issues)[-tries:]
        answers = await asyncio.gather(*(api.post(f"/api/routing/v1/issues/{each}/resolve", body, by=CADRE) for each in chosen))
    return [str(answer.json().get("code", "ok")) for answer in answers]


async def lapses(state: StackState, issues: Sequence[str], *, until: datetime) -> list[float]:
    """Seconds from each missed deadline to its `Escalated`, read from the log once all are there."""
    database = Database(state.database_url("operator"))
    query = text("SELECT body FROM log.events WHERE stream = ANY(:streams) AND type LIKE '%.Escalated.%'")
    bodies: Sequence[bytes] = ()

    async def all_there() -> bool:
        nonlocal bodies
        async with database.transaction() as session:
            bodies = (await session.execute(query, {"streams": list(issues)})).scalars().all()
        return len(bodies) >= len(issues)

    try:
        await eventually(all_there, seconds=(until - datetime.now(UTC)).total_seconds(), every=1)
    finally:
        await database.close()
    found: list[float] = []
    for body in bodies:
        recorded = parse(body)
        assert isinstance(recorded.data, Escalated)
        assert recorded.data.missed is not None
        found.append((recorded.time - recorded.data.missed.due_at).total_seconds())
    assert min(found) >= 0, "a deadline took effect early"
    return found
