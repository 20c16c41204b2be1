"""`huiyin demo`: 42 matters through the public APIs, with deadlines of seconds."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.matters import Matter, matters
from deploy.demo.play import play
from deploy.demo.report import good
from deploy.demo.staff import DemoFailed
from deploy.local.state import load

_out = Console()
_err = Console(stderr=True)


app = typer.Typer()


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Data folder of the stack.")] = Path(".huiyin"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Play again although a run is finished.")] = False,
) -> None:
    """Play 42 matters from raising to closing, each as its script says. A killed run continues; a finished one prints its table."""
    try:
        state = load(data)
        whole = asyncio.run(_played(state.gateway, state.data, quiet=as_json, new=new))
    except DemoFailed as error:
        _err.print(f"demo: {error}")
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(whole, ensure_ascii=False))
    else:
        _show(whole)
    raise typer.Exit(0 if good(whole) else 1)


async def _played(gateway: str, data: Path, *, quiet: bool, new: bool) -> Mapping[str, Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_err, disable=quiet) as progress:
        bar = progress.add_task("演示 / demo", total=len(matters()))
        closed: set[int] = set()

        def told(matter: Matter, state: str) -> None:
            if state == "closed" and matter.no not in closed:
                closed.add(matter.no)
                progress.advance(bar)
            progress.update(bar, description=f"{matter.no:>2} {matter.title} · {state}")

        return await play(gateway, data, told, new=new)


def _show(whole: Mapping[str, Any]) -> None:
    table = Table(title="演示结果 / outcome of the demo")
    for heading in (
        "",
        "事项 / issue",
        "编号 / number",
        "升级 / lifted to",
        "办结层级 / level",
        "结果 / outcome",
        "秒 / s",
        "如预期 / as scripted",
    ):
        table.add_column(heading)
    for row in whole["per_matter"]:
        table.add_row(
            str(row["no"]),
            row["title"],
            row["number"],
            " → ".join(row["escalations"]),
            row["level_final"],
            row["outcome"],
            f"{row['seconds']:.0f}",
            "✓" if row["as_expected"] else "✗",
        )
    _out.print(table)
    lifted = whole["escalations"]
    _out.print(
        f"{whole['as_expected']} / {whole['matters']} as scripted · answered {whole['answered']} · closed {whole['closed']} · "
        f"lifted to township {lifted['township']}, to county {lifted['county']} · reopened {whole['reopened']} · {whole['seconds']} s"
    )
