"""Topics, units and officers as rows of a CSV: what each row means, and every reason why it cannot be taken. Pure.

A file is taken whole or not at all, so that a directory never stands half changed.
"""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from services.routing.domain.cells import as_meant
from services.routing.domain.directory import VILLAGE_COMMITTEE, Directory, unit_id
from shared.contracts.values import Officer, Topic, Unit
from shared.regions import Regions, county_of, level_of, within

Kind = Literal["topics", "units", "officers"]
Entry = Topic | Unit | Officer
Problem = Literal[
    "column_missing", "required", "malformed", "too_long", "duplicate", "unknown_region", "unknown_unit", "unknown_role", "unknown_board",
    "not_a_boolean", "outside_regions", "several_counties", "level_of_role", "unit_of_village", "name_taken", "still_used",
    "in_charge",
]  # fmt: skip

COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "topics": ("code", "zh", "en", "township_unit", "county_unit", "board"),
    "units": ("region", "code", "zh", "en"),
    "officers": ("officer_id", "name", "role", "regions", "units", "on_duty", "email"),
}
"""The header of each kind of file. `regions` and `units` hold several values, separated by spaces."""

LEVELS_OF_ROLE: Mapping[str, frozenset[str]] = {
    "cadre": frozenset({"village"}),
    "officer": frozenset({"township", "county"}),
    "dispatcher": frozenset({"township", "county"}),
    "supervisor": frozenset({"county"}),
}
"""Who stands in the directory, and at which levels."""

ROLES_WITHOUT_POST = frozenset({"admin", "operator", "auditor"})
"""They handle no issue and so stand in no directory: they have accounts only."""

CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
OFFICER_ID = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
EMAIL = re.compile(r"[^\s@<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row cannot be taken. `row` counts records from 1, which is the header.

    Row 0 is none of the file: an entry that would be removed, named by `column`.
    """

    row: int
    column: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file says. `lines` tells in which row an entry stands."""

    entries: tuple[Entry, ...]
    errors: tuple[RowError, ...]
    lines: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Difference:
    """How entries differ from a directory; `changed` are those that exist and are not the same, `removed` those that go."""

    added: tuple[Entry, ...]
    changed: tuple[Entry, ...]
    unchanged: int
    removed: tuple[Entry, ...] = ()


def read_rows(kind: Kind, text: str, directory: Directory, regions: Regions) -> Rows:
    """Read a CSV whose header has the columns of `kind` (others are ignored) and compare every cell with what there is.

    Rows without any text are passed over, as spreadsheets leave them behind.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        lines = list(reader)
    except csv.Error:
        return Rows((), (RowError(reader.line_num, COLUMNS[kind][0], "malformed"),))
    missing = [column for column in COLUMNS[kind] if column not in (reader.fieldnames or ())]
    if missing:
        return Rows((), tuple(RowError(1, column, "column_missing") for column in missing))
    errors: list[RowError] = []
    entries: dict[str, Entry] = {}
    numbers: dict[str, int] = {}
    for line, row in enumerate(lines, start=2):
        cells = {column: as_meant((row[column] or "").strip()) for column in COLUMNS[kind]}
        if not any(cells.values()):
            continue
        found, entry = _READERS[kind](cells, directory, regions)
        errors += [RowError(line, column, problem) for column, problem in found]
        if entry is None:
            continue
        if key_of(entry) in entries:
            errors.append(RowError(line, COLUMNS[kind][0], "duplicate"))
        entries[key_of(entry)] = entry
        numbers[key_of(entry)] = line
    return Rows(tuple(entries.values()), tuple(errors), numbers)


def difference(entries: tuple[Entry, ...], directory: Directory, removed: tuple[Entry, ...] = ()) -> Difference:
    """Which of `entries` are new to `directory`, which change it, and how many are there already as they are; `removed` go."""
    added: list[Entry] = []
    changed: list[Entry] = []
    for entry in entries:
        former = known(entry, directory)
        if former is None:
            added.append(entry)
        elif former != entry:
            changed.append(entry)
    return Difference(tuple(added), tuple(changed), len(entries) - len(added) - len(changed), removed)


def key_of(entry: Entry) -> str:
    """The identity of an entry within its kind."""
    match entry:
        case Topic():
            return entry.code
        case Unit():
            return entry.unit_id
        case Officer():
            return entry.officer_id


def known(entry: Entry, directory: Directory) -> Entry | None:
    """What the directory has under the same identity."""
    match entry:
        case Topic():
            return directory.topics.get(entry.code)
        case Unit():
            return directory.units.get(entry.unit_id)
        case Officer():
            return directory.officers.get(entry.officer_id)


Cells = Mapping[str, str]
Found = list[tuple[str, Problem]]


def _topic(cells: Cells, directory: Directory, regions: Regions) -> tuple[Found, Topic | None]:
    found = [*_codes(cells, "code", "township_unit", "county_unit"), *_names(cells, "zh", "en")]
    for level in ("township", "county"):
        code = cells[f"{level}_unit"]
        if CODE.fullmatch(code) and not any(unit.code == code and level_of(unit.region) == level for unit in directory.units.values()):
            found.append((f"{level}_unit", "unknown_unit"))
    if cells["board"] not in get_args(Topic.model_fields["board"].annotation):
        found.append(("board", "unknown_board"))
    return found, None if found else Topic.model_validate(cells)


def _unit(cells: Cells, directory: Directory, regions: Regions) -> tuple[Found, Unit | None]:
    found = [*_codes(cells, "code"), *_names(cells, "zh", "en")]
    region = regions.get(cells["region"])
    if region is None:
        found.append(("region", "unknown_region"))
    elif (region.level == "village") != (cells["code"] == VILLAGE_COMMITTEE):
        found.append(("code", "unit_of_village"))
    return found, None if found else Unit(unit_id=unit_id(cells["region"], cells["code"]), **cells)


def _officer(cells: Cells, directory: Directory, regions: Regions) -> tuple[Found, Officer | None]:
    found = check_account(cells, directory, regions)
    if cells["role"] in ROLES_WITHOUT_POST:
        found.append(("role", "unknown_role"))
    return found, None if found else officer_from(cells)


def check_account(cells: Cells, directory: Directory, regions: Regions) -> Found:
    """What is wrong with the columns of an officer, or of an account without a post, whose regions may be empty: the whole deployment."""
    places, units = tuple(cells["regions"].split()), tuple(cells["units"].split())
    found = _names(cells, "name")
    if not OFFICER_ID.fullmatch(cells["officer_id"]):
        found.append(("officer_id", "malformed" if cells["officer_id"] else "required"))
    if cells["role"] not in LEVELS_OF_ROLE.keys() | ROLES_WITHOUT_POST:
        found.append(("role", "unknown_role"))
    if cells["email"] and not EMAIL.fullmatch(cells["email"]):
        found.append(("email", "malformed"))
    if cells["on_duty"].lower() not in ("true", "false"):
        found.append(("on_duty", "not_a_boolean"))
    if places or units or cells["role"] not in ROLES_WITHOUT_POST:
        found += _places(cells["role"], places, units, directory, regions)
    return found


def officer_from(cells: Cells) -> Officer:
    """The officer that checked columns describe."""
    return Officer(
        officer_id=cells["officer_id"],
        name=cells["name"],
        role=cells["role"],
        regions=tuple(cells["regions"].split()),
        units=tuple(cells["units"].split()),
        on_duty=cells["on_duty"].lower() == "true",
        email=cells["email"] or None,
    )


def _places(role: str, places: tuple[str, ...], units: tuple[str, ...], directory: Directory, regions: Regions) -> Found:
    if not places:
        return [("regions", "required")]
    if any(regions.get(place) is None for place in places):
        return [("regions", "unknown_region")]
    found: Found = []
    if len({county_of(place) for place in places}) > 1:
        found.append(("regions", "several_counties"))
    if any(level_of(place) not in LEVELS_OF_ROLE.get(role, frozenset()) for place in places) and role in LEVELS_OF_ROLE:
        found.append(("regions", "level_of_role"))
    if any(unit not in directory.units for unit in units):
        found.append(("units", "unknown_unit"))
    elif not all(any(within(directory.units[unit].region, place) for place in places) for unit in units):
        found.append(("units", "outside_regions"))
    return found


def _codes(cells: Cells, *columns: str) -> Found:
    return [(column, "malformed" if cells[column] else "required") for column in columns if not CODE.fullmatch(cells[column])]


def _names(cells: Cells, *columns: str) -> Found:
    found: Found = []
    for column in columns:
        if not cells[column]:
            found.append((column, "required"))
        elif len(cells[column]) > MAX_NAME:
            found.append((column, "too_long"))
        elif not cells[column].isprintable():
            found.append((column, "malformed"))
    return found


_READERS: Mapping[Kind, Callable[[Cells, Directory, Regions], tuple[Found, Entry | None]]] = {
    "topics": _topic,
    "units": _unit,
    "officers": _officer,
}
