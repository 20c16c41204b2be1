"""The pool of connections: what was cut while it rested is replaced before anybody meets it."""

import psycopg
import pytest
from sqlalchemy import text

from shared import database as module
from shared.database import Database
from tests.support.servers import StackDatabase


async def test_a_connection_that_was_cut_at_rest_is_replaced(stack_database: StackDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTED", 0)
    database = Database(stack_database.url("routing"), pool_size=2)
    async with database.transaction() as session:
        before = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    with psycopg.connect(stack_database.superuser, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(%s)", (before,))
    async with database.transaction() as session:
        after = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    assert after != before
    await database.close()
