"""Statistics over HTTP: every count and rate as README.md of tracking defines it, and that a past period stays as it was."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.intake import IssueRaised, IssueWithdrawn, Rated
from shared.contracts.routing import (
    Accepted,
    Answered,
    Assigned,
    Closed,
    DirectoryChanged,
    Escalated,
    Reclassified,
    Reopened,
    Resolved,
    VisitDue,
)
from shared.contracts.values import RatingValue
from shared.ids import new_id
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, MONDAY, SIBLING_VILLAGE, TOWNSHIP, VILLAGE, digest, example
from tests.support.platform import principal

SUPERVISOR = principal("supervisor", COUNTY)
DAY = timedelta(days=1)


class Lives:
    """Raises issues and lets things happen to them on given days after `MONDAY`."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.raised = 0

    async def raise_issue(self, *, day: float = 0, village: str = VILLAGE, **changes: Any) -> str:
        self.raised += 1
        stream = new_id()
        raised = example(IssueRaised, tracking_digest=digest(str(self.raised)), **changes)
        await self.api.world.happens(raised, example(Assigned), stream=stream, region=village, at=MONDAY + day * DAY)
        return stream

    async def on(self, day: float, stream: str, *events: Any) -> None:
        await self.api.world.happens(*events, stream=stream, at=MONDAY + day * DAY)

    async def closed(
        self, *, resolved: float, closed: float, rating: RatingValue = "satisfied", outcome: str = "solved", **changes: Any
    ) -> str:
        stream = await self.raise_issue(**changes)
        await self.on(resolved, stream, example(Accepted), example(Resolved, outcome=outcome), example(Answered))
        await self.on(closed, stream, example(Rated, rating=rating), example(Closed, rating=rating))
        return stream

    async def statistics(self, **query: Any) -> dict[str, Any]:
        await self.api.world.sees()
        answer = await self.api.get("/statistics", SUPERVISOR, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def leads_to(self, name: str, month: str = "2026-03") -> tuple[int, int]:
        """How many issues the ledger lists of a rate: counted in it, and lowering it."""
        pages = [(await self.api.get("/issues", SUPERVISOR, rate=f"{each}@{month}")).json() for each in (name, f"{name}:missed")]
        for page in pages:
            assert page["total"] == len(page["items"])
        return pages[0]["total"], pages[1]["total"]


@pytest.fixture
def lives(api: Api) -> Lives:
    return Lives(api)


def rate(numerator: int, denominator: int) -> dict[str, Any]:
    return {"numerator": numerator, "denominator": denominator, "rate": round(numerator / denominator, 4) if denominator else None}


async def test_nothing_happened_gives_zeros_and_no_rates(lives: Lives) -> None:
    statistics = await lives.statistics()
    assert statistics["issues"]["total"] == 0
    assert statistics["figures"]["response_rate"] == rate(0, 0)
    assert statistics["figures"]["days_to_close"] == {"median": None, "p90": None, "count": 0}


async def test_issues_are_counted_by_state_level_category_topic_and_unit(lives: Lives) -> None:
    await lives.closed(resolved=1, closed=2)
    await lives.raise_issue(category="proposal", topic="road")
    lifted = await lives.raise_issue()
    await lives.on(5, lifted, example(Escalated))
    issues = (await lives.statistics())["issues"]
    assert issues == {
        "total": 3,
        "open": 2,
        "by_state": {"assigned": 2, "closed": 1},
        "by_level": {"township": 1, "village": 2},
        "by_state_and_level": {"assigned": {"village": 1, "township": 1}, "closed": {"village": 1}},
        "by_category": {"hardship": 2, "proposal": 1},
        "by_topic": {"road": 1, "street_light": 2},
        "by_unit": {f"{TOWNSHIP}/construction": 1, f"{VILLAGE}/village_committee": 2},
    }


async def test_response_rate_is_the_share_of_resolutions_whose_reporter_was_told_in_time(lives: Lives) -> None:
    await lives.closed(resolved=1, closed=2)
    late = await lives.raise_issue()
    await lives.on(1, late, example(Resolved), example(VisitDue, reason="not_answered"), example(Answered, how="return_visit"))
    failed = await lives.raise_issue()
    await lives.on(1, failed, example(Resolved), example(VisitDue, reason="notice_failed"))
    still_open = await lives.raise_issue()
    await lives.on(1, still_open, example(Resolved))
    unrated = await lives.raise_issue()
    await lives.on(1, unrated, example(Resolved), example(Answered), example(VisitDue, reason="not_rated"))
    assert (await lives.statistics())["figures"]["response_rate"] == rate(2, 4)
    assert await lives.leads_to("response_rate") == (4, 2)


async def test_resolution_rate_is_the_share_of_closed_issues_that_were_solved_withdrawn_ones_left_out(lives: Lives) -> None:
    await lives.closed(resolved=1, closed=2)
    await lives.closed(resolved=1, closed=2, outcome="explained")
    withdrawn = await lives.raise_issue()
    await lives.on(
        1, withdrawn, example(IssueWithdrawn), example(Answered, how="withdrawal", deadlines=()), example(Closed, how="withdrawn")
    )
    figures = (await lives.statistics())["figures"]
    assert figures["resolution_rate"] == rate(1, 2)
    assert await lives.leads_to("resolution_rate") == (2, 1)
    assert (figures["closed"], figures["withdrawn"]) == (3, 1)
    assert figures["days_to_close"]["count"] == 2


async def test_satisfaction_rate_is_the_share_of_ratings_that_are_satisfied_or_fair(lives: Lives) -> None:
    ratings: tuple[RatingValue, ...] = ("satisfied", "fair")
    for value in ratings:
        await lives.closed(resolved=1, closed=2, rating=value)
    unhappy = await lives.raise_issue()
    await lives.on(1, unhappy, example(Resolved), example(Answered), example(Rated, rating="dissatisfied"), example(Reopened))
    assert (await lives.statistics())["figures"]["satisfaction_rate"] == rate(2, 3)
    assert await lives.leads_to("satisfaction_rate") == (3, 1)


async def test_on_time_rate_is_the_share_of_resolutions_before_their_handle_deadline(lives: Lives) -> None:
    in_time = await lives.raise_issue()
    await lives.on(4.9, in_time, example(Resolved))
    too_late = await lives.raise_issue()
    await lives.on(5.1, too_late, example(Resolved))
    assert (await lives.statistics())["figures"]["on_time_rate"] == rate(1, 2)
    assert await lives.leads_to("on_time_rate") == (2, 1)
    assert await lives.leads_to("on_time_rate", "2026-02") == await lives.leads_to("on_time_rate", "2026-04") == (0, 0)


@pytest.mark.parametrize(
    "wrong", ["on_time_rate", "on_time_rate@2026", "on_time_rate@2026-13", "open_rate@2026-03", "on_time_rate:kept@2026-03"]
)
async def test_a_rate_that_there_is_not_is_refused(lives: Lives, wrong: str) -> None:
    answer = await lives.api.get("/issues", SUPERVISOR, rate=wrong)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/rate")


async def test_days_are_counted_to_the_resolution_that_held_and_to_the_closing(lives: Lives) -> None:
    for days in (1, 2, 3, 4, 10):
        await lives.closed(resolved=days, closed=days + 0.5)
    figures = (await lives.statistics())["figures"]
    assert figures["days_to_resolve"] == {"median": 3.0, "p90": 7.6, "count": 5}
    assert figures["days_to_close"] == {"median": 3.5, "p90": 8.1, "count": 5}


async def test_a_past_period_stays_as_it_was_whatever_happens_later(lives: Lives) -> None:
    stream = await lives.closed(resolved=1, closed=2)
    period = {"from": "2026-03-02", "to": "2026-03-04", "group_by": "topic"}
    before = await lives.statistics(**period)
    assert before["figures"]["closed"] == 1
    await lives.on(9, stream, example(Rated, rating="dissatisfied"), example(Reopened), example(Escalated), example(Reclassified))
    await lives.on(12, stream, example(Resolved, level="township", resolution=2, outcome="explained"), example(Answered), example(Closed))
    after = await lives.statistics(**period)
    assert after["figures"] == before["figures"]
    assert after["groups"] == before["groups"]
    later = await lives.statistics(**{"from": "2026-03-11", "to": "2026-03-14"})
    assert later["figures"]["closed"] == later["figures"]["reopened"] == 1
    assert later["figures"]["raised"] == 0


async def test_days_of_a_period_are_those_of_shanghai_and_both_included(lives: Lives) -> None:
    await lives.raise_issue(day=-9 / 24)
    await lives.raise_issue(day=-9.01 / 24)
    assert (await lives.statistics(**{"from": "2026-03-02"}))["figures"]["raised"] == 1
    assert (await lives.statistics(to="2026-03-01"))["figures"]["raised"] == 1
    assert (await lives.statistics(**{"from": "2026-03-01", "to": "2026-03-02"}))["figures"]["raised"] == 2


async def test_groups_by_region_go_one_level_down_and_have_names(lives: Lives) -> None:
    await lives.api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    await lives.raise_issue()
    await lives.raise_issue(village=SIBLING_VILLAGE)
    await lives.raise_issue(village="330182105001", priority="urgent", day=31)

    async def groups(**query: Any) -> dict[str, int]:
        return {group["name"]: group["raised"] for group in (await lives.statistics(**query))["groups"]}

    assert await groups(group_by="region") == {"建德市": 3}
    assert await groups(group_by="region", region=COUNTY) == {"梅城镇": 2, "杨村桥镇": 1}
    assert await groups(group_by="region", region=TOWNSHIP) == {"龙泉村": 1, "宝华洲社区": 1}
    assert await groups(group_by="priority") == {"一般": 2, "紧急": 1}
    assert await groups(group_by="topic") == {"路灯照明": 3}
    assert await groups(group_by="month") == {"2026-03": 2, "2026-04": 1}
    assert await groups(group_by="unit", region=VILLAGE) == {"none": 1, "龙泉村村民委员会": 0}


async def test_a_month_is_told_alike_from_its_counts_and_from_its_facts(lives: Lives) -> None:
    """A period of whole months is read from the counts, unless it is asked for by something that they do not know."""
    await lives.closed(resolved=1, closed=2)
    await lives.closed(resolved=6, closed=33, rating="dissatisfied", outcome="explained")
    await lives.raise_issue(day=30, category="proposal", topic="road")
    late = await lives.raise_issue(day=-3)
    await lives.on(29.3, late, example(Escalated), example(Resolved, level="township"), example(VisitDue, reason="notice_failed"))
    march, days = {"from": "2026-03-01", "to": "2026-03-31"}, {"from": "2026-03-01", "to": "2026-04-30"}
    for period in (march, days, {}):
        counted = await lives.statistics(**period, group_by="topic")
        assert counted["figures"] == (await lives.statistics(**period, group_by="priority"))["figures"]
        assert sum(group["raised"] for group in counted["groups"]) == counted["figures"]["raised"] > 0


async def test_stock_is_counted_only_where_it_is_asked_for(lives: Lives) -> None:
    await lives.raise_issue()
    assert (await lives.statistics(issues=False))["issues"] is None
    assert (await lives.statistics())["issues"]["total"] == 1


async def test_filters_narrow_stock_and_figures_alike(lives: Lives) -> None:
    await lives.raise_issue()
    await lives.raise_issue(category="proposal", topic="road")
    for query in ({"category": "proposal"}, {"topic": "road"}):
        statistics = await lives.statistics(**query)
        assert statistics["issues"]["total"] == statistics["figures"]["raised"] == 1
    assert (await lives.statistics(unit=f"{VILLAGE}/village_committee"))["issues"]["total"] == 2
    assert (await lives.statistics(level="county"))["issues"]["total"] == 0


async def test_a_period_that_ends_before_it_begins_is_refused(lives: Lives) -> None:
    backwards: dict[str, Any] = {"from": "2026-03-02", "to": "2026-03-01"}
    answer = await lives.api.get("/statistics", SUPERVISOR, **backwards)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "period_backwards"
