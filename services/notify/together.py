"""Database work of many notices in one transaction: under load a transaction costs more than what is written in it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.outcomes import appending
from shared.database import Database
from shared.together import Together

A = TypeVar("A")
R = TypeVar("R")

GATHER = 0.02
"""Seconds in which others may join: a gateway's answer stays unrecorded so much longer, and a crash then repeats that message."""


def one_transaction(database: Database, work: Callable[[AsyncSession, Sequence[A]], Awaitable[Sequence[R]]]) -> Together[A, R]:
    """Does in one transaction what is asked for at the same time; what fails together is done again one by one.

    So each asker gets its own result once it is committed, or the error of its own item.

    Args:
        database: own rows and the log.
        work: what is done inside the transaction; gives one result for each item, in their order.
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

    return Together(all_of, gather=GATHER)
