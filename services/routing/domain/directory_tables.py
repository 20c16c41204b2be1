"""The directory as tables: what they hold, whole tables as CSV, which table a header belongs to, what leaving entries out does. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from services.routing.domain.cells import harmless
from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import COLUMNS, Entry, Kind, RowError, Rows, key_of
from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Officer, Topic, Unit
from shared.regions import level_of

ORDER: tuple[Kind, ...] = ("units", "topics", "officers")
"""In which tables are taken: topics and officers name units."""

SHEETS: Mapping[str, Kind] = {
    "topics": "topics", "事项": "topics", "units": "units", "单位": "units", "officers": "officers", "人员": "officers",
}  # fmt: skip
"""Names of sheets that say what they hold."""

_TELLING = 2
"""Columns of a table that a header must have to be a wrong header of that table, and not just any sheet."""


def kind_of(header: Sequence[str]) -> Kind | None:
    """The table that a header belongs to, also where it lacks a column; None where it is of none."""
    names = {name.strip().removeprefix("\ufeff") for name in header}

    def fit(kind: Kind) -> tuple[int, int]:
        return len(set(COLUMNS[kind]) - names), -len(COLUMNS[kind])

    best = min(ORDER, key=fit)
    return best if len(names.intersection(COLUMNS[best])) >= _TELLING else None


def kind_of_csv(text: str) -> Kind | None:
    """The table that a CSV holds, by its first line."""
    first = next(iter(text.splitlines()), "")
    return kind_of(first.split(","))


def cells_of(entry: Entry) -> dict[str, str]:
    """The cells of an entry by column, as a row that is read has them."""
    match entry:
        case Topic():
            return {column: str(getattr(entry, column)) for column in COLUMNS["topics"]}
        case Unit():
            return {column: str(getattr(entry, column)) for column in COLUMNS["units"]}
        case Officer():
            return {
                "officer_id": entry.officer_id,
                "name": entry.name,
                "role": entry.role,
                "regions": " ".join(entry.regions),
                "units": " ".join(entry.units),
                "on_duty": "true" if entry.on_duty else "false",
                "email": entry.email or "",
            }


def to_csv(kind: Kind, entries: Iterable[Entry]) -> str:
    """A table as CSV, with byte order mark and CRLF; nothing in it is a formula, and it can be brought in again."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS[kind])
    writer.writerows([harmless(cell) for cell in cells_of(entry).values()] for entry in entries)
    return "\ufeff" + file.getvalue()


def entries_of(kind: Kind, directory: Directory) -> list[Entry]:
    """A table of the directory, in the order of its keys."""
    tables: Mapping[Kind, Iterable[Entry]] = {
        "topics": directory.topics.values(),
        "units": directory.units.values(),
        "officers": directory.officers.values(),
    }
    return sorted(tables[kind], key=key_of)


def missing(kind: Kind, rows: Rows, directory: Directory) -> Iterator[Entry]:
    """What the directory has and a table leaves out; nothing while rows are wrong, for they may be what seems to be missing."""
    if not rows.errors:
        yield from (entry for entry in entries_of(kind, directory) if key_of(entry) not in rows.lines)


def after(directory: Directory, entries: Sequence[Entry], removed: Sequence[Entry]) -> Directory:
    """The directory with `entries` and without `removed`."""
    return directory.with_changes(
        DirectoryChanged(
            topics=tuple(entry for entry in entries if isinstance(entry, Topic)),
            units=tuple(entry for entry in entries if isinstance(entry, Unit)),
            officers=tuple(entry for entry in entries if isinstance(entry, Officer)),
            removed=tuple(named(entry) for entry in removed),
            by=None,
        )
    )


def named(entry: Entry) -> str:
    """An entry as `DirectoryChanged.removed` names it."""
    return f"{type(entry).__name__.lower()}:{key_of(entry)}"


def still_used(removed: Sequence[Entry], directory: Directory) -> Iterator[RowError]:
    """The removed units that officers of `directory` belong to, or that were the last of their code and level that a topic names."""
    standing = {(level_of(unit.region), unit.code) for unit in directory.units.values()}
    wanted = {("township", topic.township_unit) for topic in directory.topics.values()}
    wanted |= {("county", topic.county_unit) for topic in directory.topics.values()}
    held = {unit for officer in directory.officers.values() for unit in officer.units}
    for unit in removed:
        if isinstance(unit, Unit) and (unit.unit_id in held or (level_of(unit.region), unit.code) in wanted - standing):
            yield RowError(0, unit.unit_id, "still_used")
