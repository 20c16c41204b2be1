"""Parts that die or lose everything: whatever the log holds goes on."""

import asyncio
import os
import shutil
import signal
from typing import Any

import pytest

from deploy.demo.staff import Api
from shared.ids import new_id
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import CADRE, body, raised
from tests.support.size import LONG
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)
"""Starting a stack and playing the demo take their time on a busy machine."""

PARTS = ("routing-worker", "relay", "nats", "temporal", "tracking", "postgres")
KILLED_TOGETHER = [(name,) for name in PARTS] if LONG else [PARTS[:3], PARTS[3:]]

LAPSES = "demo-01"
"""The demo's label whose handle deadline at the village is 3 seconds."""


async def state_of(api: Api, issue_id: str) -> tuple[str, str | None]:
    answer = await api.get(f"/api/tracking/v1/issues/{issue_id}", by=CADRE)
    return (answer.json()["state"], answer.json()["level"]) if answer.status_code == 200 else ("", None)


async def climbs(api: Api, issue_id: str) -> None:
    async def lifted() -> bool:
        return await state_of(api, issue_id) == ("assigned", "township")

    await eventually(lifted, seconds=60)


async def test_a_deadline_survives_kill_9_of_each_part_on_its_way(stack: Stack, api: Api) -> None:
    for names in KILLED_TOGETHER:
        answer = await api.post("/api/intake/v1/issues", body(labels=[LAPSES]), by=CADRE, key=new_id())
        pids = {process["name"]: process["pid"] for process in stack.state.processes}
        for name in names:
            os.kill(pids[name], signal.SIGKILL)
        await climbs(api, answer.json()["issue_id"])
    await eventually(lambda: stack.state.healthy, seconds=60)
    stack.huiyin("events", "verify")


async def test_jetstream_and_temporal_can_be_deleted(stack: Stack, api: Api) -> None:
    waiting = await raised(api)
    answer = await api.post(f"/api/routing/v1/issues/{waiting}/accept", {}, by=CADRE)
    assert answer.status_code == 200
    secret, keys = (stack.data / "secrets" / "gateway-token").read_text(), await published_keys(api)
    stack.down()
    shutil.rmtree(stack.data / "nats")
    for path in stack.data.glob("temporal.sqlite*"):
        path.unlink()
    await asyncio.to_thread(stack.up)
    stack.huiyin("events", "republish")
    stack.huiyin("routing", "reseat", "--all")
    stack.huiyin("events", "verify")
    answer = await api.post("/api/intake/v1/issues", body(labels=[LAPSES]), by=CADRE, key=new_id())
    await climbs(api, answer.json()["issue_id"])
    assert await state_of(api, waiting) == ("in_progress", "village")
    assert (stack.data / "secrets" / "gateway-token").read_text() == secret
    assert await published_keys(api) == keys


async def published_keys(api: Api) -> dict[str, Any]:
    return (await api.client.get("/api/routing/v1/jwks.json")).json()
