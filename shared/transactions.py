"""Transactions that are done again when another writer was faster, and transactions that those share who ask at the same time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database
from shared.eventlog import ConcurrentAppend
from shared.together import Together

A = TypeVar("A")
R = TypeVar("R")

APPEND_TRIES = 20
"""Appends to one issue seldom meet; more than this is a mistake and not a race."""


async def appending(database: Database, work: Callable[[AsyncSession], Awaitable[R]]) -> R:
    """Run `work` in a transaction, again in a new one each time somebody else appended first. Raises the last `ConcurrentAppend`."""
    for _ in range(APPEND_TRIES - 1):
        try:
            async with database.transaction() as session:
                return await work(session)
        except ConcurrentAppend:
            continue
    async with database.transaction() as session:
        return await work(session)


def one_transaction(
    database: Database, work: Callable[[AsyncSession, Sequence[A]], Awaitable[Sequence[R | Exception]]], *, gather: float = 0
) -> Together[A, R]:
    """Does in one transaction what is asked for at the same time: under load a transaction costs more than what is written in it.

    What fails together is done again one by one, so each asker gets its own result once it is committed, or the error of its own item.

    Args:
        database: where it is done.
        work: what is done inside the transaction; gives one result for each item, in their order. An exception among them is for its
            asker alone and ends no transaction: that item has written nothing.
        gather: seconds in which others may join even when nothing is under way.
    """

    async def all_of(items: Sequence[A]) -> Sequence[R | Exception]:
        try:
            async with database.transaction() as session:
                return await work(session, items)
        except Exception:
            return [await alone(item) for item in items]

    async def alone(item: A) -> R | Exception:
        try:
            (result,) = await appending(database, lambda session: work(session, [item]))
        except Exception as error:
            return error
        return result

    return Together(all_of, gather=gather)
