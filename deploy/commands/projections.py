"""`huiyin projections`: tracking's read models, built anew from the log."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.commands.terminal import run
from deploy.local.layout import StackError
from deploy.local.state import load
from services.tracking.rebuild import RebuildRunning, Rebuilt, rebuild
from services.tracking.tables import LIVE
from shared.database import Database
from shared.eventlog import EventLog

app = typer.Typer(help="Read models.", no_args_is_help=True)
_err = Console(stderr=True)

NAMES = tuple(LIVE.by_name)


@app.callback()
def _root() -> None:
    """Read models."""


@app.command(name="rebuild")
def rebuild_projections(
    name: Annotated[str, typer.Argument(help=f"{', '.join(NAMES)}, or all.")],
    data: Annotated[Path, typer.Option(help="Data folder of the stack.")] = Path(".huiyin"),
) -> None:
    """Build a projection from zero, beside the live one, then switch. Consumption goes on.

    A killed run leaves the live one as it was; run again, it goes on where it stopped.
    """
    if name not in (*NAMES, "all"):
        raise StackError(f"There is no projection {name}: {', '.join(NAMES)}, or all.")
    done = run(_rebuild(load(data).database_url("tracking"), NAMES if name == "all" else (name,)))
    typer.echo(f"{', '.join(done.names)} rebuilt from {done.events} events: {done.issues} issues.")


async def _rebuild(url: str, names: tuple[str, ...]) -> Rebuilt:
    database = Database(url, pool_size=2)
    columns = (TextColumn("rebuild"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
    try:
        with Progress(*columns, console=_err) as bars:
            bar = bars.add_task("", total=None)
            return await rebuild(
                database,
                EventLog("/huiyin/tracking"),
                names,
                progress=lambda read, total: bars.update(bar, completed=read, total=max(read, total)),
            )
    except RebuildRunning:
        raise StackError("Another rebuild is under way: try again when it is done.") from None
    finally:
        await database.close()
