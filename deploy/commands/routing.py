"""`huiyin routing reseat`: workflows (re)started from the log."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from services.routing import repository
from services.routing.bootstrap import temporal_client
from services.routing.timers import Timers
from shared.database import Database
from shared.eventlog import EventLog

app = typer.Typer(help="Routing's workflows.", no_args_is_help=True)
_err = Console(stderr=True)

PAGE = 500
"""Issues of one look at the table; progress moves by as many."""


@app.callback()
def _root() -> None:
    """Routing's workflows."""


@app.command()
def reseat(
    issues: Annotated[list[str] | None, typer.Argument(help="Numbers or ids of issues.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every issue for which something will happen by itself.")] = False,
    data: Annotated[Path, typer.Option(help="Data folder of the stack.")] = Path(".huiyin"),
) -> None:
    """(Re)start workflows from the log. Safe at any time: a workflow that waits already only looks again."""
    if bool(issues) == every:
        raise StackError("Name issues, or say --all.")
    count = asyncio.run(_reseat(load(data), issues or []))
    typer.echo(f"{count} workflow(s) seated.")
    _leave()


def _leave() -> None:
    """End here: Python can abort while it exits after Temporal's client was used (temporalio/sdk-python #300), and the work is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _reseat(state: StackState, named: Sequence[str]) -> int:
    database = Database(state.database_url("routing"), pool_size=2)
    try:
        timers = Timers(database, EventLog("/huiyin/routing"), await temporal_client(state.temporal))
        async with database.transaction() as session:
            if named:
                found = await repository.find(session, named)
                unknown = [name for name in named if name not in found]
                if unknown:
                    raise StackError(f"No such issue: {', '.join(unknown)}.")
                ids = sorted(set(found.values()))
            else:
                ids = list(await repository.waiting(session))
        columns = (TextColumn("reseat"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_err) as progress:
            bar = progress.add_task("", total=len(ids))
            for start in range(0, len(ids), PAGE):
                page = ids[start : start + PAGE]
                await timers.seat(page)
                progress.advance(bar, len(page))
        return len(ids)
    finally:
        await database.close()
