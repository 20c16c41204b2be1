"""`huiyin events dead`: the events that a service could not take, and what is to become of them."""

import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, local_time, run
from deploy.local.layout import SERVICES, StackError
from deploy.local.state import StackState, load
from shared.database import Database
from shared.messaging.deadletters import DeadLetter, DeadLetters, UnknownDeadLetter

app = typer.Typer(no_args_is_help=True, help="Events that a service could not take.")

T = TypeVar("T")
Letter = Annotated[str, typer.Argument(help="<service>/<number>, as `dead list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; it stays with the dead letter.")]

_console = Console(highlight=False, soft_wrap=True)


@app.command("list")
def dead_list(as_json: AsJson = False, data: Data = DEFAULT_DATA) -> None:
    """Dead letters that are not settled."""
    letters = run(_every_dead(load(data)))
    if as_json:
        typer.echo(json.dumps([_letter_as_json(service, letter) for service, letter in letters], ensure_ascii=False))
        return
    for service, letter in letters:
        place = f"{letter.stream or '–'} v{letter.version or '–'}"
        decision = f" · {letter.decision}: {letter.reason}" if letter.decision else ""
        _console.print(f"{service}/{letter.id} · {local_time(letter.dead_at)} · {place} · {letter.attempts}×{decision}", markup=False)
        _console.print(f"    {letter.error}", style="red", markup=False)
    if not letters:
        _console.print("没有死信 none")


@app.command("replay")
def dead_replay(letter: Letter, reason: Reason, data: Data = DEFAULT_DATA) -> None:
    """Have the service handle it again; if it fails again it stays dead."""
    run(_decide(load(data), letter, DeadLetters.replay, reason))
    _console.print(f"将重放 will be replayed: {letter}")


@app.command("discard")
def dead_discard(letter: Letter, reason: Reason, data: Data = DEFAULT_DATA) -> None:
    """Have the service step over it: its effect will be missing, later events of its stream go on."""
    run(_decide(load(data), letter, DeadLetters.discard, reason))
    _console.print(f"将跳过 will be stepped over: {letter}")


async def _every_dead(state: StackState) -> list[tuple[str, DeadLetter]]:
    return [(service, letter) for service in SERVICES for letter in await _with_letters(state, service, DeadLetters.open)]


async def _decide(state: StackState, reference: str, decision: Callable[..., Awaitable[None]], reason: str) -> None:
    service, _, number = reference.partition("/")
    if service not in SERVICES or not number.isdecimal():
        raise StackError(f"{reference} is no dead letter: `huiyin events dead list` shows them as <service>/<number>.")
    try:
        await _with_letters(state, service, lambda letters: decision(letters, int(number), by=getpass.getuser(), reason=reason))
    except UnknownDeadLetter:
        raise StackError(f"{reference} is not there, or is settled already.") from None


async def _with_letters(state: StackState, service: str, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    database = Database(state.database_url(service), pool_size=1)
    try:
        return await work(DeadLetters(database))
    finally:
        await database.close()


def _letter_as_json(service: str, letter: DeadLetter) -> dict[str, Any]:
    return {
        **asdict(letter),
        "letter": f"{service}/{letter.id}",
        "body": letter.body.decode(errors="backslashreplace"),
        "dead_at": letter.dead_at.isoformat(),
        "settled_at": None,
    }
