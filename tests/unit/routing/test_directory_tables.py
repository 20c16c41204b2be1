"""The directory as tables: files that go out can come in again, headers tell what they hold, cells of workbooks are text."""

import csv
import io
from datetime import date

import pytest

from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import COLUMNS, Kind, read_rows
from services.routing.domain.directory_tables import after, entries_of, kind_of, kind_of_csv, missing, still_used, to_csv
from services.routing.entrypoints.workbook_reader import texts
from shared.contracts.values import Officer, Topic, Unit
from shared.regions import Region, Regions

TOWNSHIP, COUNTY = "330182104000", "330182000000"
REGIONS = Regions(
    [Region(COUNTY, None, "county", "建德市", "浙江省杭州市建德市"), Region(TOWNSHIP, COUNTY, "township", "梅城镇", "梅城镇")]
)


def unit(region: str, code: str, zh: str = "单位") -> Unit:
    return Unit(unit_id=f"{region}/{code}", region=region, code=code, zh=zh, en="Unit")


TOPIC = Topic(code="road", zh="道路", en="Roads", township_unit="construction", county_unit="transport", board="full")
OFFICER = Officer(
    officer_id="o1", name="建设岗", role="officer", regions=(TOWNSHIP,), units=(f"{TOWNSHIP}/construction",), on_duty=False, email="a@b.cn"
)
DIRECTORY = after(Directory(), (unit(TOWNSHIP, "construction", "=1+1"), unit(COUNTY, "transport"), TOPIC, OFFICER), ())


@pytest.mark.parametrize("kind", COLUMNS)
def test_what_goes_out_comes_in_again(kind: Kind) -> None:
    file = to_csv(kind, entries_of(kind, DIRECTORY))
    rows = read_rows(kind, file, DIRECTORY, REGIONS)
    assert (list(rows.entries), rows.errors) == (entries_of(kind, DIRECTORY), ())
    assert kind_of_csv(file) == kind


def test_no_cell_that_goes_out_is_a_formula() -> None:
    cells = [cell for row in csv.reader(io.StringIO(to_csv("units", entries_of("units", DIRECTORY)))) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("region,code,zh,en", "units"),
        ("\ufeffcode,zh,en,township_unit,county_unit,board", "topics"),
        ("officer_id,name,role,regions,units,on_duty", "officers"),
        ("region,code,zh", "units"),
        ("day,kind,region,note", None),
        ("", None),
    ],
)
def test_a_header_tells_its_table_also_with_a_column_missing(header: str, kind: Kind | None) -> None:
    assert kind_of(header.split(",")) == kind


def test_rows_without_text_are_passed_over_and_counted() -> None:
    rows = read_rows("units", f"region,code,zh,en\n,,,\n{TOWNSHIP},x!,x,x\n , ,,\n", DIRECTORY, REGIONS)
    assert [(error.row, error.column) for error in rows.errors] == [(3, "code")]


def test_cells_of_workbooks_are_text() -> None:
    row = [330182104228.0, 7, "0042", "330182104228.0", True, False, 1.5, date(2026, 3, 2), ""]
    assert texts([row]) == [["330182104228", "7", "0042", "330182104228.0", "true", "false", "1.5", "2026-03-02", ""]]


def test_what_is_left_out_is_missing_unless_rows_are_wrong() -> None:
    good = read_rows("units", f"region,code,zh,en\n{COUNTY},transport,单位,Unit\n", DIRECTORY, REGIONS)
    assert [entry.code for entry in missing("units", good, DIRECTORY) if isinstance(entry, Unit)] == ["construction"]
    wrong = read_rows("units", f"region,code,zh,en\n{COUNTY},transport,单位,Unit\n{TOWNSHIP},constru!,单位,Unit\n", DIRECTORY, REGIONS)
    assert list(missing("units", wrong, DIRECTORY)) == []


def test_a_unit_that_somebody_names_is_still_used() -> None:
    gone = (unit(TOWNSHIP, "construction"), unit(COUNTY, "transport"), unit(COUNTY, "water"))
    left = after(DIRECTORY, (), gone)
    assert [error.column for error in still_used(gone, left)] == [f"{TOWNSHIP}/construction", f"{COUNTY}/transport"]
    alone = after(DIRECTORY, (), (*gone, OFFICER, TOPIC))
    assert list(still_used(gone, alone)) == []
