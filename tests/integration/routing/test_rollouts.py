"""Roll-outs over a real log: how far, how fast, in which order, and what meets them on the way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.routing import context, snapshot
from services.routing.bootstrap import assemble
from shared.contracts import intake
from shared.contracts.routing import RolloutCompleted
from shared.ids import new_id
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.sla_support import (
    CADRE,
    SLA,
    admin,
    batches_of,
    changes,
    completed,
    handle,
    rolled_out,
    rules,
    shown,
    special,
    started,
)
from tests.support.life import PHOTO
from tests.support.servers import StackDatabase


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def steer(desk: Office, rollout_id: str, wish: str) -> tuple[int, Any]:
    answer = await desk.client.post(f"{SLA}/rollouts/{rollout_id}/{wish}", headers=admin(desk))
    return answer.status_code, answer.json()


async def write(desk: Office, statement: str, **values: object) -> None:
    async with desk.app.database.transaction() as session:
        await session.execute(text(statement), values)


async def test_its_page_says_how_far_it_is(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(2, monkeypatch)
    for _ in range(4):
        await desk.raised()
    rollout_id = await started(desk, rules(village="3 working_days"), rate=100)
    waiting = await shown(desk, rollout_id)
    assert (waiting["state"], waiting["total"], waiting["left"], waiting["done"], waiting["rate"]) == ("waiting", None, None, 0, 100)
    await desk.app.rollouts.plan(rollout_id)
    planned = await shown(desk, rollout_id)
    assert (planned["state"], planned["total"], planned["left"], planned["seconds_left"]) == ("running", 4, 4, None)
    await desk.app.rollouts.step(rollout_id)
    desk.clock.advance(timedelta(seconds=10))
    half = await shown(desk, rollout_id)
    assert (half["done"], half["left"], half["moved"], half["seconds_left"]) == (2, 2, 2, 10)
    done = await rolled_out(desk, rollout_id)
    assert (done["state"], done["done"], done["left"], done["moved"], done["failed"], done["failures"]) == ("done", 4, 0, 4, 0, [])
    assert done["seconds_left"] is None
    assert done["ended_at"] == desk.clock.instant.isoformat()
    listed = (await desk.client.get(f"{SLA}/rollouts", headers=admin(desk))).json()["items"]
    assert [each["rollout_id"] for each in listed] == [rollout_id]


async def test_pause_resume_and_cancel(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(1, monkeypatch)
    issues = [await desk.raised() for _ in range(3)]
    rollout_id = await started(desk, rules(village="3 working_days"))
    await desk.app.rollouts.plan(rollout_id)
    await desk.app.rollouts.step(rollout_id)

    assert (await steer(desk, rollout_id, "pause"))[1]["state"] == "paused"
    assert (await desk.app.rollouts.step(rollout_id)).reached == 1
    assert await desk.app.rollouts.to_run() == []
    status, refused = await steer(desk, rollout_id, "pause")
    assert (status, refused["code"], refused["state"]) == (409, "rollout_not_possible", "paused")
    assert "paused" in (await desk.client.post(f"{SLA}/rollouts/{rollout_id}/pause", headers={**admin(desk), "Accept-Language": "en"})).text

    assert (await steer(desk, rollout_id, "resume"))[1]["state"] == "running"
    assert await desk.app.rollouts.to_run() == [rollout_id]
    assert (await steer(desk, rollout_id, "resume"))[0] == 409
    assert (await desk.app.rollouts.step(rollout_id)).reached == 2

    status, cancelled = await steer(desk, rollout_id, "cancel")
    assert (status, cancelled["state"], cancelled["moved"], cancelled["left"]) == (200, "cancelled", 2, 1)
    for wish in ("pause", "resume", "cancel"):
        status, refused = await steer(desk, rollout_id, wish)
        assert (status, refused["state"]) == (409, "cancelled")
    assert (await desk.app.rollouts.step(rollout_id)).reached == 2
    assert await desk.app.rollouts.to_run() == []
    assert sorted([len(await changes(desk, issue_id)) for issue_id in issues]) == [0, 1, 1], "what is moved stays moved"
    assert await completed(desk) == [
        RolloutCompleted(policy="default", version=3, moved=2, failed=0, rollout_id=rollout_id, cancelled=True)
    ]
    assert ("admin", "ok") in await desk.audit("pause_rollout")
    assert (await steer(desk, new_id(), "pause"))[0] == 404


async def test_a_waiting_one_can_be_paused_and_waits_again(desk: Office) -> None:
    await desk.raised()
    rollout_id = await started(desk, rules(village="3 working_days"))
    await steer(desk, rollout_id, "pause")
    assert (await desk.app.rollouts.plan(rollout_id)).state == "paused"
    assert (await steer(desk, rollout_id, "resume"))[1]["state"] == "waiting"
    assert (await rolled_out(desk, rollout_id))["moved"] == 1


async def test_a_done_one_cannot_be_steered(desk: Office) -> None:
    rollout_id = await started(desk, rules(village="3 working_days"))
    assert (await rolled_out(desk, rollout_id))["total"] == 0
    for wish in ("pause", "resume", "cancel"):
        status, refused = await steer(desk, rollout_id, wish)
        assert (status, refused["state"]) == (409, "done")
    assert (await desk.app.rollouts.plan(rollout_id)).state == "done"
    assert len(await completed(desk)) == 1


async def test_the_soonest_new_deadline_comes_first(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(1, monkeypatch)
    plain, soonest, later = await desk.raised(), await desk.raised(labels=("soon",)), await desk.raised(priority="urgent")
    new = [*rules(village="4 working_days"), special("soon", {"label": "soon"}, handle="1 working_days")]
    next(each for each in new if each["rule"] == "village-urgent")["set"]["handle"] = {"amount": 30, "unit": "days"}
    await rolled_out(desk, await started(desk, new))
    async with desk.app.database.transaction() as session:
        moved = await session.execute(text("SELECT stream FROM log.events WHERE type = 'huiyin.issue.DeadlineChanged.v1' ORDER BY id"))
        assert list(moved.scalars()) == [soonest, plain, later]


async def test_an_issue_that_somebody_works_on_is_moved_by_its_stream(desk: Office) -> None:
    changed, withdrawn, other = [await desk.raised() for _ in range(3)]
    rollout_id = await started(desk, rules(village="3 working_days"))
    await desk.app.rollouts.plan(rollout_id)
    await desk.fact(changed, intake.AttachmentAdded(evidence=PHOTO))
    await desk.fact(withdrawn, intake.IssueWithdrawn())
    done = await rolled_out(desk, rollout_id)
    assert (done["moved"], done["unchanged"], done["failed"]) == (2, 1, 0)
    assert (await desk.names(changed))[-2:] == ["AttachmentAdded", "DeadlineChanged"]
    assert (await desk.names(other))[-1] == "DeadlineChanged"
    names = await desk.names(withdrawn)
    assert names[-1] == "Closed"
    assert "DeadlineChanged" not in names
    assert [recorded.version for recorded in await desk.history(changed)] == [1, 2, 3, 4]


async def test_what_is_due_takes_effect_before_the_move(desk: Office) -> None:
    issue_id = await desk.raised()
    warn_at = next(each.warn_at for each in (await desk.history(issue_id))[1].data.deadlines if each.kind == "accept")  # type: ignore[attr-defined]
    assert warn_at is not None
    desk.clock.instant = warn_at
    rollout_id = await started(desk, rules(village="3 working_days"))
    assert (await rolled_out(desk, rollout_id))["moved"] == 1
    assert (await desk.names(issue_id))[-2:] == ["DeadlineWarned", "DeadlineChanged"]


async def test_an_issue_that_had_to_climb_climbs_and_has_the_new_clocks(desk: Office) -> None:
    issue_id = await desk.raised()
    desk.clock.advance(timedelta(days=1))
    rollout_id = await started(desk, rules(village="3 working_days", township="2 working_days"))
    done = await rolled_out(desk, rollout_id)
    assert (done["moved"], done["unchanged"]) == (0, 1)
    assert (await desk.names(issue_id))[-1] == "Escalated"
    clock = await handle(desk, issue_id)
    assert (clock.policy_version, clock.rule, clock.allowance.amount if clock.allowance else 0) == (3, "township", 2)


async def test_one_that_cannot_be_moved_is_named_and_the_others_go_on(desk: Office) -> None:
    first, second = await desk.raised(), await desk.raised()
    lost = new_id()
    columns = [name for name in snapshot.COLUMNS.replace("clocks::text AS ", "").split(", ") if name != "issue_id"]
    rest = ", ".join([*columns, "task_units"])
    copy = f"INSERT INTO issues (issue_id, {rest}) SELECT :lost, {rest} FROM issues WHERE issue_id = :first"
    await write(desk, copy, lost=lost, first=first)
    done = await rolled_out(desk, await started(desk, rules(village="3 working_days")))
    assert (done["state"], done["total"], done["moved"], done["failed"]) == ("done", 3, 2, 1)
    assert done["failures"] == [{"issue_id": lost, "error": f"UnknownIssue: {lost}"}]
    assert [len(await changes(desk, issue_id)) for issue_id in (first, second)] == [1, 1]
    assert [(each.moved, each.failed) for each in await completed(desk)] == [(2, 1)]


async def test_only_what_is_better_for_the_citizen(desk: Office) -> None:
    slower, faster = await desk.raised(), await desk.raised(labels=("fast",))
    before = await handle(desk, slower)
    new = [*rules(village="9 working_days"), special("fast", {"label": "fast"}, handle="1 working_days")]
    done = await rolled_out(desk, await started(desk, new, "recompute_if_better"))
    assert (done["open_issues"], done["total"], done["moved"]) == ("recompute_if_better", 1, 1)
    assert await handle(desk, slower) == before
    assert (await handle(desk, faster)).rule == "fast"


async def test_what_would_be_overdue_at_once_gets_grace(desk: Office) -> None:
    issue_id = await desk.raised()
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    desk.clock.advance(timedelta(days=2))
    await rolled_out(desk, await started(desk, rules(village="1 working_days")))
    assert "Escalated" not in await desk.names(issue_id)
    (changed,) = await changes(desk, issue_id)
    assert changed.grace == (changed.deadlines[0].deadline_id,)
    graced = await handle(desk, issue_id)
    assert (graced.setting, graced.due_at) == ("grace", desk.clock.instant + timedelta(days=1))
    desk.clock.instant = graced.due_at - timedelta(seconds=1)
    await desk.settle(issue_id)
    assert "Escalated" not in await desk.names(issue_id)
    desk.clock.instant = graced.due_at
    await desk.settle(issue_id)
    assert (await desk.names(issue_id))[-1] == "Escalated"


async def test_steps_at_the_same_time_move_nothing_twice(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    batches_of(2, monkeypatch)
    issues = [await desk.raised() for _ in range(5)]
    rollout_id = await started(desk, rules(village="3 working_days"))
    await asyncio.gather(*(desk.app.rollouts.plan(rollout_id) for _ in range(2)))
    for issue_id in issues[:2]:
        await desk.fact(issue_id, intake.AttachmentAdded(evidence=PHOTO))
    await asyncio.gather(*(desk.app.rollouts.step(rollout_id) for _ in range(4)))
    done = await rolled_out(desk, rollout_id)
    assert (done["state"], done["total"], done["done"], done["moved"]) == ("done", 5, 5, 5)
    assert [len(await changes(desk, issue_id)) for issue_id in issues] == [1] * 5
    assert len(await completed(desk)) == 1


async def test_the_sweep_finds_what_was_decided_by_the_former_rules(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "LOOK_AGAIN_AFTER", float("inf"))
    slow = assemble(desk.app.settings, desk.app.database, desk.app.log, desk.clock)
    async with slow.database.transaction() as session:
        await slow.contexts.context(session)
    early = await desk.raised()
    rollout_id = await started(desk, rules(village="3 working_days"))
    assert (await desk.app.rollouts.plan(rollout_id)).left == 1
    late = await desk.raised(settle=False)
    async with slow.database.transaction() as session:
        await slow.issues.settle(session, await slow.issues.load(session, late))
    assert (await handle(desk, late)).policy_version == 1
    done = await rolled_out(desk, rollout_id)
    assert (done["total"], done["moved"]) == (2, 2)
    assert [(await handle(desk, issue_id)).policy_version for issue_id in (early, late)] == [3, 3]


async def test_a_row_that_tells_nothing_is_looked_at_by_its_stream(desk: Office) -> None:
    issue_id = await desk.raised()
    await write(desk, "UPDATE issues SET clocks = NULL")
    done = await rolled_out(desk, await started(desk, rules(village="3 working_days")))
    assert (done["total"], done["moved"]) == (1, 1)
    assert len(await changes(desk, issue_id)) == 1
