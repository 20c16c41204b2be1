"""Connections to Postgres: one engine a process, one transaction a request or task. Application code never commits."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import orjson
import psycopg
from sqlalchemy import Engine, Table, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

RESTED = 1.0
"""Seconds of rest after which a connection is looked at."""

AfterCommit = Callable[[], Awaitable[None]]


class Database:
    """A pool of connections as one role. The role's search path is its own schema.

    Args:
        url: `postgresql+psycopg://role:password@host:port/database`.
        pool_size: connections kept; at most as many again are opened under load. Pools multiply by processes.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.engine = create_async_engine(url, pool_size=pool_size, max_overflow=pool_size, hide_parameters=True)
        _ping_the_rested(self.engine.sync_engine)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises. Then runs what `after_commit` collected."""
        async with self._sessions() as session:
            async with session.begin():
                yield session
            hooks: list[AfterCommit] = session.info.pop("after_commit", [])
        for hook in hooks:
            await hook()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _ping_the_rested(engine: Engine) -> None:
    """Have connections that rested for a while looked at before they are used: the server may have been restarted meanwhile.

    The pool's own `pool_pre_ping` asks before each use, which is a fifth of a short transaction's cost.
    """

    @event.listens_for(engine, "checkin")
    def rested(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def woken(connection: Any, record: ConnectionPoolEntry, proxy: Any) -> None:
        rests_since: float | None = record.info.get("rests_since")
        if rests_since is None or time.monotonic() - rests_since < RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise DisconnectionError from error


async def driver(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """The transaction's own connection, for statements of hot paths: past SQLAlchemy one costs a third."""
    known: psycopg.AsyncConnection[Any] | None = session.info.get("driver")
    if known is None:
        connection = await (await session.connection()).get_raw_connection()
        known = session.info["driver"] = connection.driver_connection
    assert known is not None
    return known


async def execute(session: AsyncSession, statement: str, values: Sequence[object] = ()) -> psycopg.AsyncCursor[Any]:
    """Run a statement with `%s` in place of its values, on the transaction's own connection. Raises `psycopg.Error`."""
    return await (await driver(session)).execute(statement.encode(), values or None)


async def fetch(session: AsyncSession, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """As `execute`, and the rows."""
    return await (await execute(session, statement, values)).fetchall()


@asynccontextmanager
async def pipelined(session: AsyncSession) -> AsyncIterator[None]:
    """Send what `execute` is given inside without waiting for each answer: one round trip for all. No SQLAlchemy inside.

    What the database refuses is raised as `psycopg.Error` where rows are fetched, at the latest at the end.
    """
    async with (await driver(session)).pipeline():
        yield


def after_commit(session: AsyncSession, hook: AfterCommit) -> None:
    """Run `hook` once the transaction of `session` is committed; the same hook only once. Not run on rollback."""
    hooks: list[AfterCommit] = session.info.setdefault("after_commit", [])
    if hook not in hooks:
        hooks.append(hook)


async def upsert(session: AsyncSession, table: Table, rows: Sequence[object], *, replace: bool = True) -> int:
    """Insert rows; those whose key is there already are replaced, or left as they are. Returns how many were written.

    They go as one JSON document, dataclasses and all: bound one by one, their values cost several times what the database does with them,
    and SQLAlchemy compiles a statement with ON CONFLICT each time anew (3 to 6 ms).

    Args:
        session: the transaction.
        table: a table of the role's own schema.
        rows: mappings or dataclasses with a value for every column; what is missing becomes NULL, not the column's default.
        replace: whether a row that is there already is replaced.
    """
    if not rows:
        return 0
    return (await execute(session, _upsert(table, replace), (orjson.dumps(rows).decode(),))).rowcount


@cache
def _upsert(table: Table, replace: bool) -> str:
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f"{column.name} = excluded.{column.name}" for column in table.c if column.name not in keys)
    return (
        f"INSERT INTO {table.name} SELECT * FROM jsonb_populate_recordset(NULL::{table.name}, %s::jsonb)"
        f" ON CONFLICT ({', '.join(keys)}) DO {f'UPDATE SET {changes}' if replace else 'NOTHING'}"
    )


def table_of(model: type[Any]) -> Table:
    """The table of a SQLModel class, for statements that need no objects."""
    table = model.__table__
    assert isinstance(table, Table)
    return table
