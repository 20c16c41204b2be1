"""Issue numbers without a lock that requests wait for: `<6-digit county>-<yyyymmdd in Asia/Shanghai>-<serial, at least 4 digits>`.

One connection of its own hands out serials; requests that arrive while it is busy share its next statement. It commits asynchronously:
the commit of the issue itself is synchronous and later in the same write-ahead log, so no number that an issue carries can be handed out
again, whatever crashes. Numbers of requests that failed are gaps.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

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
        self._waiting: dict[_Key, list[asyncio.Future[int]]] = {}
        self._serving: asyncio.Task[None] | None = None

    async def take(self, region: str, at: datetime) -> str:
        """The next number of the county that `region` lies in, for the day of `at` in China."""
        county, day = region[:6], at.astimezone(_SHANGHAI).date()
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault((county, day), []).append(turn)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve(), name="numbers")
        return number_of(county, day, await turn)

    async def close(self) -> None:
        """Close the connection, after those who wait were served."""
        if self._serving is not None:
            await self._serving
        await self._engine.dispose()

    async def _serve(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                last = await self._take({key: len(turns) for key, turns in batch.items()})
            except Exception as error:
                for turn in (turn for turns in batch.values() for turn in turns):
                    if not turn.done():
                        turn.set_exception(error)
                continue
            for key, turns in batch.items():
                for serial, turn in enumerate(turns, start=last[key] - len(turns) + 1):
                    if not turn.done():
                        turn.set_result(serial)

    async def _take(self, counts: dict[_Key, int]) -> dict[_Key, int]:
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
