"""Looks at issues whose deadlines lapse at the same time share a transaction, and none of them pays for another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from services.routing.domain.state import Issue
from services.routing.handlers import UnknownIssue
from shared.contracts.routing import ProgressReported
from shared.ids import new_id
from tests.integration.routing.issue_support import Office, office
from tests.support.life import MONDAY, VILLAGE
from tests.support.servers import StackDatabase

CADRE = f"cadre-{VILLAGE}"
LAPSED = MONDAY + timedelta(days=10)


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def overdue(desk: Office, count: int) -> list[str]:
    """Accepted issues whose deadlines lapse while the clock is moved, each owing just that."""
    issues = [await desk.raised() for _ in range(count)]
    for issue_id in issues:
        await desk.give(issue_id, "accept", by=desk.staff(CADRE))
        (due,) = [deadline for deadline in (await loaded(desk, issue_id)).running if deadline.kind == "handle"]
        assert due.warn_at is not None
        desk.clock.instant = due.warn_at
        await desk.settle(issue_id)
        desk.clock.instant = MONDAY
    desk.clock.instant = LAPSED
    return issues


async def loaded(desk: Office, issue_id: str) -> Issue:
    async with desk.app.database.transaction() as session:
        return (await desk.issues.load(session, issue_id)).issue


async def transactions(desk: Office, issues: list[str]) -> set[int]:
    """The transactions in which the rows of these issues were written last."""
    query = text("SELECT xmin::text::bigint FROM issues WHERE issue_id = ANY(:issues)")
    async with desk.app.database.transaction() as session:
        return set((await session.execute(query, {"issues": issues})).scalars())


async def test_they_share_a_transaction_and_each_climbs_once(desk: Office) -> None:
    issues = await overdue(desk, 5)
    seen = await asyncio.gather(*(desk.issues.tick(issue_id, by_timer=True) for issue_id in issues))
    assert [each.level for each in seen] == ["township"] * 5
    assert [(await desk.names(issue_id)).count("Escalated") for issue_id in issues] == [1] * 5
    assert len(await transactions(desk, issues)) == 1
    for issue_id, each in zip(issues, seen, strict=True):
        row = await loaded(desk, issue_id)
        assert (each.version, each.due_at, each.next_at) == (row.stream_version, row.due_at, row.next_instant)
    again = await asyncio.gather(*(desk.issues.tick(issue_id) for issue_id in issues))
    assert again == seen


async def test_the_rows_of_all_of_them_are_written(desk: Office) -> None:
    issues = await overdue(desk, 3)
    await asyncio.gather(*(desk.issues.tick(issue_id) for issue_id in issues))
    query = text("SELECT level, version FROM issues WHERE issue_id = ANY(:issues)")
    async with desk.app.database.transaction() as session:
        rows = (await session.execute(query, {"issues": issues})).all()
    assert [tuple(row) for row in rows] == [("township", 5)] * 3


async def test_one_that_somebody_works_on_keeps_none_of_the_others_waiting(desk: Office) -> None:
    held, *others = issues = await overdue(desk, 4)
    async with desk.app.database.transaction() as session:
        stream = await desk.app.log.load(session, held)
        await desk.app.log.append(
            session,
            held,
            [ProgressReported(by=CADRE, note="在办")],
            after=stream.head,
            now=LAPSED,
            region=VILLAGE,
            correlation_id=new_id(),
            causation_id=None,
        )
        looks = {issue_id: asyncio.create_task(desk.issues.tick(issue_id)) for issue_id in issues}
        await asyncio.wait([looks[issue_id] for issue_id in others])
        assert not looks[held].done()
    await looks[held]
    assert [(await desk.names(issue_id)).count("Escalated") for issue_id in issues] == [1] * 4
    assert "ProgressReported" in await desk.names(held)


async def test_one_that_owes_more_than_one_event_is_looked_at_too(desk: Office) -> None:
    several, single = await desk.raised(settle=False), (await overdue(desk, 1))[0]
    seen = await asyncio.gather(desk.issues.tick(several), desk.issues.tick(single))
    assert [each.state for each in seen] == ["assigned", "assigned"]


async def test_one_that_the_log_does_not_know_is_nobody_elses_mistake(desk: Office) -> None:
    (issue_id,) = await overdue(desk, 1)
    unknown, known = await asyncio.gather(desk.issues.tick(new_id()), desk.issues.tick(issue_id), return_exceptions=True)
    assert isinstance(unknown, UnknownIssue)
    assert (await desk.names(issue_id)).count("Escalated") == 1
    assert not isinstance(known, BaseException)
