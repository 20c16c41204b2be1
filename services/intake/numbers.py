"""Issue numbers without a lock that requests wait for: `<6-digit county>-<yyyymmdd in Asia/Shanghai>-<serial, at least 4 digits>`.

One connection of its own hands out serials; requests that arrive while it is busy share its next statement. It commits asynchronously:
the commit of the issue itself is synchronous and later in the same write-ahead log, so no number that an issue carries can be handed out
again, whatever crashes. Numbers of requests that failed are gaps.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.together import Together

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SERIAL_DIGITS = 4
_Key = tuple[str, date]

_TAKE = text(
    """
    INSERT INTO number_blocks AS b (county, day, last)
    SELECT * FROM unnest(CAST(:counties AS text[]), CAST(:days AS date[]), CAST(:counts AS bigint[])) ORDER BY 1, 2
    ON CONFLICT (county, day) DO UPDATE SET last = b.last + excluded.last
    RETURNING county, day, last
    """
)


def number_of(county: str, day: date, serial: int) -> str:
    """The number in its written form."""
    return f"{county}-{day:%Y%m%d}-{serial:0{_SERIAL_DIGITS}d}"


class Numbers:
    """Hands out issue numbers.

    Args:
        engine: one connection that commits at once and asynchronously (`bootstrap.number_engine`); closed with `close`.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._serials = Together(self._serials_of)

    async def take(self, region: str, at: datetime) -> str:
        """The next number of the county that `region` lies in, for the day of `at` in China."""
        county, day = region[:6], at.astimezone(_SHANGHAI).date()
        return number_of(county, day, await self._serials((county, day)))

    async def close(self) -> None:
        """Close the connection, after those who wait were served."""
        await self._serials.finished()
        await self._engine.dispose()

    async def _serials_of(self, keys: Sequence[_Key]) -> list[int]:
        """One serial for each of `keys`, in their order."""
        counts = Counter(keys)
        last = await self._take(counts)
        following = {key: iter(range(last[key] - count + 1, last[key] + 1)) for key, count in counts.items()}
        return [next(following[key]) for key in keys]

    async def _take(self, counts: Mapping[_Key, int]) -> dict[_Key, int]:
        counties, days = zip(*counts, strict=True)
        values: dict[str, Sequence[object]] = {"counties": list(counties), "days": list(days), "counts": list(counts.values())}
        try:
            return await self._run(values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._run(values)

    async def _run(self, values: dict[str, Sequence[object]]) -> dict[_Key, int]:
        """A connection that a restart of Postgres broke is noticed by using it; a repeat costs a gap at most."""
        async with self._engine.connect() as connection:
            return {(row.county, row.day): row.last for row in await connection.execute(_TAKE, values)}
