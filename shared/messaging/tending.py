"""What a subscriber does between messages: parked events whose turn has come, and operators' decisions on dead letters."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from shared.contracts.envelope import Recorded, parse
from shared.contracts.event import Event
from shared.database import Database
from shared.messaging.effects import Effects
from shared.messaging.inbox import Inbox
from shared.messaging.subjects import subject_of
from shared.messaging.transient import is_transient
from shared.metrics import DEAD_LETTERS, EVENTS_CONSUMED, PARKED_EVENTS

PAUSE = 0.5
"""Seconds between two looks that nothing asked for."""

_log = logging.getLogger(__name__)


class Tender:
    """Looks after one consumer's parked events and dead letters."""

    def __init__(self, database: Database, effects: Effects) -> None:
        self._database = database
        self._effects = effects
        self._consumer = effects.consumer
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Look at once: what parked events waited for has come."""
        self._nudged.set()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            self._nudged.clear()
            await self._guarded(self.tend)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), PAUSE)

    async def tend(self) -> None:
        """One look: carry out decisions, then apply what is due, as far as it goes."""
        decided, ready = await self._survey()
        for letter in decided:
            await self._guarded(lambda letter=letter: self._carry_out(letter))
        if decided:
            _, ready = await self._survey()
        while ready and any([await self._unpark(stream, version, body) for stream, version, body in ready]):
            _, ready = await self._survey()

    async def _survey(self) -> tuple[list[int], list[tuple[str, int, str]]]:
        """Dead letters that were decided on, and parked events whose turn has come; the gauges say how many there are of both."""
        async with self._database.transaction() as session:
            inbox = Inbox(session, self._consumer)
            await inbox.settle_overtaken()
            decided, ready = await inbox.decided(), await inbox.ready()
            parked, dead = await inbox.backlog()
        PARKED_EVENTS.labels(self._consumer).set(parked)
        DEAD_LETTERS.labels(self._consumer).set(dead)
        return decided, ready

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            if is_transient(error):
                _log.info("%s will look after parked events and dead letters later: %s", self._consumer, type(error).__name__)
            else:
                _log.exception("%s cannot look after parked events and dead letters", self._consumer)

    async def _unpark(self, stream: str, version: int, body: str) -> bool:
        """Apply a parked event in a transaction of its own; tells whether it is out of the way."""
        event = parse(body)
        try:
            async with self._database.transaction() as session:
                inbox = Inbox(session, self._consumer)
                await inbox.lock([stream])
                if not await inbox.unpark(stream, version):
                    return False
                result = await self._effects.apply(session, inbox, event, body.encode())
                await inbox.save()
        except Exception as error:
            if is_transient(error):
                raise
            if not self._effects.failed(event, error):
                return False
            await self._bury(event, body, error)
            result = "dead"
        EVENTS_CONSUMED.labels(self._consumer, result).inc()
        return True

    async def _bury(self, event: Recorded[Event], body: str, error: Exception) -> None:
        async with self._database.transaction() as session:
            inbox = Inbox(session, self._consumer)
            await inbox.unpark(event.stream, event.version)
            await inbox.bury(event, body.encode(), subject_of(event), error, attempts=self._effects.failures(event))
        self._effects.buried(event)

    async def _carry_out(self, letter: int) -> None:
        try:
            async with self._database.transaction() as session:
                inbox = Inbox(session, self._consumer)
                found = await inbox.letter(letter)
                if found is None:
                    return
                if found.decision == "replay":
                    event = parse(found.body)
                    await inbox.lock([event.stream])
                    await self._effects.apply(session, inbox, event, found.body)
                elif found.stream is not None:
                    await inbox.lock([found.stream])
                    if found.version > inbox.version(found.stream) + 1:
                        return  # what comes before it is missing too; its turn to be stepped over comes
                    if found.version == inbox.version(found.stream) + 1:
                        inbox.advance(found.stream)
                await inbox.save()
                await inbox.settle(letter)
        except Exception as error:
            if is_transient(error):
                raise
            _log.warning("%s failed to replay dead letter %d: %s", self._consumer, letter, type(error).__name__)
            async with self._database.transaction() as session:
                await Inbox(session, self._consumer).fail_again(letter, error)
