"""Database work of many notices in one transaction: under load a transaction costs more than what is written in it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.outcomes import appending
from shared.database import Database

A = TypeVar("A")
R = TypeVar("R")

GATHER = 0.02
"""Seconds in which others may join: a gateway's answer stays unrecorded so much longer, and a crash then repeats that message."""


class Together(Generic[A, R]):
    """Does in one transaction what is asked for at the same time.

    What fails together is done again one by one, so that each gets its own result or error. An item whose asker was cancelled before the
    transaction began is left out.

    Args:
        database: own rows and the log.
        work: what is done inside the transaction; gives one result for each item, in their order.
    """

    def __init__(self, database: Database, work: Callable[[AsyncSession, Sequence[A]], Awaitable[Sequence[R]]]) -> None:
        self._database = database
        self._work = work
        self._asked: list[tuple[A, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> R:
        """The result for `item`, once it is committed. Raises what `work` raised for this item alone."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._asked.append((item, result))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await result

    async def _run(self) -> None:
        try:
            while self._asked:
                await asyncio.sleep(GATHER)
                portion, self._asked = [(item, result) for item, result in self._asked if not result.done()], []
                if portion:
                    await self._do(portion)
        finally:
            self._running = None

    async def _do(self, portion: Sequence[tuple[A, asyncio.Future[R]]]) -> None:
        try:
            async with self._database.transaction() as session:
                results = await self._work(session, [item for item, _ in portion])
        except Exception:
            for item, result in portion:
                await self._do_alone(item, result)
            return
        for (_, waiting), result in zip(portion, results, strict=True):
            if not waiting.done():
                waiting.set_result(result)

    async def _do_alone(self, item: A, waiting: "asyncio.Future[R]") -> None:
        try:
            (result,) = await appending(self._database, lambda session: self._work(session, [item]))
        except Exception as error:
            if not waiting.done():
                waiting.set_exception(error)
        else:
            if not waiting.done():
                waiting.set_result(result)
