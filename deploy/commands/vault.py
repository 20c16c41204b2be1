"""`huiyin vault`: the keys that seal reporters' data."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deploy.commands.terminal import DEFAULT_DATA, Data, run
from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from services.intake.bootstrap import bootstrap, keys_of
from services.intake.rotation import NotOurs, Rotation, StillInUse
from services.intake.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The vault's keys.")
_err = Console(stderr=True)


@app.callback()
def _root() -> None:
    """The vault's keys."""


@app.command()
def rotate(
    resume: Annotated[bool, typer.Option("--resume", help="Make no new key; seal again what an older one still seals.")] = False,
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="Then remove the older keys: backups sealed with them cannot be opened any more.")
    ] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Make a new key and seal everything with it, while the stack runs. Stopped half-way, go on with --resume."""
    try:
        run(_rotate(load(Path(data)), resume=resume, forget_old=forget_old))
    except NotOurs:
        raise StackError(
            "The keys come from HUIYIN_VAULT_KEYS: add one and remove old ones where they are kept; here, use --resume."
        ) from None
    except StillInUse:
        raise StackError(
            "Something was sealed with an older key meanwhile: the older keys stay. Use --resume --forget-old again."
        ) from None


async def _rotate(state: StackState, *, resume: bool, forget_old: bool) -> None:
    settings = Settings.of(state.env_of("intake"))
    keys = keys_of(settings)
    async with bootstrap(settings) as intake:
        rotation = Rotation(intake.database, intake.vault, intake.files, keys)
        current = keys.ring().current if resume else rotation.begin()
        with Progress(TextColumn("vault"), BarColumn(), MofNCompleteColumn(), console=_err) as progress:
            bar = progress.add_task("", total=None)
            rows, files = await rotation.run(lambda done, total: progress.update(bar, completed=done, total=total))
        typer.echo(f"当前密钥 current key {current}: {rows} row(s), {files} file(s) sealed again")
        if forget_old:
            typer.echo(f"已移除 removed {', '.join(await rotation.forget_old_keys()) or '-'}")
