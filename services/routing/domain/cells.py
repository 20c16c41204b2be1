"""Cells of spreadsheets as plain text. A cell that a spreadsheet would run goes out behind an apostrophe, which is taken back. Pure."""

import re

_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
"""What a spreadsheet may run, full-width signs too (OWASP, CSV injection), after any apostrophes."""


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_meant(cell: str) -> str:
    """The cell that `harmless` was given."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell
