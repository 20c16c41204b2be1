"""The worklist as its readers use it: countdowns, filters that can be saved, what is done to many at once, keys."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_pages import CADRE, ORIGIN, post, sign_in
from tests.support.life import COUNTY, TOWNSHIP, VILLAGE
from tests.support.pages import Page
from tests.support.servers import StackDatabase

OFFICER, DISPATCHER = f"officer-{TOWNSHIP}", f"dispatcher-{TOWNSHIP}"
API = "/api/routing/v1/worklist"


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        yield found


async def shown(here: Office, **params: str) -> Page:
    return Page(await here.client.get("/work", params=params))


async def listed(here: Office, who: str = CADRE, **params: str) -> list[str]:
    """The titles on somebody's worklist."""
    answer = await here.client.get(API, params=params, headers=here.staff(who))
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def at_township(here: Office, **raised: str) -> str:
    issue_id = await here.raised(**raised)
    await here.give(issue_id, "request-escalation", {"reason": "需要镇里"}, by=here.staff(CADRE))
    return issue_id


async def test_rows_count_down_in_working_time_or_by_the_clock(here: Office) -> None:
    routine, urgent = await here.raised(title="一般的"), await here.raised(title="紧急的", priority="urgent")
    for issue_id in (routine, urgent):
        await here.give(issue_id, "accept", by=here.staff(CADRE))
    items = (await here.client.get(API, headers=here.staff(CADRE))).json()["items"]
    clocks = {item["title"]: item["clock"] for item in items}
    assert (clocks["一般的"]["kind"], clocks["一般的"]["time"], clocks["一般的"]["working_day"]) == ("handle", "working", 27000)
    assert clocks["一般的"]["seconds"] == pytest.approx(5 * 27000, abs=5)
    assert (clocks["紧急的"]["time"], clocks["紧急的"]["seconds"]) == ("clock", pytest.approx(86400, abs=5))
    await sign_in(here)
    text = (await shown(here)).text
    assert "个工作日" in text
    assert "不分昼夜计时" in text
    assert "没办结就自动升到镇" in text


async def test_one_searches_by_number_title_and_place(here: Office) -> None:
    first, _ = await here.raised(title="一号100%路灯"), await here.raised(title="水管")
    number = (await here.client.get(f"/api/routing/v1/issues/{first}", headers=here.staff(CADRE))).json()["number"]
    place = here.app.regions.name(VILLAGE)
    for q in ("一号", "100%", number[-8:], number):
        assert await listed(here, q=q) == ["一号100%路灯"], q
    assert sorted(await listed(here, q=place)) == sorted(["一号100%路灯", "水管"])
    assert await listed(here, q="没有这样的") == []
    assert await listed(here, q="_") == [], "what is typed is text, not a pattern"
    await sign_in(here)
    assert f"/work/{first}" in (await shown(here, q="一号")).links


async def test_one_narrows_by_place_topic_priority_and_part(here: Office) -> None:
    await at_township(here, title="灯", topic="street_light")
    await at_township(here, title="路", topic="road", priority="urgent")
    assert await listed(here, OFFICER, topic="road") == ["路"]
    assert await listed(here, OFFICER, priority="routine") == ["灯"]
    assert sorted(await listed(here, OFFICER, region=VILLAGE)) == sorted(["灯", "路"])
    assert await listed(here, OFFICER, region="330523000000") == []
    assert await listed(here, OFFICER, part="task") == []
    assert len(await listed(here, OFFICER, part="handler")) == 2
    for wrong in ({"region": "33"}, {"priority": "now"}, {"part": "boss"}, {"q": "x" * 81}):
        assert (await here.client.get(API, params=wrong, headers=here.staff(OFFICER))).status_code == 422


async def test_what_the_address_says_wrong_is_ignored_by_the_page(here: Office) -> None:
    await sign_in(here)
    page = await here.client.get("/work", params={"tab": "<b>", "region": "zz", "priority": "now", "said": "accept", "q": "x" * 200})
    assert page.status_code == 200


async def test_a_filter_is_saved_under_a_name_shown_as_a_link_and_removed(here: Office) -> None:
    await sign_in(here)
    await here.raised(title="一号路灯", priority="urgent")
    answer = await post(here, "/work/filters", name=" 紧急 & 路灯 ", q="路灯", priority="urgent")
    assert answer.status_code == 303
    page = Page(await here.client.get(answer.headers["location"]))
    assert "紧急 & 路灯" in page.text
    assert answer.headers["location"] in page.links
    assert f"/work/{(await here.client.get(API, headers=here.staff(CADRE))).json()['items'][0]['issue_id']}" in page.links
    again = await post(here, "/work/filters", name="紧急 & 路灯", q="水管", priority="urgent")
    page = Page(await here.client.get(again.headers["location"]))
    assert page.text.count("紧急 & 路灯") == 2, "one link, and its removal: the same name replaced the former"
    filter_id = page.forms["/work/filters/remove"].fields["filter_id"]
    assert (await here.client.delete(f"{API}/filters/{filter_id}", headers=here.staff(OFFICER))).status_code == 404, "nobody else's"
    assert (await post(here, "/work/filters/remove", filter_id=filter_id)).status_code == 303
    assert "紧急 & 路灯" not in (await shown(here)).text


