"""Workbooks (xlsx) and whole tables at the directory's API: the same rules as for CSV, and nothing that harms the service."""

import io
import zipfile
from collections.abc import Callable

import httpx
import pytest
import xlsxwriter
from sqlalchemy import text

from services.routing.entrypoints.uploads import WORKBOOK
from shared.ids import new_id
from tests.integration.routing.staff_support import Services, token_of
from tests.integration.routing.test_directory import COUNTY, IMPORTS, OFFICERS, OTHER_COUNTY, TOWNSHIP, VILLAGE, directory_of, upload

UNITS = ("region", "code", "zh", "en")
PEOPLE = ("officer_id", "name", "role", "regions", "units", "on_duty", "email")
FORESTRY = (float(TOWNSHIP), "forestry", "林业站", "Forestry")
RANGER = ("ranger", "护林岗", "officer", float(TOWNSHIP), f"{TOWNSHIP}/forestry", True, "")


def workbook(**sheets: list[tuple[object, ...]]) -> bytes:
    """Sheets by name; what is a number is a number in it."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)  # pyright: ignore[reportUnknownMemberType]
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)  # pyright: ignore[reportUnknownMemberType]
    return file.getvalue()


async def sent(client: httpx.AsyncClient, headers: dict[str, str], content: bytes, **params: str | bool) -> httpx.Response:
    headers = headers | {"Content-Type": WORKBOOK, "Idempotency-Key": new_id()}
    return await client.post(IMPORTS, params=params, content=content, headers=headers)


async def test_a_workbook_is_looked_at_and_then_taken_whole(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    book = workbook(officers=[PEOPLE, RANGER], 说明=[("先填单位",)], units=[UNITS, ("", "", "", ""), FORESTRY])
    looked = (await sent(client, admin, book, dry_run=True)).json()
    assert (looked["added"], looked["changed"], looked["removed"], looked["unchanged"], looked["errors"]) == (2, 0, 0, 0, [])
    units = next(table for table in looked["tables"] if table["kind"] == "units")
    assert units["rows"] == [
        {
            "row": 3,
            "entry": f"{TOWNSHIP}/forestry",
            "change": "added",
            "cells": {
                "region": {"before": None, "after": TOWNSHIP},
                "code": {"before": None, "after": "forestry"},
                "zh": {"before": None, "after": "林业站"},
                "en": {"before": None, "after": "Forestry"},
            },
        }
    ]
    assert f"{TOWNSHIP}/forestry" not in (await directory_of(services)).units
    assert (await sent(client, admin, book)).status_code == 200
    directory = await directory_of(services)
    assert directory.officers["ranger"].units == (f"{TOWNSHIP}/forestry",)
    assert directory.officers["ranger"].on_duty is True


async def test_what_changes_is_told_cell_by_cell(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    told = (await upload(client, admin, "units", f"region,code,zh,en\n{TOWNSHIP},construction,建设办,x\n", dry_run=True)).json()
    (row,) = told["tables"][0]["rows"]
    assert (row["row"], row["change"], row["cells"]["zh"]["after"]) == (2, "changed", "建设办")
    assert set(row["cells"]) == {"zh", "en"}, "only what differs"


async def test_mistakes_of_a_workbook_name_table_row_and_column_in_both_languages(
    services: Services, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    book = workbook(units=[UNITS, (float(VILLAGE), "x!", "站", "Station")], officers=[PEOPLE, ("a b", *RANGER[1:])])
    for language, said in (("zh-CN", "格式不正确"), ("en", "does not have the right form")):
        answer = await sent(client, admin | {"Accept-Language": language}, book)
        assert answer.status_code == 422
        errors = {(error["pointer"], error["detail"]) for error in answer.json()["errors"]}
        assert {("/units/rows/2/code", said), ("/officers/rows/2/officer_id", said)} <= errors
    assert f"{VILLAGE}/x!" not in (await directory_of(services)).units


async def test_a_single_sheet_is_known_by_its_header(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    told = (await sent(client, admin, workbook(Sheet1=[UNITS, FORESTRY]), dry_run=True)).json()
    assert (told["kind"], told["added"]) == ("units", 1)
    without_kind = await client.post(
        IMPORTS,
        params={"dry_run": True},
        content=f"region,code,zh,en\n{TOWNSHIP},forestry,林业站,Forestry\n",
        headers=admin | {"Content-Type": "text/csv", "Idempotency-Key": new_id()},
    )
    assert without_kind.json()["kind"] == "units"


async def test_only_the_value_of_a_formula_counts(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("units")  # pyright: ignore[reportUnknownMemberType]
        for number, row in enumerate((UNITS, FORESTRY)):
            sheet.write_row(number, 0, row)  # pyright: ignore[reportUnknownMemberType]
        sheet.write_formula(1, 2, '=CONCAT("林业","站")', None, "林业站")  # pyright: ignore[reportArgumentType]
    told = (await sent(client, admin, file.getvalue(), dry_run=True)).json()
    assert told["tables"][0]["rows"][0]["cells"]["zh"]["after"] == "林业站"


def bomb() -> bytes:
    """A few kilobytes that unpack to 200 MB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (200 * 2**20))
    return file.getvalue()


