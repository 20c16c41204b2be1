"""How far the relay is behind, for `/metrics` and health."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class RelayLag:
    """Events in the outbox, and for how many seconds the oldest of them has waited (0 when there is none)."""

    waiting: int
    seconds: float


async def relay_lag(session: AsyncSession) -> RelayLag:
    """The relay's backlog now; every service role may ask."""
    row = (await session.execute(text("SELECT waiting, seconds FROM log.relay_lag()"))).one()
    return RelayLag(row.waiting, row.seconds)
