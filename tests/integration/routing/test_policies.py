"""Policies over HTTP on a real log: drafts, refusals, four eyes, preview, roll-out, the way back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.routing.domain.clocks import due
from shared.contracts.routing import DeadlineChanged, RolloutCompleted
from shared.security.principal import Principal
from shared.worktime import Calendar
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.sla_support import CADRE, SLA, admin, drafted, published, rolled_out, rules
from tests.support.life import MONDAY
from tests.support.servers import StackDatabase


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def test_a_policy_goes_from_draft_to_open_issues_and_back(desk: Office) -> None:
    issue_id = await desk.raised()
    before = {each.kind: each for each in (await desk.history(issue_id))[1].data.deadlines}  # type: ignore[attr-defined]

    preview = await desk.client.post(f"{SLA}/policies/preview", json={"rules": rules(village="3 working_days")}, headers=admin(desk))
    assert preview.status_code == 200, preview.text
    assert (preview.json()["open"], preview.json()["moved"], preview.json()["earlier"]) == (1, 1, 1)
    assert preview.json()["worst"][0]["issue_id"] == issue_id

    answer = await published(desk, {"note": "更快", "rules": rules(village="3 working_days")})
    assert answer.status_code == 200, answer.text
    assert answer.json()["policy"]["version"] == 3
    assert (answer.json()["policy"]["drafted_by"], answer.json()["policy"]["by"]) == ("admin", "admin2")

    shown = await rolled_out(desk, answer.json()["rollout"]["rollout_id"])
    assert (shown["state"], shown["total"], shown["moved"], shown["failed"]) == ("done", 1, 1, 0)
    changed = (await desk.history(issue_id))[-1].data
    assert isinstance(changed, DeadlineChanged)
    (former,), (moved,) = changed.former, changed.deadlines
    assert former == before["handle"]
    assert (moved.kind, moved.policy_version, moved.rule, moved.started_at) == ("handle", 3, "village", MONDAY)
    assert moved.due_at < former.due_at
    async with desk.app.database.transaction() as session:
        known = await desk.app.rules.fresh(session)
        completed = (await desk.app.log.load(session, "policy-default")).events[-1].data
    assert due(moved, Calendar.of(known.calendars[-1])) == moved.due_at
    assert completed == RolloutCompleted(policy="default", version=3, moved=1, failed=0, rollout_id=shown["rollout_id"])

    back = await desk.client.post(f"{SLA}/policies/versions/2/roll-back", json={}, headers=admin(desk))
    assert back.status_code == 200, back.text
    assert (back.json()["policy"]["version"], back.json()["policy"]["restores"]) == (4, 2)
    await rolled_out(desk, back.json()["rollout"]["rollout_id"])
    assert (await desk.history(issue_id))[-1].data.deadlines[0].due_at == former.due_at  # type: ignore[attr-defined]


async def test_what_is_wrong_is_named_by_rule_and_field(desk: Office) -> None:
    wrong = [*rules(), {"rule": "again", "match": {"level": "village"}, "set": {"handle": {"amount": 1, "unit": "days"}}}]
    wrong.append({"rule": "nowhere", "match": {"topic": "moon"}, "set": {"handle": {"amount": 0, "unit": "days"}}})
    draft = await drafted(desk, {"rules": wrong})
    codes = {(error["pointer"], error["code"]) for error in draft.json()["errors"]}
    last = len(wrong) - 1
    assert (f"/rules/{last}/match/topic", "unknown_topic") in codes
    assert (f"/rules/{last}/set/handle", "not_positive") in codes
    assert ("/rules/1/set/handle", "rules_overlap") in codes
    assert any("village, again" in error["detail"] or "village,again" in error["detail"] for error in draft.json()["errors"])
    answer = await published(desk, {"rules": wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")

    without = await published(desk, {"rules": rules()[1:]})
    assert "no_rule_for_everything" in {error["code"] for error in without.json()["errors"]}
    negative = [*rules(), {"rule": "below", "match": {"label": "x"}, "set": {"handle": {"amount": -1, "unit": "days"}}}]
    refused = await drafted(desk, {"rules": negative})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"/rules/{last - 1}/set/handle"


async def test_nobody_publishes_their_own_draft_or_one_that_was_overtaken(desk: Office) -> None:
    draft = (await drafted(desk, {"preset": "hotline_12345"})).json()
    path = f"{SLA}/policies/drafts/{draft['draft_id']}/publish"
    own = await desk.client.post(path, json={"open_issues": "keep"}, headers={**admin(desk), "If-Match": '"1"'})
    assert (own.status_code, own.json()["code"]) == (403, "own_draft")
    blind = await desk.client.post(path, json={"open_issues": "keep"}, headers=admin(desk, "admin2"))
    assert (blind.status_code, blind.json()["code"]) == (428, "version_required")
    stale = await desk.client.post(path, json={"open_issues": "keep"}, headers={**admin(desk, "admin2"), "If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    assert (await published(desk, {"preset": "cpgrams"}, "keep")).status_code == 200
    overtaken = await desk.client.post(path, json={"open_issues": "keep"}, headers={**admin(desk, "admin2"), "If-Match": '"1"'})
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "draft_overtaken")


async def test_a_repeated_request_has_the_first_answer_and_one_effect(desk: Office) -> None:
    async def twice(path: str, by: str, key: str, **body: str) -> httpx.Response:
        headers = {**admin(desk, by), "If-Match": '"1"', "Idempotency-Key": key}
        first, again = [await desk.client.post(f"{SLA}/policies/{path}", json=body, headers=headers) for _ in range(2)]
        assert first.status_code in (200, 201), first.text
        assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (first.status_code, first.content, "true")
        return first

    drafted = await twice("drafts", "admin", "draft-1", preset="hotline_12345")
    draft_id = drafted.json()["draft_id"]
    await twice(f"drafts/{draft_id}/publish", "admin2", "publish-1", open_issues="keep")
    await twice("versions/2/roll-back", "admin", "back-1", open_issues="keep")
    assert (await desk.client.get(f"{SLA}/policies/drafts/{draft_id}", headers=admin(desk))).status_code == 404
    known = (await desk.client.get(f"{SLA}/policies", headers=admin(desk))).json()["items"]
    assert [each["version"] for each in known] == [4, 3, 2, 1]
    assert await desk.audit("publish_policy") == [("admin2", "ok")]


async def test_only_administrators_come_near(desk: Office) -> None:
    for who in (desk.staff(CADRE), desk.bearer(Principal("operator", "运维", "operator", (), ()))):
        assert (await desk.client.get(f"{SLA}/policies", headers=who)).status_code == 403
        assert (await desk.client.post(f"{SLA}/policies/drafts", json={}, headers=who)).status_code == 403
    assert (await desk.client.get(f"{SLA}/rollouts")).status_code == 401


async def test_a_future_policy_waits_for_its_instant(desk: Office) -> None:
    start = MONDAY + timedelta(days=1)
    answer = await published(desk, {"rules": rules(village="1 working_days")}, "keep", effective_from=start.isoformat())
    assert answer.status_code == 200, answer.text
    today = await desk.raised()
    assert (await desk.history(today))[1].data.deadlines[1].policy_version < 3  # type: ignore[attr-defined]
    desk.clock.advance(timedelta(days=1))
    tomorrow = await desk.raised()
    assert (await desk.history(tomorrow))[1].data.deadlines[1].policy_version == 3  # type: ignore[attr-defined]


async def test_the_audit_has_before_and_after(desk: Office) -> None:
    await published(desk, {"rules": rules(village="3 working_days")}, "keep")
    assert await desk.audit("publish_policy") == [("admin2", "ok")]
    assert await desk.audit("begin_draft") == [("admin", "ok")]