def liar() -> bytes:
    """A workbook whose sheet of 0.7 GB, more than its reader may have of memory, says that it has 100 bytes."""
    good = workbook(units=[UNITS, FORESTRY])
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in source.namelist():
            if member != "xl/worksheets/sheet1.xml":
                packed.writestr(member, source.read(member))
        with packed.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>')
            for _ in range(700):
                sheet.write(b'<row><c t="inlineStr"><is><t>' + b"x" * 2**20 + b"</t></is></c></row>")
            sheet.write(b"</sheetData></worksheet>")
        packed.getinfo("xl/worksheets/sheet1.xml").file_size = 100
    return file.getvalue()


def far_apart() -> bytes:
    """Two cells, in the first and in the last corner of a sheet: 17 billion cells as a table."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("units")  # pyright: ignore[reportUnknownMemberType]
        sheet.write_string(0, 0, "region")
        sheet.write_string(1_048_575, 16_383, "x")
    return file.getvalue()


def too_long() -> bytes:
    """One row more than there may be."""
    return workbook(units=[UNITS, *[FORESTRY] * 20_001])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (bomb, "workbook_too_large"),
        (liar, "workbook_unreadable"),
        (far_apart, "workbook_too_large"),
        (too_long, "workbook_too_large"),
    ],
)
async def test_what_would_fill_the_memory_is_refused(
    client: httpx.AsyncClient, admin: dict[str, str], make: Callable[[], bytes], code: str
) -> None:
    content = make()
    assert len(content) < 4 * 2**20
    answer = await sent(client, admin, content, dry_run=True)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await client.get("/api/routing/v1/directory/topics", headers=admin)).status_code == 200


async def test_what_is_no_workbook_or_holds_no_table(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    for content in (b"", b"PK\x03\x04 not really", b"\xd0\xcf\x11\xe0 old", workbook(a=[("x",)])[:200]):
        answer = await sent(client, admin, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "workbook_unreadable"), content[:10]
    nothing = await sent(client, admin, workbook(Notes=[("hello", "world")]))
    assert [error["code"] for error in nothing.json()["errors"]] == ["kind_unknown"]
    twice = await sent(client, admin, workbook(units=[UNITS], 单位=[UNITS]))
    assert [error["code"] for error in twice.json()["errors"]] == ["table_twice"]


async def test_a_whole_table_removes_what_it_leaves_out(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    row = f"a-builder,梅城镇建设岗,officer,{TOWNSHIP},{TOWNSHIP}/construction,true,\n"
    assert (await upload(client, admin, "officers", OFFICERS + row)).status_code == 200
    exported = await client.get("/api/routing/v1/directory/export", params={"kind": "officers", "format": "csv"}, headers=admin)
    without = "".join(line for line in exported.text.splitlines(keepends=True) if not line.startswith("a-builder"))
    headers = admin | {"Content-Type": "text/csv"}
    for dry_run, left in ((True, True), (False, False)):
        told = await client.post(
            IMPORTS, params={"whole": True, "dry_run": dry_run}, content=without.encode(), headers=headers | {"Idempotency-Key": new_id()}
        )
        assert (told.json()["removed"], told.json()["added"], told.json()["changed"]) == (1, 0, 0), told.text
        assert ("a-builder" in (await directory_of(services)).officers) == left
    async with services.staff.database.transaction() as session:
        active = (await session.execute(text("SELECT active FROM accounts WHERE username = 'a-builder'"))).scalar_one()
    assert active is False
    kept = await client.post(
        IMPORTS, params={"dry_run": True}, content=(OFFICERS + row).encode(), headers=headers | {"Idempotency-Key": new_id()}
    )
    assert kept.json()["removed"] == 0, "only where it is asked for"


async def test_nothing_is_removed_that_is_needed(services: Services, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    async with services.staff.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO issues (issue_id, number, village, channel, category, topic, title, priority, labels, state, officer_id,"
                " task_units, version, stream_version, raised_at) VALUES ('i', 'n', :village, 'web', 'hardship', 'road', 't', 'routine',"
                " '{}', 'assigned', :officer, '{}', 1, 1, now())"
            ),
            {"village": VILLAGE, "officer": f"cadre-{VILLAGE}"},
        )
    one_unit = workbook(units=[UNITS, FORESTRY])
    told = (await sent(client, admin, one_unit, whole=True, dry_run=True)).json()
    assert f"/removed/{TOWNSHIP}~1construction" in {error["pointer"] for error in told["errors"]}
    one_officer = OFFICERS + f"a-builder,梅城镇建设岗,officer,{TOWNSHIP},{TOWNSHIP}/construction,true,\n"
    refused = await client.post(
        IMPORTS,
        params={"whole": True},
        content=one_officer.encode(),
        headers=admin | {"Content-Type": "text/csv", "Idempotency-Key": new_id()},
    )
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(f"/removed/cadre-{VILLAGE}", "row_in_charge")]
    assert f"officer-{TOWNSHIP}" in (await directory_of(services)).officers


async def test_an_administrator_of_one_county_removes_and_exports_nothing_of_another(services: Services, client: httpx.AsyncClient) -> None:
    async with services.staff.database.transaction() as session:
        await session.execute(text("UPDATE accounts SET regions = ARRAY['330182000000'] WHERE username = 'admin2'"))
    header = await token_of(client, "admin2")
    file = (await client.get("/api/routing/v1/directory/export", params={"kind": "officers", "format": "csv"}, headers=header)).text
    assert f"officer-{COUNTY}" in file
    assert OTHER_COUNTY not in file
    told = await client.post(
        IMPORTS,
        params={"whole": True, "dry_run": True},
        content=OFFICERS.encode(),
        headers=header | {"Content-Type": "text/csv", "Idempotency-Key": new_id()},
    )
    gone = {row["entry"] for row in told.json()["tables"][0]["rows"]}
    assert f"officer-{COUNTY}" in gone
    assert not [each for each in gone if OTHER_COUNTY[:6] in each]
    regions = (await client.get("/api/routing/v1/directory/regions", headers=header)).json()["items"]
    assert {each["code"][:6] for each in regions} == {COUNTY[:6]}


async def test_what_is_exported_changes_nothing_when_it_comes_back(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    file = await client.get("/api/routing/v1/directory/export", headers=admin)
    assert file.headers["content-type"] == WORKBOOK
    told = (await sent(client, admin, file.content, whole=True, dry_run=True)).json()
    assert (told["added"], told["changed"], told["removed"], told["errors"]) == (0, 0, 0, [])
    assert told["unchanged"] > 100


async def test_regions_units_and_officers_are_sought(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    base = "/api/routing/v1/directory"
    regions = (await client.get(f"{base}/regions", params={"q": "龙泉", "region": TOWNSHIP}, headers=admin)).json()["items"]
    assert [(each["code"], each["on_duty"]) for each in regions] == [(VILLAGE, ["龙泉村驻村干部"])]
    officers = (await client.get(f"{base}/officers", params={"q": f"CADRE {VILLAGE}"}, headers=admin)).json()["items"]
    assert [each["officer_id"] for each in officers] == [f"cadre-{VILLAGE}"]
    topics = (await client.get(f"{base}/topics", params={"q": "路灯"}, headers=admin)).json()["items"]
    assert [each["code"] for each in topics] == ["street_light"]
    first = (await client.get(f"{base}/regions", params={"limit": 1}, headers=admin)).json()
    second = (await client.get(f"{base}/regions", params={"limit": 1, "after": first["next"]}, headers=admin)).json()
    assert first["items"][0]["code"] < second["items"][0]["code"]
    stranger = await token_of(client, f"cadre-{VILLAGE}")
    for path in ("regions", "export"):
        assert (await client.get(f"{base}/{path}", headers=stranger)).status_code == 403
        assert (await client.get(f"{base}/{path}")).status_code == 401
