"""Writes what was measured to `tests/bench/RESULTS.md`, with machine and command. Rows stay until they are measured again."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.ratio import Ratio
from tests.bench.rig import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
_HEAD = """# What was measured

Ratios against a baseline of the same run, in interleaved rounds: median, and in brackets the lowest and the highest. Each row says when and
by which command it was measured.

| figure | ours | baseline | ratio | wanted | met | measured |
|---|---|---|---|---|---|---|
"""


def write(rows: Sequence[Ratio], command: str) -> None:
    """Put `rows` in the place of those with the same figure."""
    lines = _former()
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, Python {platform.python_version()}, `{command}`"
    for row in rows:
        told = (*row.told(), "yes" if row.met else "**no**", f"{when}{'; ' + row.note if row.note else ''}")
        lines[row.figure] = f"| {' | '.join(told)} |"
    RESULTS.write_text(_HEAD + "\n".join(lines.values()) + "\n" + _notes(), encoding="utf-8")


def _former() -> dict[str, str]:
    if not RESULTS.exists():
        return {}
    lines = RESULTS.read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| figure")]
    return {line[2:].partition(" | ")[0]: line for line in rows}


def _notes() -> str:
    """What people wrote below the table."""
    if not RESULTS.exists():
        return ""
    _, found, notes = RESULTS.read_text(encoding="utf-8").partition("\n## ")
    return f"\n## {notes}" if found else ""
