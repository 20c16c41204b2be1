"""`huiyin backup` and `huiyin restore`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from nats.errors import Error as NatsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from deploy.commands.events import print_report
from deploy.commands.terminal import DEFAULT_DATA, Data, local_time
from deploy.local.backup import back_up
from deploy.local.backup_manifest import Progress
from deploy.local.layout import Layout, StackError
from deploy.local.state import load

app = typer.Typer(help="Save a stack, and bring it back.")
_console = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="The backup to be: a new folder, better on another disk.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Save database, attachments, secrets and checkpoints while the stack runs. It holds every secret: keep it as you keep those."""
    state = load(data)
    try:
        with _bars() as progress:
            manifest = back_up(state.layout, folder.absolute(), progress)
    except psycopg.OperationalError:
        raise StackError("Postgres of this stack does not answer: `huiyin status` shows what runs.") from None
    _console.print(
        f"已备份 saved: {folder}, {len(manifest.files)} 文件 files, 至位置 to position {manifest.position}, {local_time(manifest.at)}"
    )


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A complete backup.")],
    data: Annotated[Path, typer.Option("--data", help="Data folder of the stack to be: new or empty.")],
    port_base: Annotated[int, typer.Option(help="Ports while it is restored, as for `huiyin up`.")] = 8080,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder with checkpoints and journal of erasures that are newer than the backup's.")
    ] = None,
) -> None:
    """Bring a backup back into an empty stack. Killed, it goes on where it was when you run it again."""
    from deploy.local.backup_restore import Restore  # loads services and Temporal's client

    os.umask(0o077)  # whatever a server writes is its owner's alone
    try:
        with _bars() as progress:
            done = Restore(folder.absolute(), Layout(data.absolute(), port_base), checkpoints, progress).run()
    except (psycopg.OperationalError, NatsError, TimeoutError) as error:
        raise StackError(f"A server went away ({type(error).__name__}), see {data}/logs: run the same line again, it goes on.") from None
    except OSError as error:
        raise StackError(
            f"{error.filename or data} 不能读写 cannot be read or written: {error.strerror}; run the same line again."
        ) from None
    demo = " --demo" if done.manifest.demo else ""
    _console.print(
        f"已恢复 restored: 备份时间 backup of {local_time(done.manifest.at)}, 位置 position {done.manifest.position}; "
        f"再次删除 erased again {done.erased}, 流程 workflows {done.seated}"
    )
    if done.lost:
        _console.print(
            f"备份之后发布的{done.lost}个事件已丢失 {done.lost} events that were published after the backup are lost; "
            "deploy/recovery.md#after-a-restore",
            style="yellow",
        )
    print_report(done.report)
    _console.print(f"接着运行 now run: huiyin up --data {data} --port-base {port_base}{demo}")
    # Python can abort while it exits after Temporal's client was used (temporalio/sdk-python #300), and the work is done.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if done.report.clean else 1)


@contextmanager
def _bars() -> Iterator[Progress]:
    """A bar for each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=_err) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield progress
