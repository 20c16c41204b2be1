"""`python -m tests.bench.rollout`: policies change while thousands of issues are open. Prints each figure beside what it should be.

Only what takes part runs: Postgres, NATS, Temporal, relay, routing and its worker. The policies make some issues due sooner and others
later; officers work meanwhile; in the second roll-out the worker is killed half-way.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from sqlalchemy import text
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from deploy.demo.staff import Api
from deploy.local import bootstrap_database
from deploy.local.layout import Layout
from deploy.local.parts import parts
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.policy import rule
from services.routing.workflows import workflow_id
from shared.database import Database
from tests.bench.figures import Figure, percentile
from tests.bench.open_issues import make_open
from tests.bench.table import table_of
from tests.support.servers import Servers, free_base
from tests.support.waiting import eventually

SERVERS = ("postgres", "nats", "temporal")
PROCESSES = ("relay", "routing", "routing-worker")
SLA = "/api/routing/v1/sla"
RATE = 5_000
SAMPLE = 40
OFFICERS = 10
PACE = 0.1
"""Seconds from one officer's command to the next."""

_console = Console()


class Bench:
    """A stack with open issues, and the people who act on it."""

    def __init__(self, servers: Servers, layout: Layout, api: Api) -> None:
        self.servers = servers
        self.layout = layout
        self.api = api
        self.operator = Database(layout.database_url("operator"))
        self.figures: list[Figure] = []

    def note(self, name: str, measured: str, wanted: str, met: bool) -> None:
        """One line of the outcome."""
        self.figures.append(Figure(name, measured, wanted, met))
        _console.print(f"{name}: {measured}")

    async def ask(self, query: str, **values: Any) -> Sequence[Any]:
        """Rows of the log or of routing's tables."""
        async with self.operator.transaction() as session:
            return (await session.execute(text(query), values)).all()

    async def settled(self, count: int) -> None:
        """Return once relay and timers have followed: every issue has its workflow, which has looked at it."""
        client = await Client.connect(self.layout.temporal)

        async def seated() -> bool:
            found = await client.count_workflows("WorkflowType = 'IssueWorkflow' AND HuiyinStatus = 'assigned'")
            return found.count >= count

        await eventually(seated, seconds=3_600, every=2)

    async def preview(self, rules: list[dict[str, Any]]) -> None:
        """How long a preview takes."""
        await self.api.token("admin")
        started = time.perf_counter()
        found = (await self.api.post(f"{SLA}/policies/preview", {"rules": rules}, by="admin")).json()
        took = time.perf_counter() - started
        self.note("preview", f"{took:.2f} s over {found['open']} open issues, {found['moved']} would move", "under 5 s", took < 5)

    async def publish(self, rules: list[dict[str, Any]]) -> dict[str, Any]:
        """Draft as one administrator, publish as the other; the roll-out."""
        draft = (await self.api.post(f"{SLA}/policies/drafts", {"rules": rules, "note": "bench"}, by="admin")).json()
        token = await self.api.token("admin2")
        answer = await self.api.client.post(
            f"{SLA}/policies/drafts/{draft['draft_id']}/publish",
            json={"open_issues": "recompute", "rate": RATE},
            headers={"Authorization": f"Bearer {token}", "If-Match": f'"{draft["version"]}"'},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["rollout"]

    async def followed(self, rollout_id: str, *, half_way: Any = None) -> dict[str, Any]:
        """Return once it is done; `half_way` is called once when half of it is."""
        found: dict[str, Any] = {}

        async def done() -> bool:
            nonlocal found, half_way
            found = (await self.api.get(f"{SLA}/rollouts/{rollout_id}", by="admin")).json()
            if half_way is not None and found["total"] and found["done"] > found["total"] / 2:
                half_way, call = None, half_way
                call()
            return found["state"] == "done"

        await eventually(done, seconds=900, every=0.2)
        return found

    async def officers(self, issues: Sequence[tuple[str, str]], stop: asyncio.Event) -> list[float]:
        """Signed-in officers who note progress on random issues, one every `PACE`, until `stop`; how long each waited."""
        took: list[float] = []
        chance = random.Random(7)
        while not stop.is_set():
            issue_id, village = chance.choice(issues)
            started = time.perf_counter()
            answer = await self.api.post(
                f"/api/routing/v1/issues/{issue_id}/report-progress", {"note": "已到现场查看"}, by=f"cadre-{village}"
            )
            took.append(time.perf_counter() - started)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(max(PACE - took[-1], 0))
        return took

    async def rolled(self, name: str, rules: list[dict[str, Any]], issues: Sequence[tuple[str, str]], *, kill: bool) -> dict[str, Any]:
        """One roll-out with officers at work; with `kill`, the worker dies half-way and comes back."""

        def half_way() -> None:
            self.servers.kill("routing-worker")
            self.servers.start(*(part for part in parts(self.layout) if part.name == "routing-worker"))

        villages = sorted({village for _, village in issues})[:OFFICERS]
        for village in villages:
            await self.api.token(f"cadre-{village}")
        theirs = [(issue_id, village) for issue_id, village in issues if village in villages]
        rollout = await self.publish(rules)
        stop = asyncio.Event()
        working = asyncio.create_task(self.officers(theirs, stop))
        found = await self.followed(rollout["rollout_id"], half_way=half_way if kill else None)
        stop.set()
        took = await working
        recorded = await self.ask(
            "SELECT count(*), count(DISTINCT stream), extract(epoch FROM max(time) - min(time)) FROM log.events"
            " WHERE type LIKE '%.DeadlineChanged.%' AND body::jsonb->'data'->>'rollout_id' = :rollout",
            rollout=rollout["rollout_id"],
        )
        events, streams, seconds = recorded[0]
        rate = events / float(seconds) if seconds else 0.0
        if not kill:
            self.note(
                f"{name}: recorded in the log", f"{rate:.0f} issues/s ({events} in {float(seconds):.1f} s)", "at least 500/s", rate >= 500
            )
            p95 = percentile(took, 0.95)
            self.note(f"{name}: officers meanwhile", f"p95 {p95 * 1000:.0f} ms ({len(took)} commands)", "under 300 ms", p95 < 0.3)
        self.note(
            f"{name}: each issue once, none failed",
            f"{events} events of {streams} issues, {found['failed']} failed, {found['done']} of {found['total']} reached",
            "equal, 0",
            events == streams == found["moved"] and found["failed"] == 0 and found["done"] == found["total"],
        )
        return found

    async def in_order(self, rollout_id: str) -> None:
        """The soonest new deadline first."""
        rows = await self.ask(
            "SELECT min((d->>'due_at')::timestamptz) FROM log.events, jsonb_array_elements(body::jsonb->'data'->'deadlines') AS d"
            " WHERE type LIKE '%.DeadlineChanged.%' AND body::jsonb->'data'->>'rollout_id' = :rollout GROUP BY id, time ORDER BY time",
            rollout=rollout_id,
        )
        dues = [row[0] for row in rows]
        batches = [dues[start : start + 50] for start in range(0, len(dues), 50)]
        late = sum(max(one) > min(other) for one, other in zip(batches, batches[2:], strict=False))
        self.note("the soonest new deadline first", f"{late} of {len(batches)} batches out of order", "0", late == 0)

    async def signals(self, rollout_id: str) -> None:
        """Only workflows whose deadline moved forward are signalled: a sample of both kinds."""
        client = await Client.connect(self.layout.temporal)
        wrong = 0
        for sooner in (True, False):
            rows = await self.ask(
                "SELECT e.stream FROM log.events AS e JOIN log.events AS raised ON raised.stream = e.stream AND raised.version = 1"
                " WHERE e.type LIKE '%.DeadlineChanged.%' AND e.body::jsonb->'data'->>'rollout_id' = :rollout"
                " AND ((raised.body::jsonb->'data'->>'category') = 'shortcoming') = :sooner"
                " AND raised.body::jsonb->'data'->>'priority' = 'routine' ORDER BY e.stream LIMIT :limit",
                rollout=rollout_id,
                sooner=sooner,
                limit=SAMPLE,
            )
            for (stream,) in rows:
                wanted = 2 if sooner else 1

                async def told(stream: str = stream, wanted: int = wanted) -> bool:
                    return await self._signals_of(client, stream) >= wanted

                await eventually(told, seconds=600, every=1)
                wrong += await self._signals_of(client, stream) != wanted
        self.note("signalled: those whose deadline moved forward", f"{wrong} of {2 * SAMPLE} wrong", "0", wrong == 0)

    @staticmethod
    async def _signals_of(client: Client, issue_id: str) -> int:
        history = await client.get_workflow_handle(workflow_id(issue_id)).fetch_history()
        return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED for event in history.events)

    async def nothing_escalated(self) -> None:
        """No deadline was near, so nothing may have lapsed."""
        ((count,),) = await self.ask("SELECT count(*) FROM log.events WHERE type LIKE '%.Escalated.%'")
        self.note("escalated meanwhile", str(count), "0", count == 0)


