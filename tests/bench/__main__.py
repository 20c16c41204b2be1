"""`python -m tests.bench`: measures on a stack of its own and prints each figure beside what it should be. Exit 1 if one misses."""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from deploy.local.state import StackState, load
from tests.bench.figures import Figure, backlog, deadline_lag, post_to_assigned
from tests.bench.generator import generator
from tests.bench.table import table_of
from tests.support.servers import free_base

_console = Console()


async def measure(state: StackState) -> list[Figure]:
    """All figures, one after the other, on a stack that does nothing else."""
    figures = [await post_to_assigned(state)]
    _console.print(figures[-1].measured)
    async with generator(state) as made:
        figures.append(await deadline_lag(state, made))
        _console.print(figures[-1].measured)
        figures.extend(await backlog(state, made))
    return figures


def main() -> int:
    """Start a stack, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="huiyin-bench-") as folder:
        data = Path(folder) / "data"
        huiyin = [sys.executable, "-m", "deploy.cli"]
        subprocess.run([*huiyin, "up", "--data", str(data), "--port-base", str(free_base()), "--demo", "--detach"], check=True)
        try:
            figures = asyncio.run(measure(load(data)))
        finally:
            subprocess.run([*huiyin, "down", "--data", str(data)], check=True)
    _console.print(table_of(figures))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
