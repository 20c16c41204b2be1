"""The figures' page and the ledger's: what a supervisor sees, where each number leads, and what they take out as a workbook."""

import re
from datetime import timedelta
from html import unescape
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl
from zipfile import ZipFile

import httpx
import pytest
from python_calamine import CalamineWorkbook

from services.tracking.entrypoints import exports
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, Assigned, DirectoryChanged, Resolved, Supervised
from shared.ids import new_id
from shared.security.principal import Principal
from tests.integration.tracking.conftest import Api
from tests.integration.tracking.test_outlook_api import NOW, SUPERVISOR, noon, until
from tests.support.events import COUNTY, LOOK_ALIKE_TOWNSHIP, OTHER_COUNTY, TOWNSHIP, VILLAGE, digest, example
from tests.support.pages import Page
from tests.support.platform import principal

DAY = timedelta(days=1)
HOSTILE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "<r><t>x</t></r>", "http://example.com/", '=HYPERLINK("http://example.com/")')


async def raised(api: Api, title: str, *events: Any, region: str = VILLAGE, **changes: Any) -> str:
    stream = new_id()
    issue = example(IssueRaised, tracking_digest=digest(title), title=title, **changes)
    await api.world.happens(issue, *events, stream=stream, region=region, at=NOW - 20 * DAY)
    await api.world.sees()
    return stream


@pytest.fixture
async def busy(api: Api) -> Api:
    await api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    return api


