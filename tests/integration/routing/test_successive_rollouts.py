"""Roll-outs one after the other and beside each other: of policies, of the calendar, at once and later."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.routing.rollouts import CAUGHT_UP
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.sla_support import (
    CADRE,
    CALENDAR,
    SLA,
    admin,
    batches_of,
    completed,
    handle,
    published,
    rolled_out,
    rules,
    shown,
    started,
)
from tests.support.life import MONDAY
from tests.support.servers import StackDatabase


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def test_keep_begins_no_roll_out(desk: Office) -> None:
    await desk.raised()
    answer = await published(desk, {"rules": rules(village="3 working_days")}, "keep")
    assert answer.json()["rollout"] is None
    assert (await desk.client.get(f"{SLA}/rollouts", headers=admin(desk))).json() == {"items": []}


async def test_a_publication_ends_the_one_before_and_reaches_what_it_left(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(1, monkeypatch)
    issues = [await desk.raised() for _ in range(2)]
    older = await started(desk, rules(village="3 working_days"))
    await desk.app.rollouts.plan(older)
    await desk.app.rollouts.step(older)
    newer = await started(desk, rules(village="2 working_days"))
    assert (await shown(desk, older))["state"] == "cancelled"
    assert (await desk.app.rollouts.step(older)).reached == 1
    done = await rolled_out(desk, newer)
    assert (done["total"], done["moved"]) == (2, 2)
    assert [(await handle(desk, issue_id)).policy_version for issue_id in issues] == [4, 4]
    assert [(each.rollout_id, each.version, each.moved, each.cancelled) for each in await completed(desk)] == [
        (older, 3, 1, True),
        (newer, 4, 2, False),
    ]


async def test_a_policy_of_the_future_keeps_its_roll_out_when_the_calendar_changes(desk: Office) -> None:
    issue_id = await desk.raised()
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    start = MONDAY + timedelta(days=1)
    later = await started(desk, rules(village="4 working_days"), effective_from=start.isoformat())
    assert await desk.app.rollouts.to_run() == []
    calendar = await desk.client.put(CALENDAR, json={"holidays": ["2026-03-06"]}, headers={**admin(desk), "If-Match": "*"})
    assert calendar.status_code == 200, calendar.text
    assert (await shown(desk, later))["state"] == "waiting"
    await rolled_out(desk, calendar.json()["rollout"]["rollout_id"])
    desk.clock.instant = start
    assert await desk.app.rollouts.to_run() == [], "other processes may not know the new rules yet"
    desk.clock.instant = start + CAUGHT_UP
    assert await desk.app.rollouts.to_run() == [later]
    assert (await rolled_out(desk, later))["moved"] == 1
    assert (await handle(desk, issue_id)).policy_version == 3


async def test_a_policy_of_the_future_lets_what_runs_go_on_and_ends_what_it_comes_before(desk: Office) -> None:
    running = await started(desk, rules(village="4 working_days"))
    soon, late = MONDAY + timedelta(days=7), MONDAY + timedelta(days=14)
    second = await started(desk, rules(village="3 working_days"), effective_from=late.isoformat())
    third = await started(desk, rules(village="2 working_days"), effective_from=soon.isoformat())
    states = [(await shown(desk, each))["state"] for each in (running, second, third)]
    assert states == ["waiting", "cancelled", "waiting"], "the second never comes into force: a newer one does before it"
    at_once = await started(desk, rules(village="1 working_days"))
    assert [(await shown(desk, each))["state"] for each in (running, third, at_once)] == ["cancelled", "cancelled", "waiting"]


async def test_a_calendar_goes_beside_a_policy_and_ends_only_a_calendar(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(1, monkeypatch)
    issues = [await desk.raised() for _ in range(2)]
    policy = await started(desk, rules(village="4 working_days"))
    await desk.app.rollouts.plan(policy)
    await desk.app.rollouts.step(policy)
    known = (await desk.client.get(CALENDAR, headers=admin(desk))).json()
    first, second = [
        (await desk.client.put(CALENDAR, json={"holidays": [*known["holidays"], *days]}, headers={**admin(desk), "If-Match": "*"})).json()
        for days in (["2026-03-04"], ["2026-03-04", "2026-03-05"])
    ]
    calendar = second["rollout"]["rollout_id"]
    states = [(await shown(desk, each))["state"] for each in (policy, first["rollout"]["rollout_id"], calendar)]
    assert states == ["running", "cancelled", "waiting"]
    assert (await rolled_out(desk, calendar))["state"] == "done"
    assert (await rolled_out(desk, policy))["state"] == "done"
    for issue_id in issues:
        clock = await handle(desk, issue_id)
        assert (clock.policy_version, clock.calendar_version, clock.due_at) == (3, 3, MONDAY + timedelta(days=7 + 1)), clock


async def test_calendars_and_roll_backs_begin_roll_outs_too(desk: Office) -> None:
    issue_id = await desk.raised()
    before = await handle(desk, issue_id)
    known = (await desk.client.get(CALENDAR, headers=admin(desk))).json()
    answer = await desk.client.put(
        CALENDAR, json={"holidays": [*known["holidays"], "2026-03-04"]}, headers={**admin(desk), "If-Match": f'"{known["version"]}"'}
    )
    began = answer.json()["rollout"]
    assert (began["calendar_version"], began["policy_version"], began["state"]) == (2, 1, "waiting")
    assert (await rolled_out(desk, began["rollout_id"]))["moved"] == 1
    after = await handle(desk, issue_id)
    assert (after.calendar_version, after.policy_version, after.due_at) == (2, 1, before.due_at + timedelta(days=1))

    await rolled_out(desk, await started(desk, rules(village="3 working_days")))
    back = await desk.client.post(f"{SLA}/policies/versions/1/roll-back", json={"rate": 7}, headers=admin(desk))
    began = back.json()["rollout"]
    assert (began["policy_version"], began["rate"], began["open_issues"]) == (4, 7, "recompute")
    assert (await rolled_out(desk, began["rollout_id"]))["moved"] == 1
    assert (await handle(desk, issue_id)).due_at == after.due_at
    assert (await desk.client.post(f"{SLA}/policies/versions/99/roll-back", json={}, headers=admin(desk))).status_code == 404


async def test_a_deadline_that_was_kept_is_kept_when_the_calendar_changes(desk: Office) -> None:
    issue_id = await desk.raised()
    await published(desk, {"rules": rules(village="9 working_days")}, "keep")
    known = (await desk.client.get(CALENDAR, headers=admin(desk))).json()
    answer = await desk.client.put(
        CALENDAR, json={"holidays": [*known["holidays"], "2026-03-04"]}, headers={**admin(desk), "If-Match": '"1"'}
    )
    await rolled_out(desk, answer.json()["rollout"]["rollout_id"])
    kept = await handle(desk, issue_id)
    assert (kept.policy_version, kept.allowance.amount if kept.allowance else 0) == (1, 5)
