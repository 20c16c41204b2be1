"""`huiyin routing reseat`: workflows (re)started from the log."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.commands.terminal import run
from deploy.local.layout import StackError
from deploy.local.reseat import reseat as seat
from deploy.local.state import load

app = typer.Typer(help="Routing's workflows.", no_args_is_help=True)
_err = Console(stderr=True)


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
    columns = (TextColumn("reseat"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_err) as bars:
        bar = bars.add_task("", total=None)
        state = load(data)
        count = run(seat(state, state.temporal, issues or [], lambda done, total: bars.update(bar, completed=done, total=total)))
    typer.echo(f"{count} workflow(s) seated.")
    _leave()


def _leave() -> None:
    """End here: Python can abort while it exits after Temporal's client was used (temporalio/sdk-python #300), and the work is done."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
