"""Rate limits: token buckets, in Postgres, so that every process of a service counts together and a restart forgives nothing it should not.

The table is UNLOGGED: a bucket is not worth a write to the log of the database, and after a crash of Postgres all buckets are full again.
"""

import ipaddress
import math
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, DateTime, Double, MetaData, Table, Text, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import Database, execute, pipelined
from shared.problems import Problem
from shared.security.principal import Principal
from shared.settings import CommonSettings

rate_buckets = Table(
    "rate_buckets",
    MetaData(),
    Column("bucket", Text, primary_key=True),
    Column[float]("tokens", Double, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    prefixes=["UNLOGGED"],
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A kind of bucket: `burst` requests at once, then `per_minute` more each minute."""

    name: str
    per_minute: float
    burst: int


class RateLimiter:
    """Takes tokens out of buckets, each in a short transaction of its own: a refused command counts too."""

    def __init__(self, database: Database, settings: CommonSettings) -> None:
        self._database = database
        self._citizen = Limit("citizen", settings.citizen_rate_per_minute, settings.citizen_burst)
        self._staff = Limit("staff", settings.staff_rate_per_minute, settings.staff_burst)

    async def admit(self, principal: Principal | None, address: str) -> None:
        """Count one request of a staff member by account, of a citizen by address. Raises `Problem` 429."""
        if principal is not None:
            await self.take(self._staff, principal.subject)
        else:
            await self.take(self._citizen, network(address))

    async def take(self, limit: Limit, who: str, *, cost: float = 1) -> None:
        """Take `cost` tokens out of the bucket of `who`.

        Raises:
            Problem: 429 with Retry-After in whole seconds when the bucket does not hold as many.
        """
        async with self._database.transaction() as session:
            wait = await _take(session, limit, who, cost)
        if wait is not None:
            raise Problem("rate_limited", 429, headers={"Retry-After": str(wait)}, retry_after=wait)

    async def purge(self) -> int:
        """Remove buckets that nobody touched for a day. Returns how many."""
        async with self._database.transaction() as session:
            return len((await session.execute(_PURGE)).all())


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber gets."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


async def _take(session: AsyncSession, limit: Limit, who: str, cost: float) -> int | None:
    rate = limit.per_minute / 60
    async with pipelined(session):
        found = await execute(session, _TAKE, (f"{limit.name}:{who}", float(limit.burst), float(cost), rate))
    ((tokens, allowed),) = await found.fetchall()
    return None if allowed else max(1, math.ceil((cost - tokens) / rate))


_TAKE = """
    WITH asked (bucket, burst, cost, rate) AS (VALUES (%s, %s::float8, %s::float8, %s::float8))
    INSERT INTO rate_buckets AS b (bucket, tokens, allowed, at)
    SELECT bucket, burst - cost, true, clock_timestamp() FROM asked
    ON CONFLICT (bucket) DO UPDATE SET (tokens, allowed, at) = (
        SELECT CASE WHEN filled >= cost THEN filled - cost ELSE filled END, filled >= cost, clock_timestamp()
        FROM asked, least(burst, b.tokens + extract(epoch FROM clock_timestamp() - b.at)::float8 * rate) AS filled
    )
    RETURNING tokens, allowed
    """
_PURGE = text("DELETE FROM rate_buckets WHERE at < clock_timestamp() - interval '1 day' RETURNING 1")