async def test_saved_filters_are_few_bounded_and_ones_own(here: Office) -> None:
    by = here.staff(CADRE)

    async def save(name: str, **narrowed: str) -> httpx.Response:
        return await here.client.post(f"{API}/filters", json={"name": name, "filter": narrowed}, headers=by)

    for number in range(20):
        assert (await save(f"第{number}个")).status_code == 201
    refused = await save("太多了")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_filters")
    assert "20" in refused.json()["detail"]
    assert (await save("第3个", q="换掉")).status_code == 201, "replacing one is not another one"
    for wrong in ("", "   ", "长" * 41):
        assert (await save(wrong)).status_code == 422
    assert (await save("错", region="33")).status_code == 422
    assert (await save("错", unknown="x")).status_code == 422
    mine = (await here.client.get(f"{API}/filters", headers=by)).json()["items"]
    assert len(mine) == 20
    assert (await here.client.get(f"{API}/filters", headers=here.staff(OFFICER))).json()["items"] == []
    await sign_in(here)
    page = await post(here, "/work/filters", name="太多了", q="路灯")
    assert page.status_code == 409
    assert "最多存 20 个" in Page(page).text


async def test_accepting_many_names_each_that_was_refused(here: Office) -> None:
    await sign_in(here)
    first, second = await here.raised(title="还没签收"), await here.raised(title="已经签收")
    await here.give(second, "accept", by=here.staff(CADRE))
    answer = await here.client.post("/work", data={"do": "accept", "issue": [first, second]}, headers=ORIGIN)
    assert answer.status_code == 200
    text = Page(answer).text
    assert "签收了 1 件" in text
    refused = text[text.index("没有办成的") : text.index("全部在办")]
    assert "已经签收" in refused
    assert "目前的状态不能这样做" in refused
    assert "还没签收" not in refused
    assert "Accepted" in await here.names(first)


async def test_a_dispatcher_assigns_many_and_is_told_of_each(here: Office) -> None:
    first = await at_township(here, title="甲", topic="street_light")
    second = await at_township(here, title="乙", topic="street_light")
    for issue_id in (first, second):
        await here.give(issue_id, "return", {"reason": "不是我们的"}, by=here.staff(OFFICER))
    await sign_in(here, DISPATCHER)
    page = await shown(here)
    unit = f"{TOWNSHIP}/construction"
    assert "分派选中的" in page.text
    data = page.forms["/work"].fields | {"do": "reassign", "unit": unit, "reason": "归建设办"}
    answer = await here.client.post("/work", data=data | {"issue": [first, second]}, headers=ORIGIN)
    assert answer.headers["location"] == "/work?said=reassign&done=2&of=2"
    assert "分派了 2 件" in Page(await here.client.get(answer.headers["location"])).text
    for issue_id in (first, second):
        assert (await here.names(issue_id)).count("Reassigned") == 2
    lost = await here.client.post("/work", data={"do": "reassign", "unit": "", "reason": "没写单位", "issue": [first]}, headers=ORIGIN)
    assert lost.status_code == 200
    assert "分派了 0 件" in Page(lost).text


async def test_who_cannot_assign_is_not_offered_it(here: Office) -> None:
    await here.raised()
    await sign_in(here)
    assert "分派选中的" not in (await shown(here)).text
    await sign_in(here, f"supervisor-{COUNTY}")
    assert "分派选中的" not in (await shown(here)).text


async def test_an_invited_unit_sees_the_task_with_its_own_time(here: Office) -> None:
    issue_id = await at_township(here, title="联办的", topic="street_light")
    await here.give(issue_id, "accept", by=here.staff(OFFICER))
    handler = (await here.client.get(f"/api/routing/v1/issues/{issue_id}", headers=here.staff(OFFICER))).json()["handler"]["unit"]
    units = [unit for unit in here.app.staff.holder.current.units if unit.startswith(COUNTY) and unit != handler]
    task = {"unit": units[0], "task": "查看路面", "due_at": "2030-01-07T17:00:00+08:00"}
    invited = await here.give(issue_id, "invite", {"tasks": [task]}, by=here.staff(OFFICER))
    assert invited.status_code == 200, invited.text
    (item,) = (await here.client.get(API, params={"part": "task"}, headers=here.staff(f"officer-{COUNTY}"))).json()["items"]
    assert (item["part"], item["clock"]["kind"], item["tasks"]) == ("task", "task", 1)
    assert item["clock"]["due_at"].startswith("2030-01-07")
    await sign_in(here, f"officer-{COUNTY}")
    assert "联办还剩" in (await shown(here)).text


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_keys_are_told_on_a_page_and_in_the_sheet(here: Office, language: str) -> None:
    await sign_in(here)
    words = {"zh-CN": ("快捷键", "查找", "事项：签收"), "en": ("Keyboard shortcuts", "Search", "Issue: Accept")}[language]
    for path in ("/work/keys", "/work"):
        page = Page(await here.client.get(path, params={"language": language}))
        assert all(word in page.text for word in words), path
    assert "/work/keys" in page.links
