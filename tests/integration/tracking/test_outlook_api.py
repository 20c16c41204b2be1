"""What is late and what will be, how old what is open is, and the rates month by month, over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.tracking.domain.words import SHANGHAI
from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.routing import (
    Accepted,
    Answered,
    Assigned,
    Closed,
    DirectoryChanged,
    Escalated,
    Resolved,
    Supervised,
    Suspended,
)
from shared.contracts.values import Deadline
from shared.ids import new_id
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, deadline, digest, example, handler, missed
from tests.support.platform import principal

SUPERVISOR = principal("supervisor", COUNTY)
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OFFICER = f"cadre-{VILLAGE}"


def noon(days: int) -> datetime:
    """Noon of a day from today, in Shanghai."""
    return (NOW.astimezone(SHANGHAI) + days * DAY).replace(hour=12, minute=0, second=0, microsecond=0)


def until(at: datetime) -> tuple[Deadline, ...]:
    return (deadline("handle", at, start=NOW - 60 * DAY),)


class Issues:
    """Raises issues whose only deadline is at a given instant."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.raised = 0

    async def due(self, at: datetime, *events: Any, age: float = 1, village: str = VILLAGE, **changes: Any) -> str:
        self.raised += 1
        stream = new_id()
        raised = example(IssueRaised, tracking_digest=digest(str(self.raised)), title=f"第 {self.raised} 件", **changes)
        given = (raised, example(Assigned, deadlines=until(at)), *events)
        await self.api.world.happens(*given, stream=stream, region=village, at=NOW - age * DAY)
        return stream

    async def outlook(self, **query: Any) -> dict[str, Any]:
        await self.api.world.sees()
        answer = await self.api.get("/statistics/outlook", SUPERVISOR, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def listed(self, **query: Any) -> int:
        """How many the ledger shows for filters that the figures lead to."""
        answer = await self.api.get("/issues", SUPERVISOR, **{name: value for name, value in query.items() if value is not None})
        assert answer.status_code == 200, answer.text
        assert answer.json()["total"] == len(answer.json()["items"])
        return answer.json()["total"]


@pytest.fixture
def issues(api: Api) -> Issues:
    return Issues(api)


def numbers(one: dict[str, Any]) -> tuple[int, int, int, int]:
    return one["open"], one["late"], one["due"], one["unaccepted"]


async def test_nothing_there_is_nothing_late(issues: Issues) -> None:
    told = await issues.outlook(group_by="unit")
    assert numbers(told["whole"]) == (0, 0, 0, 0)
    assert [day["due"] for day in told["days"]] == [0] * 7
    assert told["groups"] == {"unit": []}


async def test_what_is_late_and_what_falls_due_on_which_day(issues: Issues) -> None:
    await issues.due(NOW - DAY)
    await issues.due(noon(1))
    await issues.due(noon(1), example(Accepted))
    await issues.due(noon(6))
    await issues.due(noon(9))
    told = await issues.outlook()
    assert numbers(told["whole"]) == (5, 1, 3, 2)
    assert [day["due"] for day in told["days"]] == [0, 2, 0, 0, 0, 0, 1]
    assert [day["unaccepted"] for day in told["days"]] == [0, 1, 0, 0, 0, 0, 1]
    assert told["days"][1]["day"] == str(noon(1).date())
    assert (await issues.outlook(days=10))["whole"]["due"] == 4


async def test_a_deadline_that_was_missed_and_stands_is_late_whatever_runs_beside_it(issues: Issues) -> None:
    """At the top nothing is lifted: the handle deadline stays missed while the next step of supervision is awaited."""
    top = handler("county")
    lapsed = until(NOW - 3 * DAY)
    await issues.due(NOW - 3 * DAY)
    stream = new_id()
    await issues.api.world.happens(
        example(IssueRaised, tracking_digest=digest("top")),
        example(Assigned, level="county", handler=top, deadlines=lapsed),
        example(Supervised, missed=missed(lapsed[0]), deadlines=(deadline("supervise_notice", noon(2)),)),
        stream=stream,
        at=NOW - 9 * DAY,
    )
    told = await issues.outlook()
    assert numbers(told["whole"]) == (2, 2, 0, 0)
    assert [day["due"] for day in told["days"]] == [0] * 7
    assert await issues.listed(standing="late") == await issues.listed(overdue=True) == 2


async def test_nobody_is_late_with_what_waits_for_the_reporter_or_a_date(issues: Issues) -> None:
    await issues.due(NOW + 3 * DAY, example(Suspended, deadlines=(deadline("suspension", noon(1)),)))
    rating = (deadline("rating", noon(1)),)
    await issues.due(NOW + 3 * DAY, example(Resolved), example(Answered, deadlines=rating))
    told = await issues.outlook()
    assert numbers(told["whole"]) == (2, 0, 0, 0)
    assert await issues.listed(standing="due") == 0


async def test_ages_are_counted_from_raising_and_without_what_is_closed(issues: Issues) -> None:
    for age in (1, 6, 11, 21, 41):
        await issues.due(NOW + 5 * DAY, age=age)
    await issues.due(NOW - DAY, age=42)
    await issues.due(NOW + DAY, example(Resolved), example(Answered), example(Rated), example(Closed), age=6)
    told = await issues.outlook()
    found = [(age["from_days"], age["to_days"], age["open"], age["late"]) for age in told["ages"]]
    assert found == [(0, 5, 1, 0), (5, 10, 1, 0), (10, 20, 1, 0), (20, 40, 1, 0), (40, None, 2, 1)]


async def test_every_number_leads_to_as_many_issues(issues: Issues) -> None:
    await issues.due(NOW - DAY, age=2)
    await issues.due(noon(1), example(Accepted), age=7, topic="road")
    await issues.due(noon(2), age=30, village="330182105001")
    lifted = await issues.due(NOW + 40 * DAY, age=50)
    await issues.api.world.happens(example(Escalated, deadlines=until(noon(3))), stream=lifted, at=NOW - 20 * DAY)
    await issues.api.world.happens(example(IssueRaised, tracking_digest=digest("new")), stream=new_id(), at=NOW - DAY)
    told = await issues.outlook(group_by=["region", "level", "topic", "unit", "officer"])
    end = told["days"][-1]["due_before"]
    assert await issues.listed(standing="open") == told["whole"]["open"] == 5
    assert await issues.listed(standing="late") == told["whole"]["late"] == 1
    assert await issues.listed(standing="due", due_before=end) == told["whole"]["due"] == 3
    for age in told["ages"]:
        within = {"raised_after": age["raised_after"], "raised_before": age["raised_before"]}
        assert await issues.listed(standing="open", **within) == age["open"], age
    for day in told["days"]:
        within = {"due_after": day["due_after"], "due_before": day["due_before"]}
        assert await issues.listed(standing="due", **within) == day["due"], day
        assert await issues.listed(standing="due", state="assigned", **within) == day["unaccepted"], day
    for by, holders in told["groups"].items():
        assert sum(one["open"] for one in holders) == 5, by
        for one in holders:
            only = {"officer": one["key"], "unit": one["unit"] or "none"} if by == "officer" else {by: one["key"]}
            only = {"state": "raised"} if only == {"level": "none"} else only
            assert await issues.listed(standing="open", **only) == one["open"], (by, one)
            assert await issues.listed(standing="late", **only) == one["late"], (by, one)
            assert await issues.listed(standing="due", due_before=end, **only) == one["due"], (by, one)


async def test_groups_have_names_and_the_worst_comes_first(issues: Issues) -> None:
    await issues.api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    await issues.due(noon(1))
    await issues.due(NOW - DAY, village="330182105001")
    elsewhere = handler(village="330182105001")
    given = (example(IssueRaised, tracking_digest=digest("late")), example(Assigned, handler=elsewhere, deadlines=until(NOW - DAY)))
    await issues.api.world.happens(*given, stream=new_id(), region="330182105001", at=NOW - 3 * DAY)
    nobody = handler("township").model_copy(update={"officer_id": None, "name": None})
    given = (example(IssueRaised, tracking_digest=digest("no")), example(Assigned, handler=nobody, deadlines=until(noon(20))))
    await issues.api.world.happens(*given, stream=new_id(), at=NOW - 3 * DAY)
    groups = (await issues.outlook(region=COUNTY, group_by=["region", "officer", "topic"]))["groups"]
    assert [(one["name"], one["late"]) for one in groups["region"]] == [("杨村桥镇", 2), ("梅城镇", 0)]
    assert {one["name"] for one in groups["officer"]} >= {"龙泉村村民委员会 · 值班村干部"}
    (unmanned,) = [one for one in groups["officer"] if one["key"] == "none"]
    assert unmanned["name"].endswith(" · 没有人值班")
    assert [one["name"] for one in groups["topic"]] == ["路灯照明"]
    assert await issues.listed(standing="open", officer="none") == 1


async def test_filters_and_regions_narrow_the_outlook(issues: Issues) -> None:
    await issues.due(noon(1))
    await issues.due(noon(1), topic="road", category="proposal", village="330182105001")
    narrowed: list[dict[str, Any]] = [{"region": OTHER_TOWNSHIP}, {"region": TOWNSHIP}, {"topic": "road"}, {"category": "proposal"}]
    for query in narrowed:
        assert (await issues.outlook(**query))["whole"]["due"] == 1, query
    assert (await issues.outlook(unit=f"{VILLAGE}/village_committee"))["whole"]["due"] == 2
    assert (await issues.outlook(level="county"))["whole"]["open"] == 0
    refused: list[dict[str, Any]] = [{"days": 0}, {"days": 32}, {"group_by": "reporter"}, {"colour": "red"}]
    for nonsense in refused:
        assert (await issues.api.get("/statistics/outlook", SUPERVISOR, **nonsense)).status_code == 422, nonsense


async def test_rates_of_twelve_months_the_last_of_them_this_one(issues: Issues) -> None:
    def month(back: int) -> datetime:
        first = NOW.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=1, microsecond=0)
        for _ in range(back):
            first = (first - DAY).replace(day=1)
        return first

    for back, rating in ((0, "satisfied"), (2, "dissatisfied"), (2, "fair"), (12, "satisfied")):
        stream = await issues.due(NOW + DAY, age=500)
        await issues.api.world.happens(example(Resolved), example(Answered), example(Rated, rating=rating), stream=stream, at=month(back))
    await issues.api.world.sees()
    told = (await issues.api.get("/statistics/trends", SUPERVISOR)).json()["months"]
    assert [one["month"] for one in told] == [f"{month(back):%Y-%m}" for back in range(11, -1, -1)]
    rates = {one["month"]: one["satisfaction_rate"] for one in told if one["satisfaction_rate"]["rate"] is not None}
    assert rates == {
        f"{month(2):%Y-%m}": {"numerator": 1, "denominator": 2, "rate": 0.5},
        f"{month(0):%Y-%m}": {"numerator": 1, "denominator": 1, "rate": 1.0},
    }
    assert told[-1]["response_rate"]["denominator"] == told[-1]["on_time_rate"]["denominator"] == 1


async def test_the_ledger_tells_how_far_supervision_has_gone_at_this_level(issues: Issues) -> None:
    stream = await issues.due(
        NOW - DAY, example(Supervised, kind="urge"), example(Supervised, kind="notice"), example(Supervised, kind="urge")
    )

    async def steps() -> list[str]:
        await issues.api.world.sees()
        (item,) = (await issues.api.get("/issues", SUPERVISOR)).json()["items"]
        assert (await issues.api.get(f"/issues/{stream}", SUPERVISOR)).json()["supervised"] == item["supervised"]
        return item["supervised"]

    assert await steps() == ["urge", "notice"]
    await issues.api.world.happens(example(Escalated), stream=stream)
    assert await steps() == []
