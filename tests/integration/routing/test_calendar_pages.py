"""The calendar as administrators see and change it: what a change does is said before it is made."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_pages import ORIGIN, post, sign_in
from tests.support.life import COUNTY, VILLAGE
from tests.support.pages import Form, Page
from tests.support.servers import StackDatabase

TODAY = datetime.now(UTC).date()
SOON = next(day for day in (TODAY + timedelta(days=number) for number in range(1, 9)) if day.weekday() == 2)
"""A Wednesday to come, so that open deadlines lie behind it."""


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        await sign_in(found, "admin")
        yield found


async def calendar(here: Office) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {here.client.cookies['huiyin_access']}"}
    return (await here.client.get("/api/routing/v1/calendars/cn", headers=headers)).json()


async def multipart(here: Office, path: str, fields: dict[str, str], file: bytes | None = None) -> httpx.Response:
    parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    if file is not None:
        parts["file"] = ("days", file, "application/octet-stream")
    return await here.client.post(path, files=parts, headers=ORIGIN)


async def typhoon(here: Office, region: str = COUNTY, **other: str) -> httpx.Response:
    fields = {"region": region, "first": SOON.isoformat(), "last": "", "kind": "stopped", "note": "台风登陆"} | other
    return await post(here, "/calendar/days", **fields)


def confirmation(answer: httpx.Response) -> Form:
    return Page(answer).forms["/calendar/change"]


def cell(answer: httpx.Response, day: date) -> str:
    """A day of the sheet with its marks, e.g. `15停`."""
    months = answer.text.split('<table class="month">')[1:]
    row = next(each for each in months[day.month - 1].split("<td ") if f">{day.day}<" in each)
    return row.partition(">")[2].replace("<b>", "").replace("</b>", "").partition("<")[0]


async def test_a_year_is_a_sheet_of_marked_days(here: Office) -> None:
    answer = await here.client.get("/calendar", params={"year": 2026})
    page = Page(answer)
    assert "工作日历 2026" in page.text
    assert "已公布" in page.text
    assert "08:30–12:00, 13:30–17:30" in page.text
    assert cell(answer, date(2026, 10, 1)) == "1休"
    made_up = next(day for day in (await calendar(here))["working_days"] if day.startswith("2026"))
    assert cell(answer, date.fromisoformat(made_up)).endswith("班")
    assert cell(answer, date(2026, 12, 9)) == "9"
    english = Page(await here.client.get("/calendar", params={"year": 2026, "language": "en"}))
    assert "Make-up workday" in english.text


async def test_a_year_that_is_not_announced_says_so(here: Office) -> None:
    year = max((await calendar(here))["confirmed_years"]) + 1
    text = Page(await here.client.get("/calendar", params={"year": year})).text
    assert "尚未公布" in text
    assert f"{year} 年的放假和调休还没有公布" in text


async def test_a_typhoon_is_shown_before_it_stops_the_clocks(here: Office) -> None:
    await here.raised(priority="urgent")
    looked = await typhoon(here)
    page = Page(looked)
    assert "建德市" in page.text
    assert "本地时钟全停" in page.text
    assert "还没有改" in page.text
    assert (await calendar(here))["overrides"] == []
    done = await multipart(here, "/calendar/change", confirmation(looked).fields)
    assert done.headers["location"].startswith("/rules/rollouts/"), done.text
    assert "日历第 2 版的推行" in Page(await here.client.get(done.headers["location"])).text
    assert (await calendar(here))["overrides"] == [
        {"region": COUNTY[:6], "day": SOON.isoformat(), "kind": "stopped", "note": "台风登陆"}
    ]  # fmt: skip
    for region, marked in ((COUNTY, f"{SOON.day}停"), (VILLAGE, f"{SOON.day}停"), ("", f"{SOON.day}区"), ("330523000000", str(SOON.day))):
        sheet = await here.client.get("/calendar", params={"year": SOON.year, "region": region})
        assert cell(sheet, SOON) == marked, region
    assert ("admin", "ok") in await here.audit("change_calendar")


async def test_days_are_taken_back(here: Office) -> None:
    await multipart(here, "/calendar/change", confirmation(await typhoon(here, last=(SOON + timedelta(days=1)).isoformat())).fields)
    assert len((await calendar(here))["overrides"]) == 2
    looked = await post(here, "/calendar/days/remove", gone=f"{COUNTY[:6]} {SOON.isoformat()}", note="台风没来")
    assert "平常的日子" in Page(looked).text
    await multipart(here, "/calendar/change", confirmation(looked).fields)
    assert [each["day"] for each in (await calendar(here))["overrides"]] == [(SOON + timedelta(days=1)).isoformat()]
    versions = Page(await here.client.get("/calendar")).text
    assert "台风没来" in versions
    former = await here.client.get("/calendar", params={"version": 2, "year": SOON.year, "region": COUNTY})
    assert "这是第 2 版" in Page(former).text
    assert cell(former, SOON) == f"{SOON.day}停"
    assert "/calendar/days" not in Page(former).forms


async def test_who_was_slower_changes_nothing(here: Office) -> None:
    slower, faster = confirmation(await typhoon(here, note="慢")), confirmation(await typhoon(here, note="快"))
    await multipart(here, "/calendar/change", faster.fields)
    answer = await multipart(here, "/calendar/change", slower.fields)
    assert answer.status_code == 412
    assert "别人改了日历" in Page(answer).text
    assert [each["note"] for each in (await calendar(here))["overrides"]] == ["快"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"region": "999999000000"}, "region"),
        ({"last": "2001-01-01"}, "first"),
        ({"last": "2199-01-01"}, "first"),
        ({"note": "长" * 201}, "note"),
    ],
)
async def test_what_is_wrong_is_said_beside_what_was_typed(here: Office, wrong: dict[str, str], said: str) -> None:
    answer = await typhoon(here, **wrong)
    assert answer.status_code == 422
    assert f'id="{said}-wrong"' in answer.text
    assert Page(answer).forms["/calendar/days"].fields["first"] == SOON.isoformat()
    assert (await calendar(here))["version"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
async def test_a_year_is_brought_in_from_a_file(here: Office, encoding: str) -> None:
    year = max((await calendar(here))["confirmed_years"]) + 1
    file = f"day,kind,region,note\r\n{year}-01-03,working_day,,\r\n{year}-01-04,closed,330182,赶集\r\n".encode(encoding)
    looked = await multipart(here, "/calendar/import", {"confirm_year": str(year)}, file)
    text = Page(looked).text
    assert f"{year}" in text.partition("记为已公布的年份")[2][:10]
    assert "赶集" in text
    assert (await calendar(here))["version"] == 1
    await multipart(here, "/calendar/change", confirmation(looked).fields)
    new = await calendar(here)
    assert year in new["confirmed_years"]
    assert [day for day in new["working_days"] if day.startswith(str(year))] == [f"{year}-01-03"]
    assert [each["note"] for each in new["overrides"]] == ["赶集"]
    assert any(day.startswith("2026") for day in new["holidays"]), "other years stay"


async def test_a_file_with_mistakes_is_told_row_by_row(here: Office) -> None:
    file = b"day,kind,region,note\n2026-02-30,holiday,,\n2026-03-04,closed,,\n"
    answer = await multipart(here, "/calendar/import", {"confirm_year": ""}, file)
    assert answer.status_code == 422
    text = Page(answer).text
    assert "不是日期" in text
    assert "需要写明地区" in text
    assert "<b>3</b>" in answer.text
    for nothing in (None, b""):
        assert "没有选文件" in Page(await multipart(here, "/calendar/import", {"confirm_year": ""}, nothing)).text


async def test_what_is_exported_can_be_brought_in(here: Office) -> None:
    await multipart(here, "/calendar/change", confirmation(await typhoon(here)).fields)
    for kind, media_type in (("csv", "text/csv"), ("ics", "text/calendar")):
        file = await here.client.get("/calendar/export", params={"format": kind})
        assert file.headers["content-type"].startswith(media_type)
        assert "attachment" in file.headers["content-disposition"]
        answer = await multipart(here, "/calendar/import", {"confirm_year": ""}, file.content)
        assert "没有哪一天会变" in Page(answer).text


async def test_as_many_days_as_a_calendar_may_have_come_by_a_file(here: Office) -> None:
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(500)]
    rows = [f"{day.isoformat()},closed,{region},{'赶集日' * 10}\n" for day in days for region in ("330182", "330182104", "330523")]
    looked = await multipart(here, "/calendar/import", {"confirm_year": ""}, ("day,kind,region,note\n" + "".join(rows)).encode())
    assert "前 100 天" in Page(looked).text
    await multipart(here, "/calendar/change", confirmation(looked).fields)
    assert len((await calendar(here))["overrides"]) == 1500


@pytest.mark.parametrize("who", [f"cadre-{VILLAGE}", f"supervisor-{COUNTY}", "operator", "auditor"])
async def test_nobody_else_sees_or_changes_it(here: Office, who: str) -> None:
    await sign_in(here, who)
    for path in ("/calendar", "/calendar/export"):
        assert (await here.client.get(path)).status_code == 403
    assert (await typhoon(here)).status_code == 403
    body = {"version": "*", "body": '{"holidays": []}'}
    assert (await multipart(here, "/calendar/change", body)).status_code == 403
    assert (await multipart(here, "/calendar/import", {}, b"day,kind,region,note\n")).status_code == 403


async def test_a_form_of_another_site_changes_nothing(here: Office) -> None:
    fields = confirmation(await typhoon(here)).fields
    answer = await here.client.post("/calendar/change", data=fields, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert (await calendar(here))["version"] == 1


async def test_administrators_find_the_way(here: Office) -> None:
    links = Page(await here.client.get("/rules")).links
    assert {"/calendar", "/directory"} <= set(links)
    assert {"/calendar", "/directory"} <= set(Page(await here.client.get("/work")).links)
