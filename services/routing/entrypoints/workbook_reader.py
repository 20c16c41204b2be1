"""Reads a workbook (xlsx) in a process of its own, with little memory and little time, and writes its sheets as JSON.

Whatever is inside, it harms nobody else: a few kilobytes may unpack to gigabytes, and two cells far apart make a table of billions.
It knows nothing of this project, so that it starts quickly; `workbooks` starts it.
"""

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from python_calamine import CalamineError, SheetTypeEnum, SheetVisibleEnum, load_workbook  # pyright: ignore[reportUnknownVariableType]

MEMORY = 512 * 2**20
"""Bytes of address space: three full sheets take less than half of it."""
SECONDS = 20
MAX_UNPACKED = 64 * 2**20
MAX_ROWS = 20_001
"""The header and 20,000 more."""
MAX_COLUMNS = 64

Cell = str | float | int | bool | date | datetime | time | timedelta


def read(content: bytes) -> Mapping[str, object]:
    """`sheets`, each with `name` and `rows` of texts, those that are visible; or `problem`, the code of what is wrong."""
    try:
        with ZipFile(BytesIO(content)) as packed:
            if sum(member.file_size for member in packed.infolist()) > MAX_UNPACKED:
                return {"problem": "workbook_too_large"}
        with load_workbook(BytesIO(content)) as book:
            shown = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
            ]
            sheets = [(name, book.get_sheet_by_name(name)) for name in shown]
            ends = [sheet.end for _, sheet in sheets if sheet.end is not None]
            if any(row >= MAX_ROWS or column >= MAX_COLUMNS for row, column in ends):
                return {"problem": "workbook_too_large"}
            return {"sheets": [{"name": name, "rows": texts(sheet.to_python(skip_empty_area=False))} for name, sheet in sheets]}
    except (BadZipFile, CalamineError, ValueError):
        return {"problem": "workbook_unreadable"}


def texts(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Cells as a CSV has them. Of a formula there is only its value."""
    return [[text(cell) for cell in row] for row in rows]


def text(cell: Cell) -> str:
    """A cell as text: whole numbers without a point (codes that were typed as numbers), true and false as words."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def main() -> None:
    """From standard input to standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(read(sys.stdin.buffer.read()), sys.stdout)


if __name__ == "__main__":
    main()
