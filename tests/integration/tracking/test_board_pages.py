"""The public board on the web, on paper, on a screen and as a feed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.routing import Accepted, Answered, Assigned, Closed, DirectoryChanged, Escalated, Resolved, Supervised
from shared.problems import Problem
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, MONDAY, TOKEN, TOWNSHIP, VILLAGE, deadline, digest, example, missed
from tests.support.pages import Page

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = {
    "script": "<script>alert(1)</script>\"'&</title></bdi>",
    "right to left": "\u202e翻过来\u2067\u200f",
    "long": "很长" * 2000,
    "emoji": "👩‍👩‍👧‍👦🏚️\U0001f9ef",
    "template": "{{ 7 * 7 }}{% raw %}{t}",
    "control": "铃\x07铃\uffff",
}
LATE = (example(Escalated, to_level="county"), example(Supervised, missed=missed(deadline("handle", id="handle-2"))))


@pytest.fixture
async def boarded(api: Api) -> Api:
    """Ten being worked on, one of them late, and one struck off long ago."""
    await api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    assigned = example(Assigned, deadlines=(deadline("handle", datetime.now(UTC) + timedelta(days=3)),))
    for number, name in enumerate("ABCDEFGHIJ"):
        raised = example(IssueRaised, title=f"事项{name}", tracking_digest=digest(name), number=f"330182-20260302-{number:06d}")
        late = LATE if name == "D" else ()
        await api.world.happens(raised, assigned, *late, at=MONDAY + timedelta(minutes=number), publish=False)
    closed = example(IssueRaised, title="早已销号", tracking_digest=digest("closed"))
    life = (example(Assigned), example(Accepted), example(Resolved), example(Answered), example(Rated), example(Closed))
    await api.world.happens(closed, *life)
    await api.world.sees()
    return api


def titles(page: Page) -> list[str]:
    return re.findall(r"事项[A-J]", page.text)


async def test_filters_are_kept_from_page_to_page(boarded: Api) -> None:
    page = Page(await boarded.page(f"/board/{VILLAGE}", standing="open", q="事项", level="village", topic="street_light"))
    assert "早已销号" not in page.text
    kept = page.forms[f"/board/{VILLAGE}"].fields
    assert (kept["standing"], kept["q"]) == ("open", "事项")
    overdue = next(link for link in page.links if "standing=overdue" in link)
    assert "q=%E4%BA%8B%E9%A1%B9" in overdue
    assert "level=village" in overdue
    late = Page(await boarded.page(f"/board/{VILLAGE}", standing="overdue", q="", topic="", level=""))
    assert titles(late) == ["事项D"]
    assert (await boarded.page(f"/board/{VILLAGE}", standing="nonsense")).status_code == 422


async def test_the_notice_says_how_many_and_shows_the_late_one_first(boarded: Api) -> None:
    page = Page(await boarded.page(f"/board/{VILLAGE}/notice"))
    said = " ".join(page.text.split())
    assert "正在办 10 件" in said
    assert "超期 1 件" in said
    assert "早已销号" not in said
    assert titles(page)[0] == "事项D"
    assert "龙泉村村民委员会" in said
    assert f"/board/{VILLAGE}" in said


async def test_a_lobby_shows_seven_rows_and_turns_by_itself(boarded: Api) -> None:
    first, second = [await boarded.page(f"/board/{VILLAGE}/lobby", page=page) for page in (1, 2)]
    assert first.headers["refresh"] == f"20; url=/board/{VILLAGE}/lobby?page=2"
    assert second.headers["refresh"] == f"20; url=/board/{VILLAGE}/lobby?page=1"
    assert titles(Page(first))[0] == "事项D"
    assert (len(titles(Page(first))), len(titles(Page(second)))) == (7, 3)
    gone = await boarded.page(f"/board/{VILLAGE}/lobby", page=9)
    assert (gone.status_code, gone.headers["location"]) == (303, f"/board/{VILLAGE}/lobby")
    empty = await boarded.page("/board/330182105000/lobby")
    assert empty.headers["refresh"] == "20; url=/board/330182105000/lobby?page=1"


async def test_a_lobby_comes_back_after_a_failure(boarded: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Problem("unavailable", 503)

    monkeypatch.setattr("services.tracking.boards.Boards.load", broken)
    answer = await boarded.page(f"/board/{VILLAGE}/lobby")
    assert answer.headers["refresh"] == f"20; url=/board/{VILLAGE}/lobby"
    assert "马上回来" in Page(answer).text


async def test_the_feed_is_atom(boarded: Api) -> None:
    answer = await boarded.page(f"/board/{VILLAGE}/feed")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ElementTree.fromstring(answer.content)
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries][:2] == ["事项J", "事项I"]
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 11
    for element in (feed, *entries):
        assert element.findtext(f"{ATOM}id")
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated") or "").tzinfo
        assert element.find(f"{ATOM}link") is not None
    assert (await boarded.page(f"/board/{VILLAGE}/feed")).content == answer.content


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_text_is_shown_as_it_is(api: Api, text: str) -> None:
    await api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    life = (example(Assigned), example(Accepted), example(Resolved, result=text), example(Answered))
    await api.world.happens(example(IssueRaised, title=text), *life, stream="an-issue")
    await api.world.sees()
    for path in (f"/t/{TOKEN}", f"/t/{TOKEN}/rate", f"/board/{VILLAGE}", f"/board/{TOWNSHIP}/notice", f"/board/{COUNTY}/lobby"):
        page = Page(await api.page(path, rating="fair"))
        assert text[:40] in page.text, path
        assert page.scripts == 0
    feed = ElementTree.fromstring((await api.page(f"/board/{VILLAGE}/feed")).content)
    assert (feed.findtext(f"{ATOM}entry/{ATOM}title") or "")[:40] == text.replace("\x07", "").replace("\uffff", "")[:40]
