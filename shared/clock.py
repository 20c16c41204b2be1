"""The one clock. All services read Postgres' clock, so that hosts with wrong clocks cannot make a deadline early or late."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import fetch


class Clock(Protocol):
    """Port: what instant it is, as aware UTC."""

    async def now(self, session: AsyncSession) -> datetime:
        """The present instant."""
        ...


class PostgresClock:
    """`clock_timestamp()` of the database that holds the log; moves within a transaction."""

    async def now(self, session: AsyncSession) -> datetime:
        """The present instant of the database."""
        ((instant,),) = await fetch(session, "SELECT clock_timestamp()")
        return instant.astimezone(UTC)


class ManualClock:
    """A clock that tests set and move by hand."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    async def now(self, session: AsyncSession) -> datetime:
        """The instant that was set last."""
        return self.instant

    def advance(self, by: timedelta) -> datetime:
        """Move forward and return the new instant."""
        self.instant += by
        return self.instant
