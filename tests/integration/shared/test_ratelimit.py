"""Token buckets on a real Postgres: every process counts together."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from shared.database import Database
from shared.problems import Problem
from shared.ratelimit import Limit, RateLimiter, network
from tests.support.platform import VILLAGE, principal, settings

LIMIT = Limit("test", per_minute=6, burst=5)
"""One token in ten seconds: none comes back while a test runs."""


@pytest.fixture
async def other_process(platform_url: str) -> AsyncIterator[RateLimiter]:
    database = Database(platform_url)
    yield RateLimiter(database, settings())
    await database.close()


async def admitted(limiter: RateLimiter, who: str, times: int) -> int:
    taken = await asyncio.gather(*(limiter.take(LIMIT, who) for _ in range(times)), return_exceptions=True)
    assert {type(result) for result in taken} <= {type(None), Problem}
    return sum(result is None for result in taken)


async def rewind(database: Database, seconds: int) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"UPDATE rate_buckets SET at = at - interval '{seconds} seconds'"))


async def test_a_burst_then_no_more(database: Database, other_process: RateLimiter) -> None:
    limiter = RateLimiter(database, settings())
    counts = await asyncio.gather(admitted(limiter, "a", 20), admitted(other_process, "a", 20))
    assert sum(counts) == LIMIT.burst
    assert await admitted(limiter, "b", 1) == 1


async def test_tokens_come_back_with_time_up_to_the_burst(database: Database) -> None:
    limiter = RateLimiter(database, settings())
    await admitted(limiter, "a", 10)
    await rewind(database, 10)
    assert await admitted(limiter, "a", 3) == 1
    await rewind(database, 3600)
    assert await admitted(limiter, "a", 10) == LIMIT.burst


async def test_the_refusal_says_when_to_come_back(database: Database) -> None:
    limiter = RateLimiter(database, settings())
    await admitted(limiter, "a", 5)
    with pytest.raises(Problem) as refused:
        await limiter.take(LIMIT, "a")
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert 8 <= int(refused.value.headers["Retry-After"]) <= 10


async def test_refused_requests_do_not_prolong_the_wait(database: Database) -> None:
    limiter = RateLimiter(database, settings())
    await admitted(limiter, "a", 100)
    await rewind(database, 10)
    assert await admitted(limiter, "a", 1) == 1


async def test_citizens_count_by_address_and_staff_by_account(database: Database) -> None:
    limiter = RateLimiter(database, settings(citizen_burst=1, citizen_rate_per_minute=1, staff_burst=2, staff_rate_per_minute=1))
    cadre = principal("cadre", VILLAGE)
    await limiter.admit(None, "203.0.113.9")
    with pytest.raises(Problem):
        await limiter.admit(None, "203.0.113.9")
    await limiter.admit(cadre, "203.0.113.9")
    await limiter.admit(cadre, "203.0.113.10")
    with pytest.raises(Problem):
        await limiter.admit(cadre, "203.0.113.11")


async def test_forgotten_buckets_are_purged(database: Database) -> None:
    limiter = RateLimiter(database, settings())
    await limiter.take(LIMIT, "a")
    assert await limiter.purge() == 0
    await rewind(database, 86_500)
    assert await limiter.purge() == 1


@pytest.mark.parametrize(
    ("address", "expected"),
    [("203.0.113.9", "203.0.113.9"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("2001:db8:1:2::1", "2001:db8:1:2::/64"), ("", "")],
)
def test_what_counts_as_one_caller(address: str, expected: str) -> None:
    assert network(address) == expected
