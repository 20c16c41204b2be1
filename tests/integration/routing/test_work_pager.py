"""The pages of a worklist: counts that are of all of them, filters that stay, and what is done to many on one of them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from services.routing.entrypoints import work_pages
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_pages import CADRE, ORIGIN, sign_in
from tests.support.pages import Page
from tests.support.servers import StackDatabase

API = "/api/routing/v1/worklist"
WORDS = {"zh-CN": ("下一页", "回到第一页"), "en": ("Next page", "First page")}


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(work_pages, "PAGE", 2)
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        await sign_in(found)
        yield found


async def raised(here: Office, count: int, **changes: str) -> set[str]:
    return {await here.raised(title=f"{number}号路灯", **changes) for number in range(count)}


def listed(page: Page) -> list[str]:
    return [link.removeprefix("/work/") for link in page.links if link.startswith("/work/") and "keys" not in link]


def onward(page: Page) -> str:
    return next(link for link in page.links if link.startswith("/work?") and "cursor=" in link)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_pages_follow_one_another_and_lead_back(here: Office, language: str) -> None:
    issues = await raised(here, 5)
    following, beginning = WORDS[language]
    page = Page(await here.client.get("/work", params={"language": language}))
    assert beginning not in page.text
    seen = listed(page)
    for _ in range(2):
        assert following in page.text
        page = Page(await here.client.get(onward(page)))
        assert beginning in page.text
        seen += listed(page)
    assert following not in page.text
    assert "/work?" in page.links
    assert (len(seen), set(seen)) == (5, issues)


async def test_counts_and_tabs_are_of_all_pages_and_filters_stay(here: Office) -> None:
    urgent, _ = await raised(here, 3, priority="urgent"), await raised(here, 2)
    paused = await here.raised(title="挂起的", priority="urgent")
    await here.give(paused, "accept", by=here.staff(CADRE))
    until = datetime.now(UTC).replace(year=datetime.now(UTC).year + 1).isoformat()
    answer = await here.give(paused, "suspend", {"condition": "等材料", "until": until}, by=here.staff(CADRE))
    told = (await here.client.get(API, params={"limit": 1, "priority": "urgent"}, headers=here.staff(CADRE))).json()
    assert sum(told["counts"].values()) == 4, answer.text
    alone = (await here.client.get(API, params={"standing": "pause"}, headers=here.staff(CADRE))).json()
    assert [item["issue_id"] for item in alone["items"]] == [paused] * told["counts"]["pause"]
    first = Page(await here.client.get("/work", params={"priority": "urgent"}))
    assert "全部在办 4" in first.text
    second = Page(await here.client.get(onward(first)))
    assert "全部在办 4" in second.text
    assert "/work?priority=urgent" in second.links
    assert {*listed(first), *listed(second)} == {*urgent, paused}


async def test_who_accepts_many_comes_back_to_the_same_page(here: Office) -> None:
    await raised(here, 3)
    address = onward(Page(await here.client.get("/work")))
    page = Page(await here.client.get(address))
    (form,) = [action for action in page.forms if "cursor=" in action]
    (last,) = listed(page)
    answer = await here.client.post(form, data={"do": "accept", "issue": [last]}, headers=ORIGIN)
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (back["cursor"], back["done"]) == (parse_qs(urlsplit(address).query)["cursor"], ["1"])
    assert "签收了 1 件" in Page(await here.client.get(answer.headers["location"])).text


async def test_a_place_that_no_page_gave_is_refused(here: Office) -> None:
    assert (await here.client.get("/work", params={"cursor": "x"})).status_code == 422
