"""Files that people upload: what they are by their content, as text, and carried along by a form until they are confirmed."""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from shared.problems import FieldError, invalid
from shared.web.pages import Answer

CSV, ICALENDAR = "text/csv", "text/calendar"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook begins; the second is the format of before 2007, which the API refuses with a reason."""


def text_of(body: bytes) -> str:
    """A file as text: UTF-8, or GB 18030 as spreadsheets in China save it. Raises Problem 422 for another encoding."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise invalid(FieldError("", "text_expected"))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent."""

    content: bytes

    @property
    def carried(self) -> str:
        """The file as the value of a hidden field."""
        return b64encode(self.content).decode()

    @property
    def media_type(self) -> str:
        """What it is. Names and types that browsers tell are not asked: they depend on what is installed."""
        if self.content.startswith(_WORKBOOKS):
            return WORKBOOK
        return ICALENDAR if self.content.lstrip(b"\xef\xbb\xbf\r\n ")[:15].upper() == b"BEGIN:VCALENDAR" else CSV


async def uploaded(request: Request, most: int) -> tuple[Mapping[str, str], Upload | None]:
    """The fields of a form, and the file of its `file` or the one that its `carried` holds; None where there is neither.

    Args:
        request: with a form.
        most: bytes of a field, which may carry a file as base64.
    """
    async with request.form(max_files=1, max_fields=20, max_part_size=most) as form:
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        content = content or b64decode(fields.get("carried", ""), validate=True)
    except Error:
        content = b""
    return fields, Upload(content) if content else None


@dataclass(frozen=True, slots=True)
class RowWrong:
    """What is wrong with a row, or without a row with what would be removed.

    `table` is empty where the file has only one, `column` where the row as a whole is wrong.
    """

    table: str
    row: str
    column: str
    detail: str


def rows_wrong(errors: list[dict[str, Any]]) -> list[RowWrong]:
    """The API's errors by row: their pointers read `/rows/<row>/<column>` or `/removed/<entry>`, behind `/<table>` if several."""
    found: list[RowWrong] = []
    for error in errors:
        table, found_rows, place = error["pointer"].partition("/rows/")
        if not found_rows:
            table, _, place = error["pointer"].partition("/removed/")
            place = f"/{place}"
        row, _, column = place.partition("/")
        found.append(RowWrong(table.strip("/"), row, column.replace("~1", "/"), error["detail"]))
    return found


def rows_wrong_of(answer: Answer) -> list[RowWrong]:
    """The same for a refusal; empty where it names no row."""
    return rows_wrong([error for error in answer.body.get("errors", ()) if "/rows/" in error["pointer"] or "/removed/" in error["pointer"]])
