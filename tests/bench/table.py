"""The outcome of a bench, as a table."""

import platform
from collections.abc import Sequence

from rich.table import Table

from tests.bench.figures import Figure
from tests.bench.ratio import Ratio


def table_of(rows: Sequence[Ratio | Figure]) -> Table:
    """Each figure beside what it should be."""
    table = Table(title=f"make bench · {platform.machine()}, Python {platform.python_version()}")
    for heading in ("figure", "measured", "baseline", "ratio", "wanted", "met"):
        table.add_column(heading)
    for row in rows:
        told = row.told() if isinstance(row, Ratio) else (row.name, row.measured, "", "", row.wanted)
        table.add_row(*told, "yes" if row.met else "NO")
    return table
