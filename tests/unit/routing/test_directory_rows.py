"""CSV files of topics, units and officers: what they mean, and every reason to refuse one."""

import csv
import io

import pytest

from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import COLUMNS, Kind, difference, read_rows
from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Officer, Topic, Unit
from shared.regions import Region, Regions

VILLAGE, TOWNSHIP, COUNTY, OTHER_COUNTY = "330182104228", "330182104000", "330182000000", "330523000000"
REGIONS = Regions(
    [
        Region(COUNTY, None, "county", "建德市", "浙江省杭州市建德市"),
        Region(TOWNSHIP, COUNTY, "township", "梅城镇", "梅城镇"),
        Region(VILLAGE, TOWNSHIP, "village", "龙泉村", "龙泉村"),
        Region(OTHER_COUNTY, None, "county", "安吉县", "安吉县"),
    ]
)


def unit(region: str, code: str) -> Unit:
    return Unit(unit_id=f"{region}/{code}", region=region, code=code, zh="单位", en="Unit")


DIRECTORY = Directory().with_changes(
    DirectoryChanged(
        units=(
            unit(TOWNSHIP, "construction"),
            unit(COUNTY, "transport"),
            unit(VILLAGE, "village_committee"),
            unit(OTHER_COUNTY, "transport"),
        ),
        by=None,
    )
)

GOOD: dict[Kind, dict[str, str]] = {
    "topics": {
        "code": "street_light", "zh": "路灯照明", "en": "Street lights",
        "township_unit": "construction", "county_unit": "transport", "board": "full",
    },
    "units": {"region": TOWNSHIP, "code": "water", "zh": "水利站", "en": "Water station"},
    "officers": {
        "officer_id": "officer.water", "name": "水利岗", "role": "officer", "regions": TOWNSHIP,
        "units": f"{TOWNSHIP}/construction", "on_duty": "true", "email": "water@meicheng.example",
    },
}  # fmt: skip


def file(kind: Kind, *rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS[kind])
    writer.writeheader()
    writer.writerows({**GOOD[kind], **row} for row in rows)
    return out.getvalue()


def test_good_rows_become_entries() -> None:
    assert read_rows("topics", file("topics", {}), DIRECTORY, REGIONS).entries == (
        Topic(code="street_light", zh="路灯照明", en="Street lights", township_unit="construction", county_unit="transport", board="full"),
    )
    assert read_rows("units", file("units", {}), DIRECTORY, REGIONS).entries == (
        Unit(unit_id=f"{TOWNSHIP}/water", region=TOWNSHIP, code="water", zh="水利站", en="Water station"),
    )
    officers = read_rows("officers", file("officers", {"on_duty": "FALSE", "email": ""}), DIRECTORY, REGIONS)
    assert officers.errors == ()
    assert officers.entries == (
        Officer(
            officer_id="officer.water",
            name="水利岗",
            role="officer",
            regions=(TOWNSHIP,),
            units=(f"{TOWNSHIP}/construction",),
            on_duty=False,
        ),
    )


@pytest.mark.parametrize(
    ("kind", "change", "column", "problem"),
    [
        ("topics", {"code": ""}, "code", "required"),
        ("topics", {"code": "Street light"}, "code", "malformed"),
        ("topics", {"zh": " "}, "zh", "required"),
        ("topics", {"en": "x" * 81}, "en", "too_long"),
        ("topics", {"zh": "路\u202e灯"}, "zh", "malformed"),
        ("topics", {"township_unit": "transport"}, "township_unit", "unknown_unit"),
        ("topics", {"county_unit": "construction"}, "county_unit", "unknown_unit"),
        ("topics", {"board": "some"}, "board", "unknown_board"),
        ("units", {"region": "330182999000"}, "region", "unknown_region"),
        ("units", {"region": "../etc"}, "region", "unknown_region"),
        ("units", {"region": VILLAGE}, "code", "unit_of_village"),
        ("units", {"code": "village_committee"}, "code", "unit_of_village"),
        ("officers", {"officer_id": "a b"}, "officer_id", "malformed"),
        ("officers", {"officer_id": ""}, "officer_id", "required"),
        ("officers", {"name": ""}, "name", "required"),
        ("officers", {"role": "mayor"}, "role", "unknown_role"),
        ("officers", {"role": "admin"}, "role", "unknown_role"),
        ("officers", {"email": "nobody"}, "email", "malformed"),
        ("officers", {"on_duty": "1"}, "on_duty", "not_a_boolean"),
        ("officers", {"regions": "", "units": ""}, "regions", "required"),
        ("officers", {"regions": "330182999000"}, "regions", "unknown_region"),
        ("officers", {"regions": f"{COUNTY} {OTHER_COUNTY}"}, "regions", "several_counties"),
        ("officers", {"regions": VILLAGE, "units": ""}, "regions", "level_of_role"),
        ("officers", {"role": "supervisor"}, "regions", "level_of_role"),
        ("officers", {"role": "cadre"}, "regions", "level_of_role"),
        ("officers", {"units": f"{TOWNSHIP}/water"}, "units", "unknown_unit"),
        ("officers", {"units": f"{COUNTY}/transport"}, "units", "outside_regions"),
        ("officers", {"units": f"{OTHER_COUNTY}/transport"}, "units", "outside_regions"),
    ],
)
def test_a_wrong_cell_is_named_by_row_column_and_reason(kind: Kind, change: dict[str, str], column: str, problem: str) -> None:
    first = {COLUMNS[kind][0 if kind != "units" else 1]: "other"}
    rows = read_rows(kind, file(kind, first, change), DIRECTORY, REGIONS)
    assert [(error.row, error.column, error.problem) for error in rows.errors] == [(3, column, problem)]


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    rows = read_rows("topics", file("topics", {"code": "A", "board": "?"}, {"zh": ""}), DIRECTORY, REGIONS)
    assert {(error.row, error.column) for error in rows.errors} == {(2, "code"), (2, "board"), (3, "zh")}


def test_the_same_entry_twice_is_refused() -> None:
    rows = read_rows("units", file("units", {}, {"zh": "另一个"}), DIRECTORY, REGIONS)
    assert [(error.row, error.problem) for error in rows.errors] == [(3, "duplicate")]


def test_missing_columns_and_broken_files_are_refused() -> None:
    missing = read_rows("units", "region,zh,en\n", DIRECTORY, REGIONS)
    assert [(error.row, error.column, error.problem) for error in missing.errors] == [(1, "code", "column_missing")]
    assert [error.problem for error in read_rows("units", "", DIRECTORY, REGIONS).errors] == ["column_missing"] * 4
    huge = read_rows("units", f'region,code,zh,en\n{TOWNSHIP},water,"{"x" * 200_000}",e\n', DIRECTORY, REGIONS)
    assert [error.problem for error in huge.errors] == ["malformed"]
    assert {error.problem for error in read_rows("units", f"region,code,zh,en\n{TOWNSHIP}\n", DIRECTORY, REGIONS).errors} == {"required"}


def test_the_difference_tells_new_from_changed_from_the_same() -> None:
    present = read_rows("units", file("units", {}), DIRECTORY, REGIONS).entries
    directory = DIRECTORY.with_changes(DirectoryChanged(units=tuple(entry for entry in present if isinstance(entry, Unit)), by=None))
    rows = read_rows("units", file("units", {}, {"code": "forestry"}, {"code": "construction", "zh": "新名"}), directory, REGIONS)
    found = difference(rows.entries, directory)
    assert [entry.code for entry in found.added if isinstance(entry, Unit)] == ["forestry"]
    assert [entry.code for entry in found.changed if isinstance(entry, Unit)] == ["construction"]
    assert found.unchanged == 1
