"""`huiyin events`: follow the log, verify it, accept a loss, fill JetStream again (and decide about dead letters: `dead_letters.py`)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import psycopg
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.commands import dead_letters
from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, local_time, run
from deploy.local.layout import Layout, StackError
from deploy.local.republish import republish as fill_again
from deploy.local.state import StackState, load
from shared.eventlog.bell import libpq
from shared.eventlog.checkpoints import FILE, LONGEST_REASON, Checkpoint, Checkpoints
from shared.eventlog.checkpoints_keys import CheckpointKeys
from shared.eventlog.checkpoints_notary import Notary
from shared.eventlog.copy import StreamCopy
from shared.eventlog.findings import remedy
from shared.eventlog.health import RelaySettings
from shared.eventlog.verify import Phase, Report, Verifier
from shared.messaging.connection import NatsConnection, connect
from shared.regions import UnknownRegion, prefix

app = typer.Typer(no_args_is_help=True, help="Follow, verify and republish events.")
app.add_typer(dead_letters.app, name="dead")


_PHASES: dict[Phase, str] = {"streams": "事件链 chains", "order": "总序 order", "messages": "消息 messages"}
_LOOK = 0.3
"""Seconds between two looks at the log while following it or waiting for the relay."""
_PATIENCE = 5
"""Seconds that NATS has to answer."""

_console = Console(highlight=False, soft_wrap=True)
_notices = Console(stderr=True, highlight=False)


@app.command()
def tail(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    number: Annotated[int, typer.Option("-n", min=0, help="Events to begin with.")] = 20,
    issue: Annotated[str | None, typer.Option(help="Only this issue (or other stream).")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only events of this name; again for more.")] = None,
    region: Annotated[str | None, typer.Option(help="Only this region and what lies in it, by 12-digit code.")] = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """The last published events, in their total order."""
    try:
        where = (issue, event or None, f"{prefix(region)}%" if region else None)
    except UnknownRegion:
        raise StackError(f"{region} is no 12-digit code.") from None
    run(_tail(load(data), where, number, follow=follow, as_json=as_json))


@app.command()
def verify(
    checkpoints: Annotated[Path | None, typer.Option(help="Folder with a copy of the checkpoints that was kept elsewhere.")] = None,
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Compare log, signed checkpoints and JetStream; check hash chains. Exit code 1 if anything is wrong."""
    if checkpoints is not None and not (checkpoints / FILE).exists():
        raise StackError(f"There is no {FILE} in {checkpoints}.")
    report = run(_verify(load(data), checkpoints))
    if as_json:
        faults = [{**asdict(found), "remedy": remedy(found, report.faults)} for found in report.faults]
        typer.echo(json.dumps({**asdict(report), "faults": faults, "clean": report.clean}, ensure_ascii=False))
    else:
        print_report(report)
    if not report.clean:
        raise typer.Exit(1)


