"""How far the consumers of the stream are."""

from shared.messaging.api import call
from shared.messaging.connection import NatsConnection
from shared.messaging.topology import STREAM


async def unfinished(nats: NatsConnection, durable: str) -> int:
    """Messages that a durable has not acknowledged yet: waiting, or on their way."""
    found = await call(nats, f"CONSUMER.INFO.{STREAM}.{durable}")
    return found["num_pending"] + found["num_ack_pending"]
