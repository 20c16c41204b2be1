import asyncio
import re
from datetime import UTC, datetime

import psycopg

from services.intake.bootstrap import number_engine
from services.intake.numbers import Numbers, number_of
from tests.support.events import OTHER_COUNTY, VILLAGE
from tests.support.servers import StackDatabase

AT = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)
"""2 March, half past midnight, in Shanghai."""


async def test_numbers_are_unique_under_concurrency_and_after_a_restart(stack_database: StackDatabase):
    taken: list[str] = []
    for _ in range(2):
        allocators = [Numbers(number_engine(stack_database.url("intake"))) for _ in range(3)]
        taken += await asyncio.gather(*(allocator.take(VILLAGE, AT) for allocator in allocators for _ in range(50)))
        for allocator in allocators:
            await allocator.close()
    assert len(set(taken)) == 300
    assert all(re.fullmatch(r"330182-20260302-\d{4}", number) for number in taken)
    assert max(taken) == "330182-20260302-0300", "requests that wait together leave no gap"


async def test_each_county_and_day_counts_for_itself(stack_database: StackDatabase):
    numbers = Numbers(number_engine(stack_database.url("intake")))
    assert await numbers.take(VILLAGE, AT) == "330182-20260302-0001"
    assert await numbers.take(OTHER_COUNTY, AT) == "330523-20260302-0001"
    assert await numbers.take(VILLAGE, AT.replace(hour=15)) == "330182-20260301-0001"
    assert await numbers.take(VILLAGE, AT) == "330182-20260302-0002"
    await numbers.close()


async def test_a_lost_connection_is_replaced(stack_database: StackDatabase):
    numbers = Numbers(number_engine(stack_database.url("intake")))
    assert await numbers.take(VILLAGE, AT) == "330182-20260302-0001"
    with psycopg.connect(stack_database.superuser, autocommit=True) as superuser:
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'intake-numbers'")
    assert await numbers.take(VILLAGE, AT) == "330182-20260302-0002"
    await numbers.close()


async def test_one_who_gave_up_does_not_disturb_the_others(stack_database: StackDatabase):
    numbers = Numbers(number_engine(stack_database.url("intake")))
    waiting = [asyncio.create_task(numbers.take(VILLAGE, AT)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[1], asyncio.CancelledError)
    assert len({result for result in results if isinstance(result, str)}) == 3
    await numbers.close()


def test_serials_beyond_four_digits_are_written_out():
    assert number_of("330182", AT.date(), 12345) == "330182-20260301-12345"