@app.command()
def accept(
    reason: Annotated[str, typer.Option(help="Why the log is right as it is, e.g. restored from the backup of the 21st.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Accept the log as it is after a loss: earlier checkpoints count only as far as the log agrees. Signed, kept for ever."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise StackError(f"A reason has 1 to {LONGEST_REASON} characters.")
    signed = run(_accept(load(data), reason.strip()))
    _console.print(f"已签 signed: checkpoint {signed.number}, position {signed.position}; earlier ones count up to {signed.holds}.")


@app.command()
def republish(data: Data = DEFAULT_DATA) -> None:
    """Fill JetStream again from the log; can be broken off and begun again. The relay does it, or this command where none runs."""
    outcome = run(_republish(load(data)))
    _console.print(f"完成 done: {outcome}")


@asynccontextmanager
async def _log(state: StackState) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """The log, as the role that may read all of it."""
    async with await psycopg.AsyncConnection.connect(libpq(state.database_url("operator")), autocommit=True) as connection:
        yield connection


_FILTERED = (
    "SELECT p.position, e.time, e.region, e.stream, e.version, e.type, e.body FROM log.published AS p JOIN log.events AS e USING (id)"
    " WHERE p.position > %s AND (%s::text IS NULL OR e.stream = %s)"
    " AND (%s::text[] IS NULL OR split_part(e.type, '.', 3) = ANY (%s)) AND (%s::text IS NULL OR e.region LIKE %s)"
)


async def _tail(
    state: StackState, where: tuple[str | None, list[str] | None, str | None], number: int, *, follow: bool, as_json: bool
) -> None:
    filters = [value for value in where for _ in range(2)]
    async with _log(state) as log:
        (end,) = await _one(log, "SELECT coalesce(max(position), 0) FROM log.published")
        newest = await log.execute(
            f"{_FILTERED} AND p.position <= %s ORDER BY p.position DESC LIMIT %s".encode(), [0, *filters, end, number]
        )
        for row in reversed(await newest.fetchall()):
            _print_event(row, as_json=as_json)
        while follow:
            (now,) = await _one(log, "SELECT coalesce(max(position), 0) FROM log.published")
            fresh = await log.execute(f"{_FILTERED} AND p.position <= %s ORDER BY p.position".encode(), [end, *filters, now])
            for row in await fresh.fetchall():
                _print_event(row, as_json=as_json)
            end = now
            await asyncio.sleep(_LOOK)


def _print_event(row: tuple[Any, ...], *, as_json: bool) -> None:
    _, time, region, stream, version, type_name, body = row
    if as_json:
        typer.echo(body)
        return
    data = orjson.dumps(orjson.loads(body)["data"]).decode()
    _console.print(f"{local_time(time)} {region or '–':<12} {stream} {version:>3} ", end="")
    _console.print(type_name.split(".")[2], style="bold", end=" ")
    _console.print(data if len(data) <= 200 else f"{data[:199]}…", style="dim", markup=False)


async def _verify(state: StackState, folder: Path | None) -> Report:
    checkpoints = checkpoints_of(state.layout, folder)
    async with _log(state) as log, _observer(state) as nats:
        with _bars() as bars:
            tasks = {phase: bars.add_task(title, total=None) for phase, title in _PHASES.items()}

            def progress(phase: Phase, done: int, total: int) -> None:
                bars.update(tasks[phase], completed=done, total=total)

            return await Verifier(log, StreamCopy(nats), progress, checkpoints).run()


@asynccontextmanager
async def _observer(state: StackState) -> AsyncIterator[NatsConnection]:
    """NATS, as the user that can read only. Raises `TimeoutError` when it is away."""
    nats = await asyncio.wait_for(connect(state.nats_url("observer"), "huiyin events"), _PATIENCE)
    try:
        yield nats
    finally:
        await nats.close()


async def _accept(state: StackState, reason: str) -> Checkpoint:
    async with await psycopg.AsyncConnection.connect(libpq(state.database_url("relay")), autocommit=True) as connection:
        return await Notary(connection, checkpoints_of(state.layout), 0).accept(reason)


def checkpoints_of(layout: Layout, folder: Path | None = None) -> Checkpoints:
    """The stack's file of checkpoints, or a copy in another folder."""
    return Checkpoints(folder or layout.checkpoints, CheckpointKeys(layout.data / "secrets"), is_copy=folder is not None)


def print_report(report: Report) -> None:
    """A line for each finding, and a line that sums up."""
    for found in report.faults:
        _console.print(f"✗ {found.line(remedy(found, report.faults))}", style="red", markup=False)
    counts = (
        f"{report.streams} 流 streams, {report.events} 事件 events, {report.published} 已发布 published, {report.messages} 消息 messages, "
        f"{report.checkpoints} 检查点 checkpoints (至位置 to position {report.covered})"
    )
    verdict = "一致 all agree" if report.clean else f"{len(report.faults)} 处错误 faults"
    _console.print(f"{counts}: {verdict}", style="green" if report.clean else "red")


async def _republish(state: StackState) -> str:
    relay = RelaySettings(
        database_url=SecretStr(state.database_url("relay")),
        nats_url=SecretStr(state.nats_url("relay")),
        health_file=None,
        secrets_dir=state.layout.data / "secrets",
        checkpoints=state.layout.checkpoints,
    )
    async with _observer(state):  # NATS answers
        with _bars() as bars:
            task = bars.add_task("JetStream", total=None)
            return await fill_again(state, relay, lambda done, total: bars.update(task, completed=done, total=total))


async def _one(log: psycopg.AsyncConnection[Any], statement: str, *values: object) -> tuple[Any, ...]:
    row = await (await log.execute(statement.encode(), values or None)).fetchone()
    assert row is not None
    return row


def _bars() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=_notices)
