"""The directory as a workbook (xlsx): read into the CSVs that an import takes, and written with a sheet for each table."""

import asyncio
import csv
import io
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from xlsxwriter import Workbook

from services.routing.domain.directory_rows import COLUMNS, Entry, Kind
from services.routing.domain.directory_tables import ORDER, SHEETS, cells_of, kind_of
from shared.problems import FieldError, Problem, invalid

PATIENCE = 30.0
"""Seconds that reading may take; the reader's own limit is for time that it computes."""

_READER = Path(__file__).with_name("workbook_reader.py")


async def tables_of(content: bytes, kind: Kind | None = None) -> Mapping[Kind, str]:
    """The tables of a workbook as CSV, so that the same rules hold for both; rows keep their numbers.

    A sheet's table follows from its name (`SHEETS`) or its first row; other sheets are passed over. With `kind` the first sheet is that.

    Raises:
        Problem: 422 for what is no workbook, is too large, or holds no table or one of them twice.
    """
    sheets = await _sheets(content)
    if kind is not None:
        return {kind: _csv(sheets[0]["rows"])} if sheets else {}
    tables: dict[Kind, str] = {}
    for sheet in sheets:
        found = SHEETS.get(sheet["name"].strip().lower()) or kind_of(sheet["rows"][0] if sheet["rows"] else ())
        if found is not None and found in tables:
            raise invalid(FieldError(f"/{found}", "table_twice"))
        if found is not None:
            tables[found] = _csv(sheet["rows"])
    return tables


def to_xlsx(tables: Mapping[Kind, Sequence[Entry]]) -> bytes:
    """Tables as a workbook. Every cell is text: nothing is run, no code loses digits, and it can be brought in again."""
    file = io.BytesIO()
    with Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        plain = book.add_format({"num_format": "@"})  # pyright: ignore[reportUnknownMemberType]
        for kind in sorted(tables, key=ORDER.index):
            sheet = book.add_worksheet(kind)  # pyright: ignore[reportUnknownMemberType]
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(COLUMNS[kind]) - 1, 24, plain)
            rows = [COLUMNS[kind], *(tuple(cells_of(entry).values()) for entry in tables[kind])]
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write_string(number, column, cell, plain)
    return file.getvalue()


async def _sheets(content: bytes) -> list[dict[str, Any]]:
    reader = await asyncio.create_subprocess_exec(sys.executable, "-I", str(_READER), stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        told, _ = await asyncio.wait_for(reader.communicate(content), PATIENCE)
    except TimeoutError:
        raise Problem("workbook_too_large", 422) from None
    finally:
        if reader.returncode is None:
            reader.kill()
            await reader.wait()
    if reader.returncode:
        raise Problem("workbook_too_large", 422)
    found = orjson.loads(told)
    if problem := found.get("problem"):
        raise Problem(problem, 422)
    return found["sheets"]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()
