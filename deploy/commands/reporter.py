"""`huiyin reporter`: what a person may ask about their own data."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from deploy.commands.terminal import DEFAULT_DATA, Data, run
from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from services.intake.bootstrap import bootstrap
from services.intake.erasure import Erased, NoSuchIssue
from services.intake.settings import Settings
from shared.personal_data import contains_personal_data

app = typer.Typer(no_args_is_help=True, help="Reporters' personal data.")

LONGEST_REASON = 200


@app.callback()
def _root() -> None:
    """Reporters' personal data."""


@app.command()
def erase(
    issue: Annotated[str, typer.Argument(help="Number or id of the issue.")],
    reason: Annotated[str, typer.Option(help="Why, without personal data: it is published for ever, e.g. reporter_asked.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Erase the reporter of an issue: vault, photos and kept answers. The issue itself stays. This cannot be undone."""
    if not reason.strip() or len(reason) > LONGEST_REASON or contains_personal_data(reason):
        raise StackError(
            f"理由须为1至{LONGEST_REASON}个字符且不含个人信息 a reason has 1 to {LONGEST_REASON} characters and no personal data"
        )
    erased = run(_erase(load(Path(data)), issue, reason.strip()))
    before = "(此前已删除 had been erased before)" if erased.again else ""
    typer.echo(f"已删除反映人信息 erased the reporter of {erased.number}, {erased.attachments} attachment(s) {before}".rstrip())


async def _erase(state: StackState, issue: str, reason: str) -> Erased:
    async with bootstrap(Settings.of(state.env_of("intake"))) as intake:
        try:
            return await intake.erasure.erase(issue, reason, who=f"cli:{getpass.getuser()}")
        except NoSuchIssue:
            raise StackError(f"没有此事项 there is no issue {issue}") from None
