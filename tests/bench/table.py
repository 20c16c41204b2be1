"""The outcome of a bench, as a table."""

import platform
from collections.abc import Sequence

from rich.table import Table

from tests.bench.figures import Figure


def table_of(figures: Sequence[Figure]) -> Table:
    """Each figure beside what it should be."""
    table = Table(title=f"make bench · {platform.machine()}, Python {platform.python_version()}")
    for heading in ("figure", "measured", "wanted", "met"):
        table.add_column(heading)
    for figure in figures:
        table.add_row(figure.name, figure.measured, figure.wanted, "yes" if figure.met else "NO")
    return table
