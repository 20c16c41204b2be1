"""Compare JetStream with the log and make good what it lacks (decisions 1 and 3).

The log's published order is the truth. What JetStream lost at its end is sent again behind what it has; a hole further in front can only
be mended by emptying the stream, which an operator asks for (`huiyin events republish`).
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from shared.eventlog.copy import BATCH, State, StreamCopy
from shared.eventlog.outbox import Outbox
from shared.ids import is_id

Progress = Callable[[int, int], Awaitable[None]]
"""Told how many events are done, of how many."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison left: the stream's last sequence, the log's last position, events sent again, and whether there are holes."""

    last_sequence: int
    last_position: int
    sent: int
    whole: bool


async def catch_up(outbox: Outbox, copy: StreamCopy, progress: Progress) -> Compared:
    """Make the stream's end agree with the log.

    Finds the newest message that was published for the log. Messages behind it whose events are still in the outbox were stored just before
    a crash: they are moved, not sent twice. Events that were published after it are gone from the stream: they are sent again.
    """
    state = await copy.state()
    last = await outbox.last_position()
    position, unmoved, strangers = await _tail(outbox, copy, state)
    whole = state.messages - len(unmoved) == position and not strangers
    if unmoved:
        return Compared(state.last, await outbox.move(unmoved), 0, whole and position == last)
    if position == last or strangers:
        return Compared(state.last, last, 0, whole)
    async with copy.ids_forgotten():
        sequence = await _send_again(outbox, copy, position, last, state.last, progress)
    return Compared(sequence, last, last - position, whole)


async def refill(outbox: Outbox, copy: StreamCopy, progress: Progress) -> Compared:
    """Make the whole stream agree with the log, message by message: fill up what is a true beginning, empty and fill what is not.

    Can be broken off at any time and begun again.
    """
    before = await catch_up(outbox, copy, progress)
    last = before.last_position
    if before.whole and await _agrees(outbox, copy, last, progress):
        return before
    await copy.purge()
    async with copy.ids_forgotten():
        sequence = await _send_again(outbox, copy, 0, last, (await copy.state()).last, progress)
    return Compared(sequence, last, last, True)


async def _tail(outbox: Outbox, copy: StreamCopy, state: State) -> tuple[int, list[str], int]:
    """Position of the newest message that the log knows as published (0: none); behind it: ids of the outbox, number of strangers."""
    unmoved: dict[str, None] = {}
    strangers = 0
    upper = state.last
    while upper >= max(state.first, 1):
        lower = max(state.first, upper - BATCH + 1, 1)
        stored = [message async for portion in copy.read(lower, upper) for message in portion]
        positions = await outbox.positions([message.id for message in stored if is_id(message.id)])
        for message in reversed(stored):
            if message.id not in positions or message.id in unmoved:
                strangers += 1
            elif (position := positions[message.id]) is not None:
                return position, list(reversed(unmoved)), strangers
            else:
                unmoved[message.id] = None
        upper = lower - 1
    return 0, list(reversed(unmoved)), strangers


async def _send_again(outbox: Outbox, copy: StreamCopy, position: int, last: int, sequence: int, progress: Progress) -> int:
    while position < last:
        events = await outbox.published(position, min(BATCH, last - position))
        sequence = await copy.publish_again(events, after=sequence)
        position += len(events)
        await progress(position, last)
    return sequence


async def _agrees(outbox: Outbox, copy: StreamCopy, last: int, progress: Progress) -> bool:
    """Whether the stream holds exactly the first `last` events of the published order, byte for byte."""
    state = await copy.state()
    position = 0
    async with aclosing(copy.read(max(state.first, 1), state.last)) as portions:
        async for portion in portions:
            events = await outbox.published(position, len(portion))
            if [(message.id, message.subject, message.body) for message in portion] != [(e.id, e.subject, e.body) for e in events]:
                return False
            position += len(events)
            await progress(position, last)
    return position == last
