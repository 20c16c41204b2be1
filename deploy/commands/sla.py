"""`huiyin sla`: policies, previews, roll-outs, and why a deadline is what it is."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from deploy.commands.sla_administration import COMMANDS
from deploy.commands.terminal import DEFAULT_DATA, AsJson, Data, print_json, run
from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from services.routing import repository
from services.routing.directory import TOPICS, fold
from services.routing.domain.explain import NotRaisedYet
from services.routing.domain.explain import explain as explanation_of
from services.routing.domain.explain_texts import Language, sentences
from services.routing.rules import CALENDAR, POLICY, rules_of
from shared.clock import PostgresClock
from shared.database import Database
from shared.eventlog import EventLog

app = typer.Typer(help="Policies, previews, roll-outs, and why a deadline is what it is.", no_args_is_help=True)
for _command in COMMANDS:
    app.command()(_command)

_console = Console(highlight=False, soft_wrap=True)
_LANGUAGES: dict[str, Language] = {"zh": "zh-CN", "en": "en"}


@app.callback()
def _root() -> None:
    """Policies, previews, roll-outs, and why a deadline is what it is."""


@app.command()
def explain(
    number: Annotated[str, typer.Argument(help="Number or id of the issue.")],
    at: Annotated[str | None, typer.Option(help="Instant to look back to, RFC 3339 with offset; now unless said.")] = None,
    lang: Annotated[Literal["zh", "en"], typer.Option(help="Language of the sentences.")] = "zh",
    as_json: AsJson = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Why each deadline of an issue is what it is: rule, calendar, pauses, extensions, time used and left."""
    told, topics = run(_explanation(load(data), number, _instant(at)))
    if as_json:
        print_json(told)
        return
    first, *rest = sentences(told, _LANGUAGES[lang], topics=topics)
    _console.print(first, style="bold", markup=False)
    for sentence in rest:
        _console.print(sentence, markup=False)


def _instant(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise StackError(f"{given} is no instant: write 2026-03-02T09:00:00+08:00.")
    return instant.astimezone(UTC)


async def _explanation(state: StackState, number: str, at: datetime | None) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """The explanation, and what topics are called. Raises `StackError` for an unknown issue or an instant outside its life."""
    database = Database(state.database_url("routing"), pool_size=1)
    log = EventLog("/huiyin/routing")
    try:
        async with database.transaction() as session:
            issue_id = (await repository.find(session, [number])).get(number)
            if issue_id is None:
                raise StackError(f"No such issue: {number}.")
            now = await PostgresClock().now(session)
            if at is not None and at > now:
                raise StackError("The instant lies in the future.")
            history = (await log.load(session, issue_id)).events
            rules = rules_of((await log.load(session, POLICY)).events, (await log.load(session, CALENDAR)).events)
            topics = fold((await log.load(session, TOPICS)).events).topics
        told = explanation_of(history, rules, at or now)
    except NotRaisedYet:
        raise StackError(f"{number} had not been raised by then.") from None
    finally:
        await database.close()
    return told, {code: (topic.zh, topic.en) for code, topic in topics.items()}
