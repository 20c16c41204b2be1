"""Work that is asked for at the same time shares a transaction, and nobody pays for another's mistake."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from shared.together import Together
from shared.transactions import one_transaction


class Transactions:
    """In place of the database: what was done in each transaction that was committed."""

    def __init__(self) -> None:
        self.committed: list[list[int]] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[list[int]]:
        done: list[int] = []
        yield done
        self.committed.append(done)


async def halved(session: Any, items: Sequence[int]) -> list[int]:
    """Half of each item. Raises `ValueError` for an odd one."""
    for item in items:
        if item % 2:
            raise ValueError(item)
        session.append(item)
    return [item // 2 for item in items]


@pytest.fixture
def database() -> Transactions:
    return Transactions()


@pytest.fixture
def halving(database: Transactions) -> Together[int, int]:
    return one_transaction(cast(Any, database), halved)


async def test_what_is_asked_at_the_same_time_is_one_transaction(database: Transactions, halving: Together[int, int]) -> None:
    assert await asyncio.gather(*(halving(item) for item in (2, 4, 6))) == [1, 2, 3]
    assert database.committed == [[2, 4, 6]]
    assert await halving(8) == 4
    assert database.committed == [[2, 4, 6], [8]]


async def test_what_fails_together_is_done_one_by_one(database: Transactions, halving: Together[int, int]) -> None:
    first, odd, last = await asyncio.gather(*(halving(item) for item in (2, 3, 6)), return_exceptions=True)
    assert (first, last) == (1, 3)
    assert isinstance(odd, ValueError)
    assert database.committed == [[2], [6]]


async def test_who_was_cancelled_before_it_began_is_left_out(database: Transactions, halving: Together[int, int]) -> None:
    leaving, staying = asyncio.create_task(halving(2)), asyncio.create_task(halving(4))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 2
    assert database.committed == [[4]]
