"""`huiyin accounts` on a stack whose Postgres runs."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner, Result

from deploy.commands.accounts import app
from deploy.local import bootstrap_database, postgres
from deploy.local.layout import Layout, StackError
from deploy.local.state import StackState, save
from services.routing.directory import DirectoryHolder
from services.routing.passwords import Passwords
from services.routing.seed import seed
from services.routing.staff import key_ring
from shared.clock import PostgresClock
from shared.database import Database
from shared.eventlog import EventLog
from shared.regions import Regions
from tests.support.servers import Servers

VILLAGE = "330182104228"
CADRE = ["--role", "cadre", "--name", "龙泉村驻村干部", "--region", VILLAGE, "--unit", f"{VILLAGE}/village_committee"]


@pytest.fixture
def layout(servers: Servers) -> Iterator[Layout]:
    """The folder of a stack: its Postgres runs, its directory is there, and its state file says so."""
    servers.start_postgres()
    layout = servers.layout
    bootstrap_database.bootstrap(layout)
    asyncio.run(_seed(layout))
    supervisor = psutil.Process(os.getpid())
    save(StackState(layout, "running", None, supervisor.pid, supervisor.create_time(), datetime.now(UTC), ()))
    yield layout
    (layout.data / "stack.json").unlink()
    with psycopg.connect(postgres.superuser_url(layout), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(bootstrap_database.DATABASE)))


async def _seed(layout: Layout) -> None:
    database, log, regions = (
        Database(layout.database_url("routing")),
        EventLog("/huiyin/routing"),
        Regions.load(Path("deploy/demo/regions.csv")),
    )
    try:
        await seed(database, log, DirectoryHolder(log, regions), regions, PostgresClock(), folder=Path("deploy/demo"), demo=None)
    finally:
        await database.close()


def huiyin(layout: Layout, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(layout.data)], input=typed)


def stored(layout: Layout, username: str) -> tuple[Any, bool]:
    with psycopg.connect(postgres.superuser_url(layout, bootstrap_database.DATABASE)) as connection:
        row = connection.execute("SELECT password_hash, active FROM routing.accounts WHERE username = %s", [username]).fetchone()
    assert row is not None
    return row


def test_an_account_is_added_listed_changed_and_disabled(layout: Layout) -> None:
    added = huiyin(layout, "add", "li", *CADRE, "--password-stdin", typed="correct horse\n")
    assert added.exit_code == 0, added.output
    assert asyncio.run(Passwords().check("correct horse", stored(layout, "li")[0]))
    assert "li" in huiyin(layout, "list").output

    assert huiyin(layout, "password", "li", "--password-stdin", typed="battery staple\n").exit_code == 0
    assert asyncio.run(Passwords().check("battery staple", stored(layout, "li")[0]))

    assert huiyin(layout, "disable", "li").exit_code == 0
    assert stored(layout, "li")[1] is False
    assert huiyin(layout, "enable", "li").exit_code == 0
    assert stored(layout, "li")[1] is True

    again = huiyin(layout, "add", "li", *CADRE, "--password-stdin", typed="correct horse\n")
    assert isinstance(again.exception, StackError)
    assert "li" in str(again.exception)


def test_an_account_without_a_password_is_for_the_openid_provider(layout: Layout) -> None:
    added = huiyin(layout, "add", "zhao", *CADRE, "--without-password")
    assert added.exit_code == 0, added.output
    assert stored(layout, "zhao") == (None, True)


def test_mistakes_are_one_sentence(layout: Layout) -> None:
    tried = {
        "at least 10": huiyin(layout, "add", "wang", *CADRE, "--password-stdin", typed="short\n"),
        "role: unknown_role": huiyin(layout, "add", "wang", "--role", "mayor", "--name", "x", "--password-stdin", typed="correct horse\n"),
        "no account nobody": huiyin(layout, "disable", "nobody"),
    }
    for said, result in tried.items():
        assert isinstance(result.exception, StackError)
        assert said in str(result.exception)


def test_rotated_keys_are_made_where_the_stack_reads_them(layout: Layout) -> None:
    before = time.time()
    assert huiyin(layout, "rotate-keys").exit_code == 0
    kid = key_ring(layout.data / "secrets").newest().kid
    assert (layout.data / "secrets" / "jwt" / f"{kid}.pem").stat().st_mtime >= before - 1