def table(answer: httpx.Response, sheet: int = 0) -> list[list[Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/vnd.openxmlformats-officedocument.spreadsheetml")
    return CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(sheet).to_python()


async def test_the_latest_comes_first_with_how_late_it_is_who_has_it_and_the_next_step(busy: Api) -> None:
    hours = await raised(busy, "昨天到期", example(Assigned, deadlines=until(NOW - DAY)))
    days = await raised(
        busy, "五天前到期", example(Assigned, deadlines=until(NOW - 5.5 * DAY)), example(Accepted), example(Supervised, kind="urge")
    )
    await raised(busy, "明天到期", example(Assigned, deadlines=until(noon(1))))
    page = Page(await busy.page("/figures", SUPERVISOR))
    late = page.text[page.text.index("已超期 2 件") :]
    assert 0 < late.index("五天前到期") < late.index("昨天到期")
    assert "明天到期" not in page.text
    for said in ("超期 5 天", "超期 1 天", "龙泉村村民委员会", "值班村干部", "已做", "通报…"):
        assert said in late, said
    for issue_id in (hours, days):
        assert {f"/issues/{issue_id}", f"/work/{issue_id}?command=supervise#form"} <= set(page.links)
    assert "还没签收" in page.text


async def test_only_a_supervisor_is_offered_the_next_step(busy: Api) -> None:
    late = await raised(busy, "超期的", example(Assigned, deadlines=until(NOW - DAY)))
    page = Page(await busy.page("/figures", principal("officer", TOWNSHIP)))
    assert f"/work/{late}" in page.links
    assert not [link for link in page.links if "command=" in link]


@pytest.mark.parametrize("by", ["unit", "officer", "level", "topic"])
async def test_every_link_into_the_ledger_shows_as_many_issues_as_its_number(busy: Api, by: str) -> None:
    await raised(busy, "甲", example(Assigned, deadlines=until(NOW - DAY)))
    await raised(busy, "乙", example(Assigned, deadlines=until(noon(1))), topic="road")
    await raised(busy, "丙", example(Assigned, deadlines=until(noon(2))), example(Accepted), region="330182105001")
    await raised(busy, "丁")
    await raised(busy, "戊", example(Assigned, deadlines=until(NOW - 25 * DAY)), example(Accepted), example(Resolved))
    answer = await busy.page("/figures", SUPERVISOR, by=by)
    Page(answer)
    assert "rate=on_time_rate%3Amissed" in answer.text
    numbers = re.findall(r'<a href="(/issues\?[^"]+)">(\d+)</a>', answer.text)
    assert len(numbers) > 12
    for link, number in numbers:
        asked: dict[str, Any] = dict(parse_qsl(unescape(link).partition("?")[2]))
        shown = Page(await busy.page("/issues", SUPERVISOR, **asked))
        assert f"共 {number} 件" in shown.text, link


async def test_each_chart_has_a_title_its_numbers_and_a_table(busy: Api) -> None:
    await raised(busy, "甲", example(Assigned, deadlines=until(NOW - DAY)))
    answer = await busy.page("/figures", SUPERVISOR)
    assert answer.text.count('role="img"') == answer.text.count("看表格") == 6
    assert answer.text.count("最近 12 个月</title>") == 4
    for title in ("在办的事项办了多久", "每天有多少件到期"):
        assert f">{title}</title>" in answer.text
    assert "20–40 天: 1 (超期 1)" in answer.text
    english = Page(await busy.page("/figures", SUPERVISOR, headers={"Accept-Language": "en"}))
    assert english.language == "en"
    assert "Due in the next 7 days" in english.text


async def test_a_place_is_looked_into_and_not_beyond_ones_own(busy: Api) -> None:
    await raised(busy, "镇上的", example(Assigned, deadlines=until(NOW - DAY)))
    await raised(busy, "别处的", example(Assigned, deadlines=until(NOW - DAY)), region="330182105001")
    whole, inside = Page(await busy.page("/figures", SUPERVISOR)), Page(await busy.page("/figures", SUPERVISOR, region=TOWNSHIP))
    assert f"/figures?region={TOWNSHIP}" in whole.links
    assert ("别处的" in whole.text, "别处的" in inside.text, "镇上的" in inside.text) == (True, False, True)
    for path in ("/figures", "/figures.xlsx", "/issues", "/issues.xlsx"):
        for region in (OTHER_COUNTY, COUNTY, LOOK_ALIKE_TOWNSHIP):
            assert (await busy.page(path, principal("officer", TOWNSHIP), region=region)).status_code == 403, path


async def test_an_administrator_sees_figures_and_is_led_to_no_issue(busy: Api) -> None:
    late = await raised(busy, "超期的", example(Assigned, deadlines=until(NOW - DAY)))
    admin = Principal("admin", "admin", "admin", ())
    page = Page(await busy.page("/figures", admin))
    assert "各地按期办结率" in page.text
    assert "超期的" not in page.text
    assert not [link for link in page.links if late in link or link.startswith("/issues?")]
    assert (await busy.page("/issues.xlsx", admin)).status_code == 403
    assert (await busy.page("/figures", principal("operator"))).status_code == 403


async def test_what_narrows_the_ledger_is_said_and_can_be_taken_away(busy: Api) -> None:
    await raised(busy, "甲", example(Assigned, deadlines=until(NOW - DAY)))
    page = Page(await busy.page("/issues", SUPERVISOR, standing="late", unit=f"{VILLAGE}/village_committee", region=VILLAGE))
    assert "承办单位: 龙泉村村民委员会" in page.text
    assert "/issues?standing=late&region=330182104228" in page.links
    assert page.forms["/issues"].fields["unit"] == f"{VILLAGE}/village_committee"
    assert "甲" in page.text
    assert "超期 1 天" in page.text
    assert (await busy.page("/issues", SUPERVISOR, standing="nonsense")).status_code == 422
    assert "算进: 按期办结率 2026年3月，没做到的" in Page(await busy.page("/issues", SUPERVISOR, rate="on_time_rate:missed@2026-03")).text


async def test_cells_that_look_like_formulas_or_links_stay_text(busy: Api) -> None:
    for title in HOSTILE:
        await raised(busy, title, example(Assigned, deadlines=until(noon(1))))
    answer = await busy.page("/issues.xlsx", SUPERVISOR)
    rows = table(answer)
    assert "共 8 件" in rows[0][0]
    assert rows[1][:3] == ["编号", "事项", "地点"]
    assert sorted(row[1].rstrip(" ") for row in rows[2:]) == sorted(HOSTILE)
    parts = unzipped(answer.content)
    assert not [name for name, part in parts.items() if b"<f>" in part or (b"hyperlink" in part.lower() and name.endswith(".rels"))]


def unzipped(content: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


async def test_a_workbook_of_the_ledger_has_what_the_filters_leave_and_says_what_it_left_out(
    busy: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "BOUND", 3)
    monkeypatch.setattr(exports, "_BATCH", 2)
    for number in range(4):
        await raised(busy, f"第 {number} 件", example(Assigned, deadlines=until(NOW - (9 - number) * DAY)), example(Supervised))
    await raised(busy, "没到期", example(Assigned, deadlines=until(noon(1))))
    rows = table(await busy.page("/issues.xlsx", SUPERVISOR, standing="late"))
    assert "共 4 件" in rows[0][0]
    assert "还有更多" in rows[0][0]
    assert [row[1] for row in rows[2:]] == ["第 0 件", "第 1 件", "第 2 件"]
    assert rows[2][14] == "催办"
    english = table(await busy.get("/issues.xlsx", SUPERVISOR, headers={"Accept-Language": "en"}, q="没到期"))
    assert english[1][:2] == ["Number", "Matter"]
    assert [row[1] for row in english[2:]] == ["没到期"]
    entries = [entry for entry in await busy.world.rows("audit") if entry["action"] == "export_ledger"]
    assert [entry["who"] for entry in entries] == [SUPERVISOR.subject] * 2


async def test_the_figures_as_a_workbook(busy: Api) -> None:
    await raised(busy, "甲", example(Assigned, deadlines=until(NOW - DAY)))
    answer = await busy.page("/figures.xlsx", SUPERVISOR)
    names = CalamineWorkbook.from_filelike(BytesIO(answer.content)).sheet_names
    assert names == ["各月比率", "在办多久", "将到期", "地区", "层级", "承办单位", "事项类型", "责任人"]
    assert len(table(answer)) == 2 + 12
    assert table(answer, 5)[2] == ["龙泉村村民委员会", 1, 1, 0]
    assert (await busy.page("/figures.xlsx")).headers["location"] == "/sign-in?next=/figures.xlsx"
