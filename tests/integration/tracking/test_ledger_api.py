"""The ledger over HTTP: filters, order, pages, counts, one issue with its timeline."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, Assigned, DirectoryChanged, ProgressReported, Resolved, Supervised
from shared.ids import new_id
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, MONDAY, TOWNSHIP, VILLAGE, clocks, digest, example, handler, missed
from tests.support.platform import principal

OFFICER = principal("officer", TOWNSHIP)


async def raise_issue(api: Api, name: str, *events: Any, region: str = VILLAGE, minutes: int = 0, **changes: Any) -> str:
    stream = new_id()
    raised = example(IssueRaised, tracking_digest=digest(name), title=name, **changes)
    await api.world.happens(raised, *events, stream=stream, region=region, at=MONDAY + timedelta(minutes=minutes))
    await api.world.sees()
    return stream


def due(days: int) -> Assigned:
    return example(Assigned, deadlines=clocks(MONDAY + timedelta(days=days)))


async def titles(api: Api, **query: Any) -> list[str]:
    answer = await api.get("/issues", OFFICER, **query)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_soonest_deadline_first_and_what_has_none_last(api: Api) -> None:
    await raise_issue(api, "late", due(9))
    await raise_issue(api, "none")
    await raise_issue(api, "soon", due(1), minutes=5)
    assert await titles(api) == ["soon", "late", "none"]
    assert await titles(api, sort="newest") == ["soon", "none", "late"]


@pytest.mark.parametrize("sort", ["due", "newest"])
async def test_pages_show_each_issue_once(api: Api, sort: str) -> None:
    for number in range(5):
        await raise_issue(api, f"issue {number}", *([due(number % 2)] if number < 3 else []), minutes=number)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "sort": sort}
    while True:
        page = (await api.get("/issues", OFFICER, **query)).json()
        seen += [item["title"] for item in page["items"]]
        assert (page["total"] is None) == ("cursor" in query)
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == await titles(api, sort=sort)
    assert len(set(seen)) == 5


async def test_filters_narrow_the_list(api: Api) -> None:
    await raise_issue(api, "村口路灯", due(1), number="330182-20260302-000001", labels=("demo-1",))
    await raise_issue(api, "道路破损 100%", due(3), example(Accepted), category="shortcoming", topic="road", priority="urgent")
    lapsed = example(Supervised, missed=missed(clocks(MONDAY + timedelta(days=2))[0]))
    top = example(Assigned, level="county", handler=handler("county"), deadlines=clocks(MONDAY + timedelta(days=2)))
    await raise_issue(api, "top", top, lapsed)
    far = MONDAY + timedelta(days=4)
    narrowed: list[tuple[dict[str, Any], list[str]]] = [
        ({"state": "in_progress"}, ["道路破损 100%"]),
        ({"state": ["assigned", "in_progress"]}, ["村口路灯", "top", "道路破损 100%"]),
        ({"level": "county"}, ["top"]),
        ({"category": "shortcoming"}, ["道路破损 100%"]),
        ({"topic": "road"}, ["道路破损 100%"]),
        ({"priority": "urgent"}, ["道路破损 100%"]),
        ({"unit": f"{COUNTY}/housing_construction"}, ["top"]),
        ({"officer": f"cadre-{VILLAGE}"}, ["村口路灯", "道路破损 100%"]),
        ({"label": "demo-1"}, ["村口路灯"]),
        ({"q": "330182-20260302-000001"[:15]}, ["村口路灯", "top", "道路破损 100%"]),
        ({"q": "路灯"}, ["村口路灯"]),
        ({"q": "0%"}, ["道路破损 100%"]),
        ({"q": "%"}, ["道路破损 100%"]),
        ({"due_before": far.isoformat()}, ["村口路灯"]),
        ({"region": VILLAGE}, ["村口路灯", "top", "道路破损 100%"]),
    ]
    for query, found in narrowed:
        assert await titles(api, **query) == found, query
    assert "top" in await titles(api, overdue=True)


async def test_counts_tell_every_state_whichever_is_asked_for(api: Api) -> None:
    await raise_issue(api, "a", due(1))
    await raise_issue(api, "b", due(1), example(Accepted))
    await raise_issue(api, "elsewhere", due(1), region="330182105001")
    answer = (await api.get("/issues", OFFICER, state="assigned")).json()
    assert answer["counts"] == {"assigned": 1, "in_progress": 1}
    assert answer["total"] == 1


async def test_an_issue_says_who_until_when_and_since_when_it_is_overdue(api: Api) -> None:
    await api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    accept, handle = clocks()
    stream = await raise_issue(api, "路灯", example(Assigned, deadlines=(accept, handle)), example(Supervised, missed=missed(accept)))
    item = (await api.get("/issues", OFFICER)).json()["items"][0]
    assert item["issue_id"] == stream
    assert item["handler"] == {
        "officer_id": f"cadre-{VILLAGE}",
        "name": "值班村干部",
        "unit": f"{VILLAGE}/village_committee",
        "unit_name": "龙泉村村民委员会",
    }
    assert item["region_name"] == "浙江省杭州市建德市梅城镇龙泉村"
    assert item["topic_text"] == "路灯照明"
    assert (item["reporter"], item["reporter_text"]) == ("named", "实名")
    assert item["due_at"].startswith(handle.due_at.isoformat()[:19])
    assert item["overdue_since"].startswith(accept.due_at.isoformat()[:19])
    assert [deadline["kind"] for deadline in item["deadlines"]] == ["handle"]
    english = (await api.get("/issues", OFFICER, headers={"Accept-Language": "en"})).json()["items"][0]
    assert (english["state_text"], english["topic_text"]) == ("Assigned", "Street lights")


async def test_one_issue_with_its_timeline_and_etag(api: Api) -> None:
    stream = await raise_issue(api, "路灯", due(1), example(Accepted), example(ProgressReported, note="内部备注"))
    answer = await api.get(f"/issues/{stream}", OFFICER)
    assert answer.headers["etag"] == '"3"'
    body = answer.json()
    assert body["version"] == 3
    assert [moment["event"] for moment in body["timeline"]] == ["IssueRaised", "Assigned", "Accepted", "ProgressReported"]
    assert "内部备注" in body["timeline"][3]["text"]
    assert "tracking_digest" not in answer.text
    for tag, status in [('"3"', 304), ('W/"3"', 304), ('"2", "3"', 304), ("*", 304), ('"2"', 200)]:
        again = await api.get(f"/issues/{stream}", OFFICER, headers={"If-None-Match": tag})
        assert again.status_code == status, tag
    await api.world.happens(example(Resolved), stream=stream)
    await api.world.sees()
    assert (await api.get(f"/issues/{stream}", OFFICER, headers={"If-None-Match": '"3"'})).headers["etag"] == '"5"'


async def test_what_makes_no_sense_is_refused(api: Api) -> None:
    nonsense: list[dict[str, Any]] = [
        {"state": "lost"},
        {"colour": "red"},
        {"region": "33018"},
        {"cursor": "x"},
        {"limit": 0},
        {"due_before": "2026-01-01T00:00"},
    ]
    for query in nonsense:
        answer = await api.get("/issues", OFFICER, **query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["in"] == "query"
    other = (await api.get("/issues", OFFICER, limit=1)).json()["next_cursor"]
    assert other is None
    assert (await api.get(f"/issues/{new_id()}", OFFICER)).status_code == 404
    assert (await api.get("/issues/nonsense", OFFICER)).status_code == 404


async def test_a_cursor_of_one_order_is_no_place_in_the_other(api: Api) -> None:
    for number in range(2):
        await raise_issue(api, f"{number}", due(number))
    cursor = (await api.get("/issues", OFFICER, limit=1)).json()["next_cursor"]
    assert (await api.get("/issues", OFFICER, sort="newest", cursor=cursor)).status_code == 422
