"""A message of a durable consumer, and the four verdicts on it."""

from collections.abc import Awaitable
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError


class Delivery:
    """A message that waits for a verdict. A verdict that is lost with the connection only means that the message comes again.

    Attributes:
        subject: where it was published.
        body: its bytes.
        sequence: its number in the stream.
        pending: messages that waited behind it.
        stored_at: when the stream took it.
    """

    def __init__(self, message: Msg) -> None:
        metadata = message.metadata
        self._message = message
        self.subject = message.subject
        self.body = message.data
        self.sequence = metadata.sequence.stream
        self.pending = metadata.num_pending
        self.stored_at = metadata.timestamp

    @property
    def settled(self) -> bool:
        """Whether a verdict was sent."""
        return self._message.is_acked

    async def ack(self) -> None:
        """Done."""
        await _give(self._message.ack())

    async def ack_sync(self) -> None:
        """Done; returns when the server has noted it, and with it every verdict that was sent before."""
        await _give(self._message.ack_sync(timeout=2))

    async def nak(self, delay: float = 0) -> None:
        """Not now: again after `delay` seconds."""
        await _give(self._message.nak(delay))

    async def term(self) -> None:
        """Never again. The server tells of it, and the relay keeps a copy in the dead-letter stream."""
        await _give(self._message.term())


async def _give(verdict: Awaitable[object]) -> None:
    with suppress(NatsError):
        await verdict