def rules(**clocks: str) -> list[dict[str, Any]]:
    """The default with other clocks for categories, e.g. `shortcoming="4 working_hours, 3 working_days"` (accept, handle)."""
    added = [
        rule(name, {"category": name}, **dict(zip(("accept", "handle"), told.split(", "), strict=True))) for name, told in clocks.items()
    ]
    return [each.model_dump(mode="json") for each in (*DEFAULT_RULES, *added)]


SOONER_AND_LATER = {
    "shortcoming": "4 working_hours, 3 working_days",
    "hardship": "2 working_days, 8 working_days",
    "proposal": "2 working_days, 10 working_days",
}
AGAIN = {
    "shortcoming": "5 working_hours, 4 working_days",
    "hardship": "3 working_days, 9 working_days",
    "proposal": "3 working_days, 11 working_days",
}


async def measure(servers: Servers, layout: Layout, count: int) -> list[Figure]:
    """Everything, on a stack that does nothing else."""
    intake, routing = Database(layout.database_url("intake")), Database(layout.database_url("routing"))
    started = time.perf_counter()
    made = await make_open(intake, routing, count)
    _console.print(f"{count} open issues made in {time.perf_counter() - started:.0f} s")
    async with httpx.AsyncClient(base_url=layout.url("routing"), timeout=60, trust_env=False) as client:
        bench = Bench(servers, layout, Api(client))
        rows = await bench.ask("SELECT stream, region FROM log.streams WHERE stream = ANY(:ids)", ids=made)
        issues = [(stream, region) for stream, region in rows]
        await bench.settled(count)
        _console.print(f"every issue has its workflow after {time.perf_counter() - started:.0f} s")
        changed = rules(**SOONER_AND_LATER)
        await bench.preview(changed)
        first = await bench.rolled("first roll-out", changed, issues, kill=False)
        await bench.in_order(first["rollout_id"])
        await bench.signals(first["rollout_id"])
        await bench.rolled("with kill -9 of the worker", rules(**AGAIN), issues, kill=True)
        await bench.nothing_escalated()
        await bench.operator.close()
    await intake.close()
    await routing.close()
    return bench.figures


def main(issues: Annotated[int, typer.Option(help="How many open issues.")] = 20_000) -> None:
    """Start what takes part, measure, stop it. Exit 1 if a figure misses."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        layout = Layout(Path(folder) / "data", free_base(), demo=True)
        layout.make_folders()
        servers = Servers(layout)
        try:
            known = {part.name: part for part in parts(layout)}
            servers.start(*(known[name] for name in SERVERS))
            bootstrap_database.bootstrap(layout)
            servers.start(*(known[name] for name in PROCESSES))
            figures = asyncio.run(measure(servers, layout, issues))
        finally:
            servers.close()
    _console.print(table_of(figures))
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    typer.run(main)
