"""What operators do about dead letters: see them, have them replayed, or discard them, with a reason that stays."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from shared.database import Database
from shared.messaging.inbox import TABLES

_DEAD = TABLES.dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer could not take. `decision` is `replay` or `discard` once an operator asked for it."""

    id: int
    consumer: str
    stream: str | None
    version: int | None
    subject: str
    body: bytes
    error: str
    attempts: int
    dead_at: datetime
    decision: str | None
    reason: str | None
    decided_by: str | None
    settled_at: datetime | None


class UnknownDeadLetter(LookupError):
    """No open dead letter has that id."""


class DeadLetters:
    """One service's dead letters. Its subscriber carries a decision out within a second.

    Args:
        database: as the service's role.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self) -> list[DeadLetter]:
        """Those that are not settled, oldest first."""
        columns = [_DEAD.c[name] for name in DeadLetter.__slots__]
        async with self._database.transaction() as session:
            found = await session.execute(select(*columns).where(_DEAD.c.settled_at.is_(None)).order_by(_DEAD.c.id))
            return [DeadLetter(*row) for row in found]

    async def replay(self, letter: int, *, by: str, reason: str) -> None:
        """Have it handled again; if it fails again it stays dead. Raises `UnknownDeadLetter`."""
        await self._decide(letter, decision="replay", decided_by=by, reason=reason)

    async def discard(self, letter: int, *, by: str, reason: str) -> None:
        """Have it stepped over: its effect will be missing, later events of its stream go on. Raises `UnknownDeadLetter`."""
        await self._decide(letter, decision="discard", decided_by=by, reason=reason)

    async def _decide(self, letter: int, **values: Any) -> None:
        statement = (
            update(_DEAD).where(_DEAD.c.id == letter, _DEAD.c.settled_at.is_(None)).values(decided_at=func.clock_timestamp(), **values)
        )
        async with self._database.transaction() as session:
            if (await session.execute(statement.returning(_DEAD.c.id))).first() is None:
                raise UnknownDeadLetter(letter)
