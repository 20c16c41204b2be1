"""Rate limits: token buckets, in Postgres, so that every process of a service counts together and a restart forgives nothing it should not.

The table is UNLOGGED: a bucket is not worth a write to the log of the database, and after a crash of Postgres all buckets are full again.
"""

import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, DateTime, Double, MetaData, Table, Text, text

from shared.database import Database, fetch
from shared.problems import Problem
from shared.security.principal import Principal
from shared.settings import CommonSettings
from shared.together import Together

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


@dataclass(frozen=True, slots=True)
class _Taking:
    """What one request wants of a bucket: `cost` of its tokens (below 0: gives some back)."""

    limit: Limit
    bucket: str
    cost: float

    @property
    def rate(self) -> float:
        """Tokens that come back each second."""
        return self.limit.per_minute / 60

    def wait(self, tokens: float) -> int:
        """Seconds until a bucket that holds `tokens` holds enough; at least 1."""
        return max(1, math.ceil((self.cost - tokens) / self.rate))


class RateLimiter:
    """Takes tokens out of buckets in short transactions of its own, which requests share: a refused command counts too."""

    def __init__(self, database: Database, settings: CommonSettings) -> None:
        self._database = database
        self._take = Together(self._take_all)
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
        wait = await self._take(_Taking(limit, f"{limit.name}:{who}", cost))
        if wait is not None:
            raise Problem("rate_limited", 429, headers={"Retry-After": str(wait)}, retry_after=wait)

    async def _take_all(self, asked: Sequence[_Taking]) -> list[int | None]:
        """For each in turn None where it got its tokens, else the seconds to wait."""
        waits: list[int | None] = [None] * len(asked)
        wanted: dict[str, list[int]] = {}
        for index, taking in enumerate(asked):
            wanted.setdefault(taking.bucket, []).append(index)
        while wanted:
            found = await self._ask({bucket: [asked[index] for index in indexes] for bucket, indexes in wanted.items()})
            again: dict[str, list[int]] = {}
            for bucket, indexes in wanted.items():
                tokens, allowed = found[bucket]
                for index in indexes:
                    waits[index] = None if allowed else asked[index].wait(tokens)
                if not allowed and (fitting := _fitting(asked, indexes, tokens)):
                    again[bucket] = fitting
            wanted = again
        return waits

    async def _ask(self, buckets: Mapping[str, Sequence[_Taking]]) -> dict[str, tuple[float, bool]]:
        """What each bucket holds now, and whether it held what was asked of it together, which is then taken."""
        columns = (
            list(buckets),
            [float(asked[0].limit.burst) for asked in buckets.values()],
            [float(sum(taking.cost for taking in asked)) for asked in buckets.values()],
            [asked[0].rate for asked in buckets.values()],
        )
        async with self._database.transaction() as session:
            return {bucket: (tokens, allowed) for bucket, tokens, allowed in await fetch(session, _TAKE, columns)}

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


def _fitting(asked: Sequence[_Taking], indexes: Sequence[int], tokens: float) -> list[int]:
    """Those of `indexes` who get what they ask for when they are served in turn."""
    served: list[int] = []
    for index in indexes:
        if asked[index].cost <= tokens:
            tokens -= asked[index].cost
            served.append(index)
    return served


_TAKE = """
    WITH asked AS (SELECT * FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::float8[]) AS each (bucket, burst, cost, rate))
    INSERT INTO rate_buckets AS b (bucket, tokens, allowed, at)
    SELECT bucket, CASE WHEN burst >= cost THEN burst - cost ELSE burst END, burst >= cost, clock_timestamp() FROM asked ORDER BY bucket
    ON CONFLICT (bucket) DO UPDATE SET (tokens, allowed, at) = (
        SELECT CASE WHEN filled >= cost THEN filled - cost ELSE filled END, filled >= cost, clock_timestamp()
        FROM asked, least(burst, b.tokens + extract(epoch FROM clock_timestamp() - b.at)::float8 * rate) AS filled
        WHERE asked.bucket = b.bucket
    )
    RETURNING bucket, tokens, allowed
    """
"""In the order of the buckets, so that two processes never wait for each other."""

_PURGE = text("DELETE FROM rate_buckets WHERE at < clock_timestamp() - interval '1 day' RETURNING 1")
