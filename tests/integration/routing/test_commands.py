"""Commands over HTTP on a real log: the order of refusals, versions, idempotency, races with deadlines, the audit."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.routing.entrypoints.command_bodies import BODIES
from shared.contracts import intake
from shared.ids import new_id
from shared.security.principal import Principal
from tests.integration.routing.issue_support import Office, office
from tests.support.life import COUNTY, MONDAY, TOWNSHIP, VILLAGE
from tests.support.servers import StackDatabase

CADRE = f"cadre-{VILLAGE}"
EXPLAINED = {"outcome": "explained", "result": "已当面说明"}


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def test_accept_answers_with_how_the_issue_stands(desk: Office) -> None:
    issue_id = await desk.raised()
    answer = await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["issue_id"], body["state"], body["level"], body["version"]) == (issue_id, "in_progress", "village", 3)
    assert body["due_at"].startswith("2026-03-09T")
    assert answer.headers["ETag"] == '"3"'


async def test_the_checks_come_in_the_contracts_order(desk: Office) -> None:
    issue_id = await desk.raised()
    stranger = desk.bearer(Principal("officer-330182105000", "经办岗", "officer", ("330182105000",), ()))
    bad = {"nonsense": True}
    wrong = {"If-Match": '"99"'}
    assert (await desk.give(issue_id, "resolve", bad, by={}, **wrong)).status_code == 401
    assert (await desk.give(issue_id, "resolve", bad, by=stranger, **wrong)).status_code == 403
    assert (await desk.give(new_id(), "resolve", bad, by=desk.staff(CADRE), **wrong)).status_code == 404
    assert (await desk.give(issue_id, "resolve", bad, by=desk.staff(CADRE), **wrong)).status_code == 422
    assert (await desk.give(issue_id, "resolve", EXPLAINED, by=desk.staff(CADRE), **wrong)).status_code == 412
    await desk.give(issue_id, "resolve", EXPLAINED, by=desk.staff(CADRE))
    refused = await desk.give(issue_id, "resolve", EXPLAINED, by=desk.staff(CADRE))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_possible_in_state")
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_an_issue_that_is_not_assigned_yet_is_not_yet_known(desk: Office) -> None:
    issue_id = await desk.raised(settle=False)
    answer = await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (404, "issue_not_yet_known", "1")


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (Principal(CADRE, "c", "cadre", (VILLAGE,), (f"{VILLAGE}/village_committee",)), 200),
        (Principal("cadre-330182104012", "c", "cadre", ("330182104012",), ("330182104012/village_committee",)), 403),
        (Principal(f"officer-{TOWNSHIP}", "o", "officer", (TOWNSHIP,), (f"{TOWNSHIP}/construction",)), 403),
        (Principal("officer-330182100000", "o", "officer", ("330182100000",), ()), 403),
        (Principal("officer-330523000000", "o", "officer", ("330523000000",), ()), 403),
        (Principal(f"officer-{COUNTY}", "o", "officer", (COUNTY,), ()), 403),
        (Principal("admin", "a", "admin", (), ()), 403),
        (Principal("operator", "a", "operator", (), ()), 403),
        (Principal("auditor", "a", "auditor", (), ()), 403),
    ],
    ids=["own", "sibling village", "township above", "look-alike township", "other county", "county", "admin", "operator", "auditor"],
)
async def test_who_may_accept(desk: Office, who: Principal, expected: int) -> None:
    issue_id = await desk.raised()
    assert (await desk.give(issue_id, "accept", by=desk.bearer(who))).status_code == expected


async def test_a_stranger_is_refused_every_command_and_each_refusal_is_audited_once(desk: Office) -> None:
    issue_id = await desk.raised()
    stranger = Principal("officer-330182105000", "o", "officer", ("330182105000",), ())
    for command in BODIES:
        assert (await desk.give(issue_id, command, by=desk.bearer(stranger))).status_code == 403
        assert await desk.audit(command) == [("officer-330182105000", "forbidden")]
    assert len(await desk.history(issue_id)) == 2


async def test_conduct_is_not_for_village_staff(desk: Office) -> None:
    issue_id = await desk.raised(category="conduct", topic="service")
    assert (await desk.give(issue_id, "accept", by=desk.staff(CADRE))).status_code == 404
    assert (await desk.give(issue_id, "accept", by=desk.staff(f"officer-{TOWNSHIP}"))).status_code == 200


async def test_the_same_key_has_one_effect_and_a_refusal_is_replayed_too(desk: Office) -> None:
    issue_id = await desk.raised()
    key = {"Idempotency-Key": "k1"}
    answers = [await desk.give(issue_id, "accept", by=desk.staff(CADRE), **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert (await desk.names(issue_id)).count("Accepted") == 1
    refused = [await desk.give(issue_id, "accept", by=desk.staff(CADRE), **{"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [answer.status_code for answer in refused] == [409, 409]
    assert refused[1].headers["Idempotency-Replayed"] == "true"
    other = await desk.give(issue_id, "accept", {"x": 1}, by=desk.staff(CADRE), **key)
    assert other.status_code == 422
    told = [result for _, result in await desk.audit("accept")]
    assert told == ["ok", "ok", "not_possible_in_state", "not_possible_in_state", "invalid_request"]


@pytest.mark.parametrize("field", ["state", "level", "due_at", "region", "version"])
async def test_no_field_of_the_record_can_be_set_from_outside(desk: Office, field: str) -> None:
    issue_id = await desk.raised()
    answer = await desk.give(issue_id, "accept", {field: "county"}, by=desk.staff(CADRE))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")
    assert await desk.names(issue_id) == ["IssueRaised", "Assigned"]


@pytest.mark.parametrize("text", ["请打13812345678联系", "身份证11010519491231002X", " "])
async def test_official_texts_hold_no_personal_data(desk: Office, text: str) -> None:
    issue_id = await desk.raised()
    answer = await desk.give(issue_id, "resolve", {"outcome": "explained", "result": text}, by=desk.staff(CADRE))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/result")


async def test_a_forged_receipt_is_no_evidence(desk: Office) -> None:
    issue_id = await desk.raised()
    body = {"outcome": "solved", "result": "已修好", "evidence": ["forged"]}
    answer = await desk.give(issue_id, "resolve", body, by=desk.staff(CADRE))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/evidence/0")
    missing = await desk.give(issue_id, "resolve", {"outcome": "solved", "result": "已修好"}, by=desk.staff(CADRE))
    assert missing.json()["errors"][0]["pointer"] == "/evidence"


async def test_whoever_comes_after_the_deadline_records_the_lapse_and_is_refused(desk: Office) -> None:
    issue_id = await desk.raised()
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    desk.clock.instant = MONDAY + timedelta(days=10)
    answer = await desk.give(issue_id, "resolve", EXPLAINED, by=desk.staff(CADRE))
    assert (answer.status_code, answer.json()["code"]) == (409, "deadline_lapsed")
    assert (await desk.names(issue_id))[-1] == "Escalated"
    assert await desk.audit("resolve") == [(CADRE, "deadline_lapsed")]
    await desk.settle(issue_id)
    assert (await desk.names(issue_id)).count("Escalated") == 1


async def test_timer_and_handlers_at_the_same_instant_have_one_outcome(desk: Office) -> None:
    for _ in range(20):
        issue_id = await desk.raised()
        await desk.give(issue_id, "accept", by=desk.staff(CADRE))
        due = desk.clock.instant + timedelta(days=30)
        desk.clock.instant = due
        answers = await asyncio.gather(
            desk.issues.tick(issue_id),
            desk.give(issue_id, "resolve", EXPLAINED, by=desk.staff(CADRE)),
            desk.issues.tick(issue_id),
            desk.give(issue_id, "report-progress", {"note": "在办"}, by=desk.staff(CADRE)),
        )
        names = await desk.names(issue_id)
        assert names.count("Escalated") == 1
        assert "Resolved" not in names
        assert answers[1].status_code in (403, 409)
        desk.clock.instant = MONDAY


async def test_worklist_holds_what_waits_for_me_soonest_first(desk: Office) -> None:
    slow = await desk.raised()
    urgent = await desk.raised(priority="urgent")
    other = await desk.raised()
    await desk.give(other, "request-escalation", {"reason": "需要镇里"}, by=desk.staff(CADRE))
    path = "/api/routing/v1/worklist"
    first = (await desk.client.get(path, params={"limit": 1}, headers=desk.staff(CADRE))).json()
    second = (await desk.client.get(path, params={"limit": 5, "cursor": first["next"]}, headers=desk.staff(CADRE))).json()
    assert [item["issue_id"] for item in first["items"] + second["items"]] == [urgent, slow]
    assert second["next"] is None
    township = (await desk.client.get(path, headers=desk.staff(f"officer-{TOWNSHIP}"))).json()
    assert [item["issue_id"] for item in township["items"]] == [other]
    assert (await desk.client.get(path, params={"cursor": "x"}, headers=desk.staff(CADRE))).status_code == 422


async def test_the_explanation_tells_rule_pauses_and_what_is_left(desk: Office) -> None:
    issue_id = await desk.raised()
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    until = (MONDAY + timedelta(days=2)).isoformat()
    await desk.give(issue_id, "suspend", {"condition": "等材料", "until": until}, by=desk.staff(CADRE))
    desk.clock.instant = MONDAY + timedelta(days=2)
    await desk.settle(issue_id)
    told = (await desk.client.get(f"/api/routing/v1/issues/{issue_id}/deadline", headers=desk.staff(CADRE))).json()
    handle = next(deadline for deadline in told["deadlines"] if deadline["kind"] == "handle")
    assert (handle["rule"], handle["policy_version"], handle["calendar_version"]) == ("village", handle["policy_version"], 1)
    assert handle["allowance"] == {"amount": 5, "unit": "working_days"}
    assert [pause["condition"] for pause in handle["pauses"]] == ["等材料"]
    assert handle["seconds_left"] == 5 * 7.5 * 3600
    assert handle["seconds_used"] == 0


async def test_a_withdrawal_that_routing_has_not_read_yet_comes_before_the_command(desk: Office) -> None:
    issue_id = await desk.raised()
    await desk.fact(issue_id, intake.IssueWithdrawn())
    answer = await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    assert answer.status_code == 409
    assert (await desk.names(issue_id))[-2:] == ["Answered", "Closed"]
