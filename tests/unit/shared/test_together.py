"""What is asked for while others are served is done in one go, and each asker gets its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.together import Together


class Doubling:
    """Work that waits to be let on; notes what it was given."""

    def __init__(self) -> None:
        self.given: list[list[int]] = []
        self.begun, self.on = asyncio.Event(), asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        self.given.append(list(items))
        self.begun.set()
        await self.on.wait()
        if 0 in items:
            raise ZeroDivisionError
        return [2 * item if item > 0 else ValueError(item) for item in items]


@pytest.fixture
def doubling() -> Doubling:
    return Doubling()


async def test_those_who_come_while_it_is_busy_are_served_in_one_go(doubling: Doubling) -> None:
    together = Together(doubling)
    first = asyncio.create_task(together(1))
    await doubling.begun.wait()
    later = [asyncio.create_task(together(item)) for item in (2, 3)]
    await asyncio.sleep(0)
    doubling.on.set()
    assert await asyncio.gather(first, *later) == [2, 4, 6]
    assert doubling.given == [[1], [2, 3]]


async def test_an_exception_among_the_results_is_for_its_asker_alone(doubling: Doubling) -> None:
    doubling.on.set()
    together = Together(doubling)
    good, bad = await asyncio.gather(together(1), together(-1), return_exceptions=True)
    assert good == 2
    assert isinstance(bad, ValueError)


async def test_an_exception_of_the_whole_is_for_all_and_the_next_are_served(doubling: Doubling) -> None:
    doubling.on.set()
    together = Together(doubling)
    results = await asyncio.gather(together(1), together(0), return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError, ZeroDivisionError]
    assert await together(3) == 6


async def test_finished_waits_for_those_who_asked(doubling: Doubling) -> None:
    together = Together(doubling)
    asked = asyncio.create_task(together(1))
    await doubling.begun.wait()
    finished = asyncio.create_task(together.finished())
    await asyncio.sleep(0)
    assert not finished.done()
    doubling.on.set()
    await finished
    assert await asked == 2
