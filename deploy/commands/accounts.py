"""`huiyin accounts`: staff accounts of a running stack, and the keys that sign their tokens."""

import asyncio
import getpass
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local.layout import StackError
from deploy.local.state import StackState, load
from services.routing.accounts import AccountExists, Accounts, InvalidAccount, NoSuchAccount
from services.routing.directory import DirectoryHolder
from services.routing.passwords import Passwords
from services.routing.staff import key_ring
from shared.clock import PostgresClock
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.regions import Regions

app = typer.Typer(no_args_is_help=True, help="Staff accounts.")
_console = Console(highlight=False)

Data = Annotated[Path, typer.Option("--data", help="Data folder of the stack.")]
Name = Annotated[str, typer.Argument(help="Name of the account; also the officer's id in the directory.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")]
DEFAULT_DATA = Path(".huiyin")

SHORTEST_PASSWORD = 10
"""OWASP ASVS 5, 6.2.1 asks for at least 8; staff accounts open citizens' matters."""

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Tools:
    session: AsyncSession
    accounts: Accounts
    by: str


@app.command()
def add(
    username: Name,
    role: Annotated[str, typer.Option(help="cadre, officer, dispatcher, supervisor, admin, operator or auditor.")],
    name: Annotated[str, typer.Option(help="The post, e.g. 龙泉村驻村干部.")],
    region: Annotated[list[str] | None, typer.Option(help="12-digit code; again for more. None for admin, operator, auditor.")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="<region>/<unit code>; again for more.")] = None,
    email: Annotated[str, typer.Option(help="Official address for notices.")] = "",
    password_stdin: FromStdin = False,
    without_password: Annotated[bool, typer.Option("--without-password", help="Only the OpenID provider opens the account.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Add an account; whoever handles issues enters the directory, on duty."""
    hashed = None if without_password else Passwords().hash(_password(from_stdin=password_stdin))
    cells = {
        "officer_id": username,
        "name": name,
        "role": role,
        "regions": " ".join(region or ()),
        "units": " ".join(unit or ()),
        "on_duty": "true",
        "email": email,
    }
    _run(data, lambda tools: tools.accounts.add(tools.session, cells, hashed, by=tools.by))
    _console.print(f"已添加 added {username}")


@app.command("list")
def list_accounts(data: Data = DEFAULT_DATA) -> None:
    """All accounts."""
    table = Table("账号 account", "角色 role", "岗位 post", "辖区 regions", "状态 state")

    async def fill(tools: _Tools) -> None:
        for account in await tools.accounts.listed(tools.session):
            state = "停用 disabled" if not account.active else "可用 active" if account.password_hash else "无密码 no password"
            table.add_row(account.username, account.role, account.name, " ".join(account.regions), state)

    _run(data, fill)
    _console.print(table)


@app.command()
def disable(username: Name, data: Data = DEFAULT_DATA) -> None:
    """No sign-in any more, and no new issue. What the account holds already is reassigned by its dispatcher."""
    _run(data, lambda tools: tools.accounts.disable(tools.session, username, by=tools.by))
    _console.print(f"已停用 disabled {username}")


@app.command()
def enable(username: Name, data: Data = DEFAULT_DATA) -> None:
    """Undo `disable`."""
    _run(data, lambda tools: tools.accounts.enable(tools.session, username, by=tools.by))
    _console.print(f"已启用 enabled {username}")


@app.command()
def password(username: Name, password_stdin: FromStdin = False, data: Data = DEFAULT_DATA) -> None:
    """Give an account another password."""
    hashed = Passwords().hash(_password(from_stdin=password_stdin))
    _run(data, lambda tools: tools.accounts.set_password(tools.session, username, hashed, by=tools.by))
    _console.print(f"密码已更改 password changed for {username}")


@app.command("rotate-keys")
def rotate_keys(data: Data = DEFAULT_DATA) -> None:
    """Sign tokens with a new key from now on; tokens of the former one count until they end."""
    kid = key_ring(_secrets(load(data))).rotate()
    _console.print(f"新签名密钥 new signing key {kid}")


def _run(data: Path, work: Callable[[_Tools], Awaitable[None]]) -> None:
    """Do `work` in one transaction on the stack of `data`. What the caller did wrong is one sentence."""
    try:
        asyncio.run(_in_transaction(load(data), work))
    except AccountExists as error:
        raise StackError(f"账号已存在 there is an account {error} already") from None
    except NoSuchAccount as error:
        raise StackError(f"没有此账号 there is no account {error}") from None
    except InvalidAccount as error:
        raise StackError(f"内容有误 not valid: {error}") from None


async def _in_transaction(state: StackState, work: Callable[[_Tools], Awaitable[None]]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with _tools(state) as tools:
                await work(tools)
        except ConcurrentAppend:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


@asynccontextmanager
async def _tools(state: StackState) -> AsyncIterator[_Tools]:
    regions = Regions.load(Path(state.env_of("routing")["HUIYIN_REGIONS_FILE"]))
    log = EventLog("/huiyin/routing")
    accounts = Accounts(log, DirectoryHolder(log, regions), regions, PostgresClock())
    database = Database(state.database_url("routing"), pool_size=1)
    try:
        async with database.transaction() as session:
            yield _Tools(session, accounts, f"cli:{getpass.getuser()}")
    finally:
        await database.close()


def _password(*, from_stdin: bool) -> str:
    text = sys.stdin.readline().rstrip("\r\n") if from_stdin else typer.prompt("密码 password", hide_input=True, confirmation_prompt=True)
    if len(text) < SHORTEST_PASSWORD:
        raise StackError(f"密码至少 {SHORTEST_PASSWORD} 个字符 a password has at least {SHORTEST_PASSWORD} characters")
    return text


def _secrets(state: StackState) -> Path:
    return Path(state.env_of("routing")["HUIYIN_SECRETS_DIR"])
