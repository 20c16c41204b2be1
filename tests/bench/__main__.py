"""`python -m tests.bench [NAME…]`: measures, prints each figure beside what it should be, and writes the ratios to RESULTS.md.

Without names everything but `memory`, which needs hours. Exit 1 if a figure misses.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from deploy.local.state import StackState, load
from tests.bench import appending, carrying, living, paging, publishing, raising, reading, rebuilding, remembering
from tests.bench.figures import Figure, backlog, deadline_lag, post_to_assigned
from tests.bench.generator import generator
from tests.bench.ratio import Ratio
from tests.bench.results import write
from tests.bench.table import table_of
from tests.support.servers import free_base

_console = Console()

Measured = Sequence[Ratio | Figure]


async def deadlines(state: StackState) -> list[Figure]:
    """How soon an issue is assigned, how late deadlines take effect, how fast a backlog of them drains."""
    figures = [await post_to_assigned(state)]
    async with generator(state) as made:
        figures.append(await deadline_lag(state, made))
        figures.extend(await backlog(state, made))
    return figures


async def _appending() -> Measured:
    return await asyncio.to_thread(appending.measure)


PARTS: Mapping[str, Callable[[], Awaitable[Measured]]] = {
    "raising": raising.measure,
    "appending": _appending,
    "publishing": publishing.measure,
    "carrying": carrying.measure,
    "rebuilding": rebuilding.measure,
    "reading": reading.measure,
    "paging": paging.measure,
}
"""Figures that need only parts of a stack."""

WHOLE: Mapping[str, Callable[[StackState], Awaitable[Measured]]] = {
    "living": living.measure,
    "deadlines": deadlines,
    "memory": remembering.measure,
}
"""Figures of a stack that does nothing else."""


@contextmanager
def stack() -> Iterator[StackState]:
    """A stack of the bench's own."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        data = Path(folder) / "data"
        huiyin = [sys.executable, "-m", "deploy.cli"]
        subprocess.run([*huiyin, "up", "--data", str(data), "--port-base", str(free_base()), "--demo", "--detach"], check=True)
        try:
            yield load(data)
        finally:
            subprocess.run([*huiyin, "down", "--data", str(data)], check=True)


def measured(name: str) -> Measured:
    """One part of the bench."""
    if name in PARTS:
        return asyncio.run(_awaited(PARTS[name]()))
    with stack() as state:
        return asyncio.run(_awaited(WHOLE[name](state)))


async def _awaited(work: Awaitable[Measured]) -> Measured:
    return await work


def main(names: Sequence[str]) -> int:
    """Measure one after the other."""
    unknown = [name for name in names if name not in (*PARTS, *WHOLE)]
    if unknown:
        _console.print(f"There is no {', '.join(unknown)}: {', '.join((*PARTS, *WHOLE))}.")
        return 2
    met = True
    for name in names or [name for name in (*PARTS, *WHOLE) if name != "memory"]:
        rows = measured(name)
        _console.print(table_of(rows))
        write([row for row in rows if isinstance(row, Ratio)], f"python -m tests.bench {name}")
        met &= all(row.met for row in rows)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
