"""Tables as a workbook (xlsx). A text stays a text: nothing that people typed is ever a formula or a link."""

# XlsxWriter is typed in part.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import xlsxwriter

from services.tracking.domain.words import SHANGHAI

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Cell = str | int | float | datetime | None

_A4 = 9
_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
"""Constant memory: each row is on disk before the next is written."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table.

    Args:
        name: of at most 31 characters.
        note: what the table is and how far it goes; stands above the head.
        columns: head and width in characters.
        rows: cells; instants are written in local time.
    """

    name: str
    note: str
    columns: Sequence[tuple[str, int]]
    rows: Iterable[Sequence[Cell]]


def workbook(sheets: Iterable[Sheet]) -> bytes:
    """The sheets as one file."""
    file = BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        bold = book.add_format({"bold": True, "bottom": 2})
        instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"})
        for sheet in sheets:
            made = book.add_worksheet(sheet.name)
            made.set_landscape()
            made.set_paper(_A4)
            made.fit_to_pages(1, 0)
            made.repeat_rows(1)
            made.freeze_panes(2, 0)
            made.write_string(0, 0, sheet.note)
            for column, (head, width) in enumerate(sheet.columns):
                made.set_column(column, column, width)
                made.write_string(1, column, head, bold)
            for number, cells in enumerate(sheet.rows, 2):
                for column, cell in enumerate(cells):
                    match cell:
                        case None:
                            pass
                        case str():
                            made.write_string(number, column, _plain(cell))
                        case datetime():
                            made.write_datetime(number, column, cell.astimezone(SHANGHAI).replace(tzinfo=None), instant)
                        case _:
                            made.write_number(number, column, cell)
    return file.getvalue()


def _plain(text: str) -> str:
    """What begins and ends like a run of rich text, XlsxWriter would write into the file as it is; a space keeps it a text."""
    return text + " " if text.startswith("<r>") and text.endswith("</r>") else text
