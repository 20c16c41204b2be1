"""`huiyin events`: follow the log, verify it, fill JetStream again (and decide about dead letters: `dead_letters.py`)."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import psycopg
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.commands import dead_letters
from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, local_time, run
from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from shared.eventlog.bell import libpq
from shared.eventlog.copy import StreamCopy
from shared.eventlog.health import RelaySettings
from shared.eventlog.relay import serve
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
def verify(as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Compare log and JetStream message by message; check hash chains. Exit code 1 if anything is wrong."""
    report = run(_verify(load(data)))
    if as_json:
        typer.echo(json.dumps({**asdict(report), "clean": report.clean}, ensure_ascii=False))
    else:
        _print_report(report)
    if not report.clean:
        raise typer.Exit(1)


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


async def _verify(state: StackState) -> Report:
    async with _log(state) as log, _observer(state) as nats:
        with _bars() as bars:
            tasks = {phase: bars.add_task(title, total=None) for phase, title in _PHASES.items()}

            def progress(phase: Phase, done: int, total: int) -> None:
                bars.update(tasks[phase], completed=done, total=total)

            return await Verifier(log, StreamCopy(nats), progress).run()


@asynccontextmanager
async def _observer(state: StackState) -> AsyncIterator[NatsConnection]:
    """NATS, as the user that can read only. Raises `TimeoutError` when it is away."""
    nats = await asyncio.wait_for(connect(state.nats_url("observer"), "huiyin events"), _PATIENCE)
    try:
        yield nats
    finally:
        await nats.close()


def _print_report(report: Report) -> None:
    for fault in report.faults:
        _console.print(f"✗ {fault.where} {fault.subject}: {fault.detail}", style="red", markup=False)
    counts = (
        f"{report.streams} 流 streams, {report.events} 事件 events, {report.published} 已发布 published, {report.messages} 消息 messages"
    )
    verdict = "一致 all agree" if report.clean else f"{len(report.faults)} 处错误 faults"
    _console.print(f"{counts}: {verdict}", style="green" if report.clean else "red")


async def _republish(state: StackState) -> str:
    # Stands by if a relay runs, which then does the work; becomes the relay if none does.
    settings = RelaySettings(
        database_url=SecretStr(state.database_url("relay")), nats_url=SecretStr(state.nats_url("relay")), health_file=None
    )
    async with _log(state) as log, _observer(state):
        (request,) = await _one(log, "INSERT INTO log.republications (requested_by) VALUES (%s) RETURNING id", getpass.getuser())
        stop = asyncio.Event()
        substitute = asyncio.create_task(serve(settings, stop))
        try:
            with _bars() as bars:
                task = bars.add_task("JetStream", total=None)
                while True:
                    sent, total, outcome = await _one(log, "SELECT sent, total, outcome FROM log.republications WHERE id = %s", request)
                    bars.update(task, completed=sent, total=total)
                    if outcome is not None:
                        return outcome
                    if substitute.done():
                        await substitute
                    await asyncio.sleep(_LOOK)
        finally:
            stop.set()
            await asyncio.wait({substitute})


async def _one(log: psycopg.AsyncConnection[Any], statement: str, *values: object) -> tuple[Any, ...]:
    row = await (await log.execute(statement.encode(), values or None)).fetchone()
    assert row is not None
    return row


def _bars() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=_notices)
