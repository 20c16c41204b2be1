"""Bit rot: a byte of a JetStream block that flips, an event's row that somebody edits. `huiyin events verify` must find either.

These are no part of overlapping schedules: they are damage, found and then mended by hand.
"""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import psycopg
from nats.errors import Error as NatsError

from deploy.local import nats
from deploy.local.postgres import superuser_url
from shared.eventlog.copy import StreamCopy
from shared.messaging.api import JetStreamError
from shared.messaging.connection import connect
from shared.messaging.topology import STREAM
from tests.faults.injectors.base import NotStruck, Target, huiyin, mended
from tests.support.waiting import eventually

_BACK_WITHIN = 60.0
"""Seconds that NATS has to be there again."""


async def _verify_finds(stack: Target, what: str) -> None:
    code, output = await huiyin(stack, "events", "verify")
    assert code == 1, f"`huiyin events verify` ended with {code} after {what}\n{output}"
    assert "✗" in output, f"`huiyin events verify` names nothing after {what}\n{output}"


class RottenBlock:
    """One byte of one stored message flips on the disk, and NATS reads its files anew."""

    name = "rotten-block"

    def __init__(self) -> None:
        self.told = ""
        self._relay: int | None = None
        self._flipped = False

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Flip it; the relay, which would mend the stream's end by itself, is stopped until the verifier has looked."""
        self._pause_relay(stack)
        try:
            body = await self._body(stack, rng)
            block, offset = _place(nats.store(stack.layout), body)
            self._flipped = True
            _flip(block, offset + rng.randrange(len(body)), rng.randrange(8))
            os.kill(stack.pid("nats"), signal.SIGKILL)
            await eventually(lambda: _answers(stack), seconds=_BACK_WITHIN, every=0.2)
            self.told = f"a bit of {block.name} at {offset}, flipped"
            await _verify_finds(stack, self.told)
        finally:
            self._continue_relay()

    async def heal(self, stack: Target) -> None:
        """Fill the stream again; it verifies."""
        if self._flipped:
            self._flipped = False
            await stack.wait_healthy()
            await mended(stack, "events", "republish")
            await mended(stack, "events", "verify")

    def _pause_relay(self, stack: Target) -> None:
        with suppress(LookupError):  # none runs: an operator can verify without one
            self._relay = stack.pid("relay")
            os.kill(self._relay, signal.SIGSTOP)

    def _continue_relay(self) -> None:
        if self._relay is not None:
            with suppress(ProcessLookupError):
                os.kill(self._relay, signal.SIGCONT)
            self._relay = None

    async def _body(self, stack: Target, rng: random.Random) -> bytes:
        """The bytes of any message."""
        observer = await connect(stack.layout.nats_url("observer"), "fault")
        try:
            copy = StreamCopy(observer)
            state = await copy.state()
            if state.messages == 0:
                raise NotStruck("the stream is empty")
            sequence = rng.randint(max(state.first, 1), state.last)
            return next(message.body for message in [each async for portion in copy.read(sequence, sequence) for each in portion])
        finally:
            await observer.close()


async def _answers(stack: Target) -> bool:
    try:
        observer = await connect(stack.layout.nats_url("observer"), "fault")
        try:
            await StreamCopy(observer).state()
        finally:
            await observer.close()
    except (NatsError, JetStreamError, OSError):
        return False
    return True


def _place(store: Path, body: bytes) -> tuple[Path, int]:
    """The block that holds these bytes, and where they begin in it."""
    for block in sorted(store.glob(f"**/streams/{STREAM}/msgs/*.blk")):
        if (offset := block.read_bytes().find(body)) >= 0:
            return block, offset
    raise AssertionError("no block holds a message that the stream gave")


def _flip(block: Path, offset: int, bit: int) -> None:
    with block.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


class EditedRow:
    """A published event's row is edited by one who may do all in the database, triggers switched off."""

    name = "edited-row"

    def __init__(self) -> None:
        self.told = ""
        self._before: tuple[str, str] | None = None

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Change one letter of the row's body."""
        async with await psycopg.AsyncConnection.connect(superuser_url(stack.layout, "huiyin"), autocommit=True) as log:
            ids = await (await log.execute("SELECT id::text FROM log.published ORDER BY position")).fetchall()
            if not ids:
                raise NotStruck("nothing is published")
            (event,) = rng.choice(ids)
            ((body,),) = await (await log.execute("SELECT body FROM log.events WHERE id = %s", [event])).fetchall()
            self._before = event, body
            digits = [place for place, letter in enumerate(body) if letter in "0123456789"]
            place = rng.choice(digits)
            await _rewrite(log, event, body[:place] + str((int(body[place]) + 1) % 10) + body[place + 1 :])
        self.told = f"event {event}: letter {place} of its body changed"
        await _verify_finds(stack, self.told)

    async def heal(self, stack: Target) -> None:
        """Put the row back as it was, as from a backup; the log verifies."""
        if self._before is not None:
            (event, body), self._before = self._before, None
            async with await psycopg.AsyncConnection.connect(superuser_url(stack.layout, "huiyin"), autocommit=True) as log:
                await _rewrite(log, event, body)
            await mended(stack, "events", "verify")


async def _rewrite(log: "psycopg.AsyncConnection[tuple[object, ...]]", event: str, body: str) -> None:
    await log.execute("SET session_replication_role = replica")
    changed = await log.execute("UPDATE log.events SET body = %s WHERE id = %s", [body, event])
    assert changed.rowcount == 1
