"""`huiyin up`, `down`, `restart` and `status`."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.checks import alone, check_folder, check_ports, clear_stale
from deploy.local.keeper import Keeper
from deploy.local.layout import NATS_SERVERS, Layout, StackError
from deploy.local.processes import ROOT, tied
from deploy.local.progress import Progress, print_addresses, print_status
from deploy.local.state import StackState, is_running, load

app = typer.Typer(help="The one-machine stack.")
_console = Console()

Data = Annotated[Path, typer.Option("--data", help="Data folder of the stack.")]
DEFAULT_DATA = Path(".huiyin")

NOT_HEALTHY, NOT_RUNNING = 1, 3
"""Exit codes of `status`; 0 is healthy."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""

STOP_PATIENCE = 60.0
"""Seconds that a stop may take: Postgres writes its last checkpoint."""


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    port_base: Annotated[int, typer.Option(help="The gateway's port; the other parts take those that follow.")] = 8080,
    demo: Annotated[bool, typer.Option("--demo", help="With demo accounts and the demo's policy.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when every part is healthy instead of serving.")] = False,
    play: Annotated[bool, typer.Option("--play", help="Play the demo once every part is healthy; serve on.")] = False,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="Processes of each service, of the worker and the relay.")] = 1,
    nats: Annotated[int, typer.Option(help="nats-servers: 1, or 3 that keep every stream three times and go on without one of them.")] = 1,
) -> None:
    """Start the stack, and serve until Ctrl-C; with --detach return when every part is healthy."""
    if nats not in NATS_SERVERS:
        raise StackError(f"--nats must be {' or '.join(map(str, NATS_SERVERS))}.")
    layout = Layout(data.absolute(), port_base, demo or play, replicas, nats)
    running = _running(data)
    if running and (running.layout.replicas, running.layout.nats_servers) != (replicas, nats):
        size = f"--replicas {running.layout.replicas} --nats {running.layout.nats_servers}"
        raise StackError(f"The stack in {data} runs already with {size}: `huiyin down --data {data}` stops it.")
    if running and detach and (running.demo or not layout.demo):
        _console.print(f"Already running at {running.gateway} (process {running.supervisor}).", highlight=False)
        return
    if running:
        kind = "" if running.demo == layout.demo else f" {'with' if running.demo else 'without'} demo accounts"
        raise StackError(f"The stack in {data} runs already{kind}, at {running.gateway}: `huiyin down --data {data}` stops it.")
    os.umask(0o077)  # whatever a part writes is its owner's alone
    check_folder(layout)
    if detach:
        _detach(layout)
        return
    with alone(layout):
        clear_stale(layout)
        check_ports(layout)
        _serve(layout, play=play)
    _console.print("已停止 stopped.")


@app.command()
def down(data: Data = DEFAULT_DATA) -> None:
    """Stop the stack. Data stays."""
    state = load(data)
    if not state.alive:
        with alone(state.layout):
            clear_stale(state.layout)
        _console.print(f"The stack in {data} does not run.", highlight=False)
        return
    os.kill(state.supervisor, signal.SIGTERM)
    with _console.status("停止中 stopping…"):
        if not _wait_gone(state, STOP_PATIENCE):
            # Its reaper ends the parts.
            os.kill(state.supervisor, signal.SIGKILL)
            _wait_gone(state, STOP_PATIENCE)
    _console.print("已停止 stopped.")


@app.command()
def restart(
    names: Annotated[
        list[str] | None, typer.Argument(help="Parts as `status` names them; all of which there are several by default.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Restart parts one after the other, each when the one before is healthy again. What is served by several is served all the while."""
    from deploy.local.rolling import restart as restart_in_turn
    from deploy.local.rolling import several

    wanted = names or several(load(data).layout)
    if not wanted:
        raise StackError("There is only one of each part: name those to restart, or start the stack with --replicas 2.")
    for name, seconds in restart_in_turn(data, wanted):
        _console.print(f"  [green]✓[/] {name}  [dim]{seconds:.1f} s[/]", highlight=False, soft_wrap=True)


@app.command()
def status(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Where everything is and whether it is healthy. Exit code 0: healthy, 1: not healthy, 3: not running."""
    state = load(data)
    if as_json:
        print(json.dumps(state.describe(), ensure_ascii=False, indent=2))
    elif not state.alive:
        _console.print(f"The stack in {data} does not run.{f' {state.failure}' if state.failure else ''}", highlight=False)
    else:
        print_addresses(_console, state)
        print_status(_console, state)
    raise typer.Exit(NOT_RUNNING if not state.alive else 0 if state.healthy else NOT_HEALTHY)


def _running(data: Path) -> StackState | None:
    if not (data / "stack.json").exists():
        return None
    state = load(data)
    return state if state.alive else None


def _serve(layout: Layout, *, play: bool) -> None:
    """Supervise in this process until a signal comes; with `play`, the demo runs beside it once every part is healthy."""
    from deploy.local.supervisor import Supervisor

    async def serve(progress: Progress) -> None:
        playing: list[asyncio.Task[None]] = []

        def changed(keeper: Keeper) -> None:
            progress.show(keeper.report())
            progress.waiting(supervisor.reports())

        def ready() -> None:
            progress.settle()
            print_addresses(_console, load(layout.data))
            if play:
                playing.append(asyncio.create_task(_play(layout)))

        supervisor = Supervisor(layout, changed)
        try:
            await supervisor.run(ready)
        finally:
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)

    with Progress(_console) as progress:
        asyncio.run(serve(progress))


async def _play(layout: Layout) -> None:
    """Play the demo as `huiyin demo` does; say when it is over that the stack serves on."""
    command = tied((sys.executable, "-m", "deploy.cli", "demo", "--data", str(layout.data)), signal.SIGTERM)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        code = await process.wait()
        if code in (INTERRUPTED, -signal.SIGINT):
            return
        told = "演示完成 the demo is over" if code == 0 else f"演示未如预期 the demo ended with {code}"
        _console.print(f"{told}; 继续服务 serving at [bold]{layout.url('gateway')}[/], Ctrl-C 停止 stops.", highlight=False, soft_wrap=True)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _detach(layout: Layout) -> None:
    """Start a supervisor of its own session and return when it says that every part is healthy."""
    command = [sys.executable, "-m", "deploy.cli", "up", "--data", str(layout.data), "--port-base", str(layout.base)]
    command += ["--replicas", str(layout.replicas), "--nats", str(layout.nats_servers)]
    log = layout.logs / "supervisor.log"
    with log.open("wb") as output:
        demo = ["--demo"] if layout.demo else []
        child = subprocess.Popen(
            [*command, *demo], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    with Progress(_console) as progress:
        while child.poll() is None:
            state = _running(layout.data)
            if state and state.supervisor == child.pid and state.phase in ("starting", "running"):
                for process in state.processes:
                    progress.show(process)
                progress.waiting(state.processes)
                if state.phase == "running":
                    break
            time.sleep(0.1)
    if child.poll() is not None:
        # Refused before it began to supervise, or told in the state file.
        refusals = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("huiyin: ")]
        raise StackError(refusals[-1].removeprefix("huiyin: ") if refusals else f"The supervisor ended with {child.returncode}, see {log}")
    print_addresses(_console, load(layout.data))


def _wait_gone(state: StackState, seconds: float) -> bool:
    """Whether the supervisor and all its processes were gone within that time."""
    everything = [(state.supervisor, state.supervisor_started), *((process["pid"], process["started"]) for process in state.processes)]
    deadline = time.monotonic() + seconds
    while any(is_running(pid, started) for pid, started in everything):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
