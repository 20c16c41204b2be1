"""Streams and durables as they must be; the relay makes them, so that services need no right to."""

import logging
from typing import Any

from shared.messaging.api import NOT_FOUND, JetStreamError, call
from shared.messaging.connection import NatsConnection
from shared.messaging.subjects import DEAD_ROOT, ROOT

_log = logging.getLogger(__name__)

STREAM = "HUIYIN"
DEAD_STREAM = "HUIYIN_DEAD"
DURABLES = ("intake", "routing", "timers", "tracking", "notify")
"""All take `huiyin.>`: a consumer sees a gap only if it sees every version."""

_SECOND = 1_000_000_000
DUPLICATE_WINDOW = 120 * _SECOND
"""Nanoseconds in which JetStream itself refuses an id again. The permanent guard is the consumer's watermark."""
_FILLED_IN = {"name", "metadata", "replay_policy", "max_waiting", "num_replicas"}
"""What the server adds to a durable's configuration, and nobody can change or use to skip events."""
_ACK_WAIT = 30 * _SECOND


def stream_config(name: str, root: str, *, replicas: int = 1) -> dict[str, Any]:
    """A stream that keeps everything on disk, takes atomic batches and lets single messages be read by sequence."""
    return {
        "name": name,
        "subjects": [f"{root}.>"],
        "storage": "file",
        "retention": "limits",
        "num_replicas": replicas,
        "duplicate_window": DUPLICATE_WINDOW,
        "allow_atomic": True,
        "allow_direct": True,
    }


def durable_config(name: str) -> dict[str, Any]:
    """A pull consumer from the first message on; how often a message may be tried is the subscriber's decision, not the server's."""
    return {
        "durable_name": name,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": _ACK_WAIT,
        "max_deliver": -1,
        "max_ack_pending": 2000,
    }


async def ensure_topology(nats: NatsConnection, *, replicas: int = 1) -> None:
    """Make the streams and durables that are missing; correct those that differ. Safe to repeat."""
    for name, root in ((STREAM, ROOT), (DEAD_STREAM, DEAD_ROOT)):
        wanted = stream_config(name, root, replicas=replicas)
        try:
            present = (await call(nats, f"STREAM.INFO.{name}"))["config"]
        except JetStreamError as error:
            if error.code not in NOT_FOUND:
                raise
            await call(nats, f"STREAM.CREATE.{name}", wanted)
        else:
            if any(present.get(key) != value for key, value in wanted.items()):
                await call(nats, f"STREAM.UPDATE.{name}", present | wanted)
    for durable in DURABLES:
        await call(nats, f"CONSUMER.DURABLE.CREATE.{STREAM}.{durable}", {"stream_name": STREAM, "config": durable_config(durable)})


async def durables_missing(nats: NatsConnection) -> bool:
    """Whether a durable is missing; one that somebody changed is removed first, so that it is made anew and starts with the first message.

    JetStream lets whoever may make consumers without a name (ordinary clients do) change any consumer of that stream. A filter set for
    a moment would have skipped events for good; a new start brings them back, and watermarks skip what was applied.
    """
    missing = False
    for durable in DURABLES:
        try:
            config: dict[str, Any] = (await call(nats, f"CONSUMER.INFO.{STREAM}.{durable}"))["config"]
        except JetStreamError as error:
            if error.code not in NOT_FOUND:
                raise
            missing = True
            continue
        if {key: value for key, value in config.items() if key not in _FILLED_IN} != durable_config(durable):
            _log.warning("durable %s was changed by somebody else and is made anew", durable)
            await call(nats, f"CONSUMER.DELETE.{STREAM}.{durable}")
            missing = True
    return missing
