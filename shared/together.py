"""Work that is asked for at the same time is done together: under load a round trip costs more than what it carries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")


class Together(Generic[A, R]):
    """Does in one go what is asked for while the work before it is under way. An asker who was cancelled before it began is left out.

    Args:
        work: gives one result for each item, in their order. A result that is an exception is raised for its asker alone, one that is
            raised is raised for all.
        gather: seconds in which others may join even when nothing is under way.
    """

    def __init__(self, work: Callable[[Sequence[A]], Awaitable[Sequence[R | Exception]]], *, gather: float = 0) -> None:
        self._work = work
        self._gather = gather
        self._asked: list[tuple[A, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> R:
        """The result for `item`."""
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._asked.append((item, result))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await result

    async def finished(self) -> None:
        """Return once all who asked so far were served."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._asked:
                await asyncio.sleep(self._gather)
                portion, self._asked = [(item, waiting) for item, waiting in self._asked if not waiting.done()], []
                if portion:
                    await self._do(portion)
        finally:
            self._running = None

    async def _do(self, portion: Sequence[tuple[A, asyncio.Future[R]]]) -> None:
        results: Sequence[R | Exception]
        try:
            results = await self._work([item for item, _ in portion])
        except Exception as error:
            results = [error] * len(portion)
        for (_, waiting), result in zip(portion, results, strict=True):
            if waiting.done():
                continue
            if isinstance(result, Exception):
                waiting.set_exception(result)
            else:
                waiting.set_result(result)
