"""Staff hear what concerns them, by mail, and the log hears nothing of it."""

from typing import Any

import psycopg

from shared.contracts import Event
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import (
    Assigned,
    DeadlineWarned,
    DirectoryChanged,
    Escalated,
    RolloutCompleted,
    Supervised,
    UnitInvited,
    VisitDue,
)
from shared.contracts.values import Handler, Officer
from shared.ids import new_id
from tests.integration.notify.conftest import World
from tests.support.events import COUNTY, TOWNSHIP, VILLAGE, example, handler


def officer(role: str, region: str, **changes: Any) -> Officer:
    account = f"{role}-{region}"
    values = {"officer_id": account, "name": "值班", "role": role, "regions": (region,), "units": (), "email": f"{account}@example.cn"}
    return Officer.model_validate(values | changes)


EVERYBODY = example(
    DirectoryChanged,
    officers=(
        officer("cadre", VILLAGE),
        officer("officer", TOWNSHIP),
        officer("officer", COUNTY),
        officer("supervisor", COUNTY),
        officer("supervisor", COUNTY, officer_id="supervisor-2", email="second@example.cn"),
        officer("supervisor", "330523000000"),
    ),
)


RAISED = example(IssueRaised, reporter="anonymous")
AT_COUNTY = example(Assigned, level="county", handler=handler("county"))
UNMANNED = Handler(officer_id=None, name=None, unit=f"{TOWNSHIP}/construction")
CADRE, TOWN, TOP = (f"{account}@example.cn" for account in (f"cadre-{VILLAGE}", f"officer-{TOWNSHIP}", f"officer-{COUNTY}"))
FIRST, SECOND = f"supervisor-{COUNTY}@example.cn", "second@example.cn"

ROWS: list[tuple[tuple[Event, ...], list[tuple[list[str], str]]]] = [
    ((example(Assigned),), [([CADRE], "[回音] 待签收")]),
    ((example(Assigned, handler=UNMANNED, level="township"),), [([SECOND, FIRST], "[回音] 无人值班")]),
    ((example(Assigned), example(DeadlineWarned)), [([CADRE], "[回音] 快到期")]),
    ((example(Assigned), example(Escalated)), [([CADRE], "[回音] 已升级"), ([TOWN], "[回音] 升级给您")]),
    ((AT_COUNTY, example(Supervised, kind="criticism")), [([TOP], "[回音] 批评")]),
    ((AT_COUNTY, example(UnitInvited)), [([TOWN], "[回音] 请联办")]),
    ((example(Assigned), example(VisitDue)), [([CADRE], "[回音] 待回访")]),
]
"""Events, and what the last of them sends: to whom, and how its subject begins."""


async def test_each_turn_reaches_whom_it_concerns(world: World) -> None:
    await world.happens("directory-330182", EVERYBODY, region=None)
    for events, expected in ROWS:
        issue = new_id()
        await world.happens(issue, RAISED, *events[:-1])
        await world.drain()
        before = len(world.mails)
        await world.happens(issue, events[-1])
        await world.drain()
        sent = [(sorted(mail["to"]), mail["subject"].partition(":")[0]) for mail in world.mails[before:]]
        assert sorted(sent) == expected, events[-1]
        assert await world.told(issue) == []


async def test_a_roll_out_is_one_digest_a_county(world: World) -> None:
    await world.happens("directory-330182", EVERYBODY, region=None)
    await world.happens("policy-default", example(RolloutCompleted), region=None)
    await world.drain()
    assert sorted(len(mail["to"]) for mail in world.mails) == [1, 2]
    assert all(mail["subject"] == "[回音] 期限规定已更新:default 第2版" for mail in world.mails)


async def test_the_directorys_last_word_counts(world: World) -> None:
    await world.happens("directory-330182", EVERYBODY, region=None)
    moved = officer("cadre", VILLAGE, email="new@example.cn")
    removed = example(DirectoryChanged, officers=(moved,), removed=(f"officer:officer-{TOWNSHIP}",))
    await world.happens("directory-330182", removed, region=None)
    await world.happens(new_id(), RAISED, example(Assigned), example(Escalated))
    await world.drain()
    assert {mail["to"][0] for mail in world.mails} == {"new@example.cn"}


async def test_staff_without_an_address_are_recorded_as_skipped(world: World) -> None:
    await world.happens("directory-330182", example(DirectoryChanged, officers=(officer("cadre", VILLAGE, email=None),)), region=None)
    issue = new_id()
    await world.happens(issue, RAISED, example(Assigned))
    await world.drain()
    with psycopg.connect(world.stack.superuser) as connection:
        rows = connection.execute("SELECT recipient, state, reason FROM notify.notices WHERE issue_id = %s", (issue,)).fetchall()
    assert rows == [(f"officer:cadre-{VILLAGE}", "skipped", "no_address")]
    assert world.mails == []
