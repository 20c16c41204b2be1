"""The directory as administrators see it, and its import: what a file does is shown before it does it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from services.routing.domain.directory import Directory
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.test_calendar_pages import multipart
from tests.integration.routing.test_directory_workbooks import FORESTRY, PEOPLE, RANGER, UNITS, workbook
from tests.integration.routing.test_pages import HOSTILE, post, sign_in
from tests.support.life import COUNTY, TOWNSHIP, VILLAGE
from tests.support.pages import Page
from tests.support.servers import StackDatabase

CONFIRM = "/directory/import/confirm"


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        await sign_in(found, "admin")
        yield found


async def directory(here: Office) -> Directory:
    async with here.app.database.transaction() as session:
        return await here.app.staff.holder.fresh(session)


async def table(here: Office, **params: str) -> Page:
    return Page(await here.client.get("/directory", params=params))


async def looked_at(here: Office, file: bytes, **fields: str) -> httpx.Response:
    return await multipart(here, "/directory/import", fields, file)


async def test_tables_are_sought_and_filtered(here: Office) -> None:
    assert "龙泉村驻村干部" in (await table(here, tab="regions", q="龙泉")).text
    officers = await table(here, tab="officers", region=VILLAGE)
    assert "龙泉村驻村干部" in officers.text
    assert "经办岗" not in officers.text.replace("人员(岗位)", "")
    for code in (TOWNSHIP, TOWNSHIP[:9]):
        units = (await table(here, tab="units", region=code)).text
        assert "村镇建设办公室" in units
        assert "安吉县" not in units
    assert "路灯照明" in (await table(here, tab="topics", q="street")).text
    assert "没有找到" in (await table(here, tab="units", q="没有这样的单位")).text
    wrong = await here.client.get("/directory", params={"tab": "units", "region": "12"})
    assert (wrong.status_code, "region" in Page(wrong).text or "地区" in Page(wrong).text) == (422, True)
    assert "Village committee" in Page(await here.client.get("/directory", params={"language": "en"})).text


async def test_long_tables_have_pages(here: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.routing.entrypoints.directory_pages.PAGE", 5)
    first = await here.client.get("/directory", params={"tab": "officers"})
    assert first.text.count("/duty") == 5
    onward = next(link for link in Page(first).links if "after=" in link)
    second = await here.client.get(onward)
    assert second.text.count("/duty") == 5
    assert not set(Page(first).forms) & {name for name in Page(second).forms if name.endswith("/duty")}


async def test_who_is_on_duty_is_shown_and_changed(here: Office) -> None:
    action = f"/directory/officers/cadre-{VILLAGE}/duty"
    page = await table(here, tab="officers", region=VILLAGE)
    answer = await post(here, action, **page.forms[action].fields)
    assert answer.status_code == 303
    assert (await directory(here)).officers[f"cadre-{VILLAGE}"].on_duty is False
    after = Page(await here.client.get(answer.headers["location"]))
    assert "不在岗" in after.text
    assert after.forms[action].fields["on_duty"] == "true"
    assert "没有人在岗" in (await table(here, tab="regions", region=VILLAGE)).text


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
async def test_a_file_is_shown_before_it_is_taken(here: Office, kind: str) -> None:
    if kind == "xlsx":
        file = workbook(units=[UNITS, FORESTRY], officers=[PEOPLE, RANGER])
    else:
        file = f"region,code,zh,en\r\n{TOWNSHIP},forestry,林业站,Forestry\r\n".encode("gb18030")
    looked = await looked_at(here, file)
    assert looked.status_code == 200
    page = Page(looked)
    assert "还什么都没有改" in page.text
    assert f"{TOWNSHIP}/forestry" in page.text
    assert f"{TOWNSHIP}/forestry" not in (await directory(here)).units
    done = await multipart(here, CONFIRM, page.forms[CONFIRM].fields)
    assert done.status_code == 303, done.text
    assert "导入好了" in Page(await here.client.get(done.headers["location"])).text
    known = await directory(here)
    assert known.units[f"{TOWNSHIP}/forestry"].zh == "林业站"
    assert ("ranger" in known.officers) == (kind == "xlsx")
    again = Page(await looked_at(here, file))
    assert "没有要导入的" in again.text
    assert CONFIRM not in again.forms


async def test_mistakes_are_told_row_by_row_and_cannot_be_confirmed(here: Office) -> None:
    file = workbook(units=[UNITS, FORESTRY, (float(VILLAGE), "forestry", "站", "Station")], officers=[PEOPLE, ("a b", *RANGER[1:])])
    answer = await looked_at(here, file)
    assert answer.status_code == 422
    page = Page(answer)
    assert CONFIRM not in page.forms
    assert "units 3" in page.text
    assert "officers 2" in page.text
    assert "officer_id" in page.text
    assert "村只设村民委员会" in page.text
    english = await here.client.get("/directory", params={"language": "en"})
    assert english.status_code == 200
    assert "must be village_committee in a village" in Page(await looked_at(here, file)).text


async def test_what_would_be_removed_is_said_first(here: Office) -> None:
    file = workbook(units=[UNITS, FORESTRY])
    await multipart(here, CONFIRM, Page(await looked_at(here, file)).forms[CONFIRM].fields)
    exported = await here.client.get("/directory/export", params={"kind": "units", "format": "csv"})
    left = b"".join(line for line in exported.content.splitlines(keepends=True) if b"forestry" not in line)
    looked = Page(await looked_at(here, left, whole="true"))
    assert "表里没有的会删掉" in looked.text
    assert f"{TOWNSHIP}/forestry" in looked.text
    await multipart(here, CONFIRM, looked.forms[CONFIRM].fields)
    assert f"{TOWNSHIP}/forestry" not in (await directory(here)).units


async def test_files_that_are_none_are_refused_with_a_reason(here: Office) -> None:
    for file, said in ((b"", "没有选文件"), (b"\xd0\xcf\x11\xe0", "旧的 .xls"), (b"a,b\n1,2\n", "认不出是哪张表"), (b"\xff\xff", "")):
        answer = await looked_at(here, file)
        assert answer.status_code == 422
        assert said in Page(answer).text
    assert (await looked_at(here, b"x" * (5 * 2**20))).status_code == 413


async def test_large_files_can_be_confirmed(here: Office) -> None:
    rows = "".join(f"{TOWNSHIP},unit_{number},{'单' * 70},{'u' * 70}\n" for number in range(6_000))
    looked = Page(await looked_at(here, f"region,code,zh,en\n{rows}".encode()))
    assert "只列了前 200 条" in looked.text
    done = await multipart(here, CONFIRM, looked.forms[CONFIRM].fields)
    assert done.status_code == 303, done.text
    assert len((await directory(here)).units) > 6_000


async def test_what_is_typed_into_files_and_fields_is_only_text(here: Office) -> None:
    row = f'{TOWNSHIP},forestry,"{HOSTILE.replace(chr(34), chr(34) * 2)}",=1+1\n'.replace("\u202e", "")
    answer = await looked_at(here, f"region,code,zh,en\n{row}".encode())
    assert Page(answer).scripts == 2, "those of every page of staff"
    page = await table(here, tab="units", q=HOSTILE)
    assert page.scripts == 2


@pytest.mark.parametrize("who", [f"cadre-{VILLAGE}", f"supervisor-{COUNTY}", "operator", "auditor"])
async def test_nobody_else_sees_or_changes_it(here: Office, who: str) -> None:
    await sign_in(here, who)
    for path in ("/directory", "/directory?tab=officers", "/directory/export"):
        assert (await here.client.get(path)).status_code == 403
    assert (await looked_at(here, f"region,code,zh,en\n{TOWNSHIP},forestry,x,x\n".encode())).status_code == 403
    assert (await multipart(here, CONFIRM, {"carried": "eA=="})).status_code == 403
    assert (await post(here, f"/directory/officers/cadre-{VILLAGE}/duty", on_duty="false")).status_code == 403
    assert "单位与岗位" not in (await here.client.get("/work")).text
