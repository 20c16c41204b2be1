"""The relay as notary: it signs a checkpoint when the log has grown and some time has passed, unless the log contradicts the last one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

import psycopg

from shared.eventlog.checkpoints import Checkpoint, Checkpoints

EVERY_EVENTS = 10_000
"""Published events after which a checkpoint is signed before its time."""


class Notary:
    """Signs how far the log is.

    Args:
        connection: as the role `relay`, in autocommit mode.
        checkpoints: where the lines go.
        seconds: at most so long after an event was published, a checkpoint covers it.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], checkpoints: Checkpoints, seconds: float) -> None:
        self._connection = connection
        self._checkpoints = checkpoints
        self._seconds = seconds
        self._signed = 0
        self._at = float("-inf")

    async def look(self, *, closing: bool = False) -> str | None:
        """Sign if it is time to, or if the relay is `closing`. Returns what is wrong, in a few words; None if nothing is."""
        now = asyncio.get_running_loop().time()
        position, chain, at = await self._end()
        due = closing or now - self._at >= self._seconds or position - self._signed >= EVERY_EVENTS
        if not due:
            return None
        try:
            last = await asyncio.to_thread(self._checkpoints.last)
            if (last.number if last else 0) < await self._remembered():
                return "the file of checkpoints lacks its end: run `huiyin events verify`"
            if last is not None and not await self._agree([last]):
                return f"the log contradicts checkpoint {last.number}: run `huiyin events verify`"
            if position > (last.position if last else 0):
                await self._remember(await asyncio.to_thread(self._checkpoints.sign, position, chain, at))
        except (OSError, ValueError) as error:
            return f"no checkpoint can be signed ({type(error).__name__}): run `huiyin events verify`"
        self._signed, self._at = position, now
        return None

    async def _end(self) -> tuple[int, str, datetime]:
        statement = (
            "SELECT coalesce(max(position), 0), coalesce((array_agg(chain))[1], ''), clock_timestamp()"
            " FROM (SELECT position, chain FROM log.published ORDER BY position DESC LIMIT 1) AS newest"
        )
        found = await (await self._connection.execute(statement.encode())).fetchone()
        assert found is not None
        return found[0], found[1], found[2]

    async def accept(self, reason: str) -> Checkpoint:
        """Begin anew from the log as it is: what an operator accepts after a loss, and a restore after it.

        Earlier checkpoints count up to where the log agrees with them. A file with lines that cannot be believed is set aside.
        """
        position, chain, at = await self._end()
        book = await asyncio.to_thread(self._checkpoints.read)
        if book.wrong:
            await asyncio.to_thread(self._checkpoints.set_aside, at)
        agreeing = await self._agree(book.counting())
        holds = agreeing[-1].position if agreeing else 0
        signed = await asyncio.to_thread(self._checkpoints.sign, position, chain, at, holds=holds, reason=reason)
        await self._remember(signed)
        return signed

    async def _agree(self, lines: Sequence[Checkpoint]) -> list[Checkpoint]:
        """The first of `lines`, as long as the log has the chain that they name."""
        rows = await self._connection.execute(
            "SELECT position, chain FROM log.published WHERE position = ANY (%s)", [[line.position for line in lines]]
        )
        chains = {0: "", **dict(await rows.fetchall())}
        return list(takewhile(lambda line: chains.get(line.position) == line.chain, lines))

    async def _remembered(self) -> int:
        found = await (await self._connection.execute("SELECT number FROM log.last_checkpoint")).fetchone()
        return found[0] if found else 0

    async def _remember(self, signed: Checkpoint) -> None:
        """Tell the database which line is the newest: so a file that was cut off is noticed."""
        await self._connection.execute(
            "INSERT INTO log.last_checkpoint (number, digest) VALUES (%s, %s)"
            " ON CONFLICT (only_row) DO UPDATE SET number = excluded.number, digest = excluded.digest",
            [signed.number, signed.digest],
        )
