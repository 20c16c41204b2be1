"""How far a service's durables are behind, asked of JetStream by a connection of the moment: it costs nothing while nobody looks."""

import asyncio
from collections.abc import Sequence

from shared.messaging.api import call
from shared.messaging.connection import connect
from shared.messaging.topology import STREAM

_TIMEOUT = 3.0


async def backlogs(url: str, durables: Sequence[str]) -> list[int]:
    """For each of `durables`, how many events of the stream it has still to take or to acknowledge.

    Raises:
        TimeoutError, nats.errors.Error, JetStreamError, OSError: NATS does not answer, or the durable is missing.
    """
    async with asyncio.timeout(_TIMEOUT):
        nats = await connect(url, "operation", patient=False)
        try:
            told = [await call(nats, f"CONSUMER.INFO.{STREAM}.{durable}", timeout=_TIMEOUT) for durable in durables]
        finally:
            await nats.close()
    return [info["num_pending"] + info["num_ack_pending"] for info in told]
