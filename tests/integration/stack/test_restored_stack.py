"""The whole drill: a stack that works is saved, lost, restored, and projected again from what was republished: equal, row for row."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from deploy.demo.staff import Api
from deploy.local import postgres
from deploy.local.backup import UNFINISHED
from deploy.local.checks import RESTORING
from deploy.local.layout import Layout
from shared.ids import new_id
from tests.e2e.conftest import HUIYIN, Stack
from tests.e2e.test_2_people import CADRE, body, raised
from tests.support.otlp import receiver
from tests.support.servers import Servers, free_base
from tests.support.size import LONG
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not LONG, reason="two whole stacks, one after the other: make test LONG=1"),
]

PROJECTIONS = ("ledger", "timeline", "transitions")
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Stack]:
    """The stack that is saved and then lost."""
    with receiver() as traces:
        stack = Stack(tmp_path / "lost", free_base(), traces)
        try:
            stack.up()
            yield stack
        finally:
            stack.huiyin("down", check=False)


def projected(layout: Layout) -> Rows:
    """Every row of tracking's projections."""
    with psycopg.connect(postgres.superuser_url(layout, "huiyin")) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {table: cursor.execute(f"SELECT * FROM tracking.{table} ORDER BY 1, 2".encode()).fetchall() for table in PROJECTIONS}


def emptied(layout: Layout) -> None:
    """Forget all projections, and what tracking has seen: only JetStream can bring them back."""
    servers = Servers(layout)
    try:
        servers.start(postgres.part(layout))
        with psycopg.connect(postgres.superuser_url(layout, "huiyin")) as connection:
            connection.execute("TRUNCATE tracking.ledger, tracking.timeline, tracking.transitions, tracking.watermarks, tracking.parked")
    finally:
        servers.close()


def started(words: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen([*HUIYIN, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def killed(words: list[str], reached: Path, told: str) -> None:
    """Run it, and kill it when `reached` is there and says `told`."""
    process = started(words)
    await eventually(
        lambda: process.poll() is not None or (reached.exists() and (not told or told in reached.read_text())), seconds=300, every=0.001
    )
    assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def life(stack: Stack, issues: int) -> None:
    """Issues are raised, every second is accepted, every fourth is resolved; returns when the ledger shows it."""
    async with httpx.AsyncClient(base_url=stack.state.gateway, timeout=60, trust_env=False) as client:
        api = Api(client)
        for number in range(issues):
            issue = await raised(api)
            if number % 2 == 0:
                assert (await api.post(f"/api/routing/v1/issues/{issue}/accept", {}, by=CADRE)).status_code == 200
            if number % 4 == 0:
                resolution = {"outcome": "explained", "result": "已说明"}
                assert (await api.post(f"/api/routing/v1/issues/{issue}/resolve", resolution, by=CADRE)).status_code == 200

    def shown() -> bool:
        states = [row["state"] for row in projected(stack.state.layout)["ledger"]]
        return len(states) == issues and states.count("assigned") == issues / 2

    await eventually(shown, seconds=120, every=0.5)


async def test_a_lost_stack_comes_back(lost: Stack, tmp_path: Path) -> None:
    backup, target, base = tmp_path / "backup", tmp_path / "restored", free_base()
    layout = lost.state.layout
    await life(lost, 12)
    await killed(["backup", str(backup), "--data", str(lost.data)], tmp_path / f"backup{UNFINISHED}" / "database.dump", "")
    assert not backup.exists()
    lost.huiyin("backup", str(backup))
    before = projected(layout)

    async with httpx.AsyncClient(base_url=lost.state.gateway, timeout=60, trust_env=False) as client:
        after_the_backup = await Api(client).post("/api/intake/v1/issues", body(), by=CADRE, key=new_id())
    assert after_the_backup.status_code == 201
    erased = before["ledger"][0]["number"]
    lost.huiyin("reporter", "erase", erased, "--reason", "reporter_asked")
    lost.huiyin("down")

    restore = ["restore", str(backup), "--data", str(target), "--port-base", str(base), "--checkpoints", str(layout.checkpoints)]
    await killed(restore, target / RESTORING, '"database"')
    again = started(restore)
    output, _ = again.communicate()
    assert again.returncode == 0, output
    assert "erased again 1" in output
    assert "are lost" in output

    stack = Stack(target, base, lost.traces)
    emptied(Layout(target, base))
    try:
        stack.up()
        versions = {row["issue_id"]: row["stream_version"] for row in before["ledger"]}

        async def caught_up() -> bool:
            seen = {row["issue_id"]: row["stream_version"] for row in projected(stack.state.layout)["ledger"]}
            return all(seen.get(issue, 0) >= version for issue, version in versions.items())

        await eventually(caught_up, seconds=300, every=1)
        after = projected(stack.state.layout)
        stack.huiyin("events", "verify")
        assert json.loads(stack.huiyin("status", "--json").stdout)["healthy"]
    finally:
        stack.huiyin("down", check=False)

    untouched = {row["issue_id"] for row in after["ledger"] if versions.get(row["issue_id"]) == row["stream_version"]}
    assert len(untouched) > len(versions) / 2  # some went on: their deadlines passed while the stack was away
    assert set(versions) == {row["issue_id"] for row in after["ledger"]}
    for table in PROJECTIONS:
        assert [row for row in after[table] if row["issue_id"] in untouched] == [
            row for row in before[table] if row["issue_id"] in untouched
        ], table
    assert [row for row in before["timeline"] if row not in after["timeline"]] == []
