"""Failed sign-ins, counted per account and per address: after some free ones, each makes the next try wait twice as long."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.tables import SignInFailures
from shared.ratelimit import network

LONGEST_WAIT = timedelta(minutes=15)
"""Long enough to make guessing hopeless (four an hour), short enough that a locked-out cadre need not call anyone."""

FORGOTTEN_AFTER = timedelta(minutes=30)
"""Without a further failure the count starts anew."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a failure came from, and how many are free."""

    key: str
    free: int


def account_source(username: str) -> Source:
    """The account. The name is kept as a digest: somebody may have typed a password there."""
    return Source("account:" + hashlib.sha256(username.encode()).hexdigest(), free=5)


def address_source(address: str) -> Source:
    """The address, of IPv6 the /64. A whole office may stand behind it, so many failures are free."""
    return Source("address:" + network(address), free=100)


def wait_after(failures: int, free: int) -> timedelta:
    """How long the next try has to wait: nothing, then 1 s, 2 s, 4 s … up to `LONGEST_WAIT`."""
    if failures < free:
        return timedelta()
    return min(timedelta(seconds=2 ** min(failures - free, 20)), LONGEST_WAIT)


async def waiting_until(session: AsyncSession, sources: Sequence[Source], now: datetime) -> datetime | None:
    """When the next try may be made; None if at once."""
    locked_until = col(SignInFailures.locked_until)
    query = select(locked_until).where(col(SignInFailures.source).in_([source.key for source in sources]), locked_until > now)
    return max((instant for instant in (await session.execute(query)).scalars() if instant is not None), default=None)


async def count_failure(session: AsyncSession, sources: Sequence[Source], now: datetime) -> None:
    """Count one more failure of each source; in one order, so that two transactions cannot deadlock. Forgets what is old."""
    table, failures, last_at = col(SignInFailures.source), col(SignInFailures.failures), col(SignInFailures.last_at)
    for source in sorted(sources, key=lambda source: source.key):
        counted = (
            insert(SignInFailures)
            .values(source=source.key, failures=1, last_at=now)
            .on_conflict_do_update(
                index_elements=["source"],
                set_={"failures": case((last_at < now - FORGOTTEN_AFTER, 1), else_=failures + 1), "last_at": now},
            )
            .returning(failures)
        )
        total = (await session.execute(counted)).scalar_one()
        until = now + wait_after(total, source.free)
        await session.execute(update(SignInFailures).where(table == source.key).values(locked_until=until))
    await session.execute(delete(SignInFailures).where(last_at < now - FORGOTTEN_AFTER))


async def forget(session: AsyncSession, source: Source) -> None:
    """A success: the account's failures no longer count. The address's do, or one own account would let anybody guess on."""
    await session.execute(delete(SignInFailures).where(col(SignInFailures.source) == source.key))
