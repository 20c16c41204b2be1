"""Administrators change deadlines at the command line while issues are running."""

import json
from typing import Any

import pytest

from deploy.demo.staff import Api
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import raised
from tests.support.size import LONG

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def handle(explained: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in explained["deadlines"] if each["kind"] == "handle")


async def test_a_policy_is_drafted_previewed_published_rolled_out_explained_and_taken_back(stack: Stack, api: Api) -> None:
    issue_id = await raised(api)
    before = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    in_force = next(each["version"] for each in json.loads(stack.huiyin("sla", "policies", "--json").stdout)["items"] if each["in_force"])

    draft = json.loads(stack.huiyin("sla", "draft", "--preset", "cpgrams", "--note", "试行", "--json").stdout)
    assert draft["errors"] == []
    preview = json.loads(stack.huiyin("sla", "preview", "--draft", draft["draft_id"], "--issue", issue_id).stdout)
    assert {move["kind"] for move in preview["moves"]} >= {"handle"}
    own = stack.huiyin("sla", "publish", draft["draft_id"], "--open-issues", "recompute", "--as", "admin", check=False)
    assert (own.returncode, "draft" in own.stderr) == (1, True)

    stack.huiyin("sla", "publish", draft["draft_id"], "--open-issues", "recompute")
    after = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    (move,) = handle(after)["moves"]
    assert (move["former_due_at"], move["due_at"]) == (handle(before)["due_at"], handle(after)["due_at"])
    assert handle(after)["allowance"] == {"amount": 21, "unit": "days"}
    assert handle(after)["holds"] is True

    stack.huiyin("sla", "rollback", str(in_force))
    back = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    assert handle(back)["due_at"] == handle(before)["due_at"]
    assert len(json.loads(stack.huiyin("sla", "rollout", "--json").stdout)) >= 2


@pytest.mark.skipif(not LONG, reason="LONG=1: tests of the calendar do the same without a stack")
async def test_a_typhoon_day_stops_the_clocks_of_a_county_and_is_taken_back(stack: Stack, api: Api) -> None:
    issue_id = await raised(api)
    before = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    day = handle(before)["due_at"][:10]
    stack.huiyin("calendar", "set", "330182", day, "stopped", "--note", "台风")
    moved = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    assert handle(moved)["due_at"] > handle(before)["due_at"]
    stack.huiyin("calendar", "set", "330182", day, "none")
    back = json.loads(stack.huiyin("sla", "explain", issue_id, "--json").stdout)
    assert handle(back)["due_at"] == handle(before)["due_at"]
