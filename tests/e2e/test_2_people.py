"""What people may and may not do on a running stack, and where a reporter's name never shows up."""

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from deploy.demo.staff import Api
from deploy.local.postgres import superuser_url
from services.routing.entrypoints.command_bodies import BODIES
from shared.ids import new_id
from tests.e2e.conftest import Stack
from tests.support.raising import issue_body
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)
"""Starting a stack and playing the demo take their time on a busy machine."""

VILLAGE, TOWNSHIP, NEXT_TOWNSHIP = "330182104228", "330182104000", "330182105000"
CADRE = f"cadre-{VILLAGE}"
STRANGER = f"officer-{NEXT_TOWNSHIP}"
NAME, PHONE, PLACE = "欧阳金丝雀", "13712345678", "金丝雀巷七号"
"""Canaries: nobody else is called so, and no other text holds them."""

LATER = (datetime.now(UTC) + timedelta(days=9)).isoformat()
BODIES_OF: dict[str, dict[str, Any]] = {
    "report-progress": {"note": "已到现场"},
    "resolve": {"outcome": "explained", "result": "已说明"},
    "request-escalation": {"reason": "超出职权"},
    "return": {"reason": "不属于本单位"},
    "arbitrate": {"unit": "construction", "reason": "由其负责"},
    "reassign": {"unit": "village_committee", "reason": "换人"},
    "reclassify": {"priority": "urgent", "reason": "更正"},
    "invite": {"tasks": [{"unit": "construction", "task": "查看", "due_at": LATER}]},
    "complete-task": {"task_id": "t", "result": "已查看"},
    "suspend": {"condition": "等待鉴定", "until": LATER},
    "request-extension": {"until": LATER, "reason": "材料晚到"},
    "decide-extension": {"granted": True, "reason": "同意"},
    "refer": {"to": "上级部门", "promised_by": LATER},
    "supervise": {"kind": "urge"},
    "record-return-visit": {"result": "content"},
    "reopen": {"reason": "又坏了"},
}


def body(**changes: Any) -> dict[str, Any]:
    reporter = {"name": NAME, "phone": PHONE}
    return issue_body(**{"channel": "home_visit", "narrative": f"住在{PLACE},晚上看不见路。", "reporter": reporter} | changes)


async def raised(api: Api, **changes: Any) -> str:
    """An issue that the village's cadre raised and that is assigned."""
    answer = await api.post("/api/intake/v1/issues", body(**changes), by=CADRE, key=new_id())
    assert answer.status_code == 201, answer.text
    issue_id = str(answer.json()["issue_id"])

    async def assigned() -> bool:
        shown = await api.get(f"/api/tracking/v1/issues/{issue_id}", by=CADRE)
        return shown.status_code == 200 and shown.json()["state"] == "assigned"

    await eventually(assigned, seconds=20)
    return issue_id


async def test_an_officer_of_the_next_township_can_do_and_see_nothing(api: Api) -> None:
    issue_id = await raised(api)
    for command in BODIES:
        answer = await api.post(f"/api/routing/v1/issues/{issue_id}/{command}", BODIES_OF.get(command, {}), by=STRANGER)
        assert answer.status_code == 403, (command, answer.text)
    for path in (
        f"/api/tracking/v1/issues/{issue_id}",
        f"/api/intake/v1/issues/{issue_id}/statement",
        f"/api/routing/v1/issues/{issue_id}/deadline",
        f"/api/notify/v1/notices?issue_id={issue_id}",
    ):
        assert (await api.get(path, by=STRANGER)).status_code in (403, 404), path
    listed = (await api.get("/api/tracking/v1/issues", by=STRANGER)).json()
    assert issue_id not in str(listed)


@pytest.mark.parametrize("path", ["/api/routing/v1/directory/officers", "/api/routing/v1/directory/units"])
async def test_a_cadre_cannot_call_administrators_endpoints(api: Api, path: str) -> None:
    assert (await api.get(path, by=CADRE)).status_code == 403


async def test_unknown_fields_and_wrong_versions(api: Api) -> None:
    answer = await api.post("/api/intake/v1/issues", body(state="closed"), by=CADRE, key=new_id())
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/state"
    issue_id = await raised(api)
    path = f"/api/routing/v1/issues/{issue_id}/accept"
    assert (await api.post(path, {"level": "county"}, by=CADRE)).status_code == 422
    wrong = await api.client.post(path, json={}, headers={"If-Match": '"99"', "Authorization": f"Bearer {await api.token(CADRE)}"})
    assert (wrong.status_code, wrong.json()["code"]) == (412, "version_mismatch")
    shown = await api.get(f"/api/tracking/v1/issues/{issue_id}", by=CADRE)
    right = await api.client.post(
        path, json={}, headers={"If-Match": shown.headers["ETag"], "Authorization": f"Bearer {await api.token(CADRE)}"}
    )
    assert (right.status_code, right.json()["state"]) == (200, "in_progress")


async def test_the_same_key_gives_the_first_answer_and_a_refusal_says_what_is_possible(api: Api) -> None:
    issue_id = await raised(api)
    path, key = f"/api/routing/v1/issues/{issue_id}/accept", new_id()
    first = await api.post(path, {}, by=CADRE, key=key)
    again = await api.post(path, {}, by=CADRE, key=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    refused = await api.post(path, {}, by=CADRE)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_possible_in_state")
    assert "resolve" in refused.json()["allowed"]


async def test_an_urgent_issue_keeps_real_deadlines_beside_the_demo(api: Api) -> None:
    issue_id = await raised(api, priority="urgent")
    told = (await api.get(f"/api/routing/v1/issues/{issue_id}/deadline", by=CADRE)).json()
    rules = {deadline["kind"]: deadline["rule"] for deadline in told["deadlines"]}
    assert rules["accept"] == "urgent"
    assert rules["handle"] == "village-urgent"


async def test_the_reporters_name_phone_and_place_are_in_intakes_vault_alone(stack: Stack, api: Api) -> None:
    issue_id = await raised(api)
    statement = (await api.get(f"/api/intake/v1/issues/{issue_id}/statement", by=CADRE)).text
    assert NAME in statement
    assert PHONE in statement

    async def told() -> bool:
        notices = (await api.get(f"/api/notify/v1/notices?issue_id={issue_id}", by=CADRE)).text
        assert PHONE not in notices
        return '"delivered"' in notices

    await eventually(told, seconds=30)
    for canary in (NAME, PHONE, PLACE):
        assert _files_with(stack, canary) == ""
        assert _schemas_with(stack, canary) == []
        assert not any(canary.encode() in exported for exported in stack.traces.raw)


def _files_with(stack: Stack, canary: str) -> str:
    """Files of NATS, Temporal, logs and process notes that hold the canary."""
    places = [*(stack.data / part for part in ("nats", "logs", "run")), *stack.data.glob("temporal.sqlite*")]
    return subprocess.run(["grep", "-rlaF", canary, *map(str, places)], capture_output=True, text=True, check=False).stdout


def _schemas_with(stack: Stack, canary: str) -> list[str]:
    """Every table that holds the canary in any column, as text or as bytes."""
    found: list[str] = []
    schemas = ["log", "intake", "routing", "tracking", "notify"]
    tables = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = ANY(%s)"
    with psycopg.connect(superuser_url(stack.state.layout, "huiyin")) as database:
        for schema, table in database.execute(tables, (schemas,)).fetchall():
            hidden = f"SELECT count(*) FROM {schema}.{table} AS t WHERE t::text LIKE %s OR t::text LIKE %s"
            as_bytes = canary.encode().hex()
            if database.execute(hidden.encode(), (f"%{canary}%", f"%{as_bytes}%")).fetchone() != (0,):
                found.append(f"{schema}.{table}")
    return found
