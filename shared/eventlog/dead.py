"""Copies of dead letters: the stream `HUIYIN_DEAD`.

A consumer that terminates a message only makes the server tell its sequence; the relay fetches the bytes and keeps them under
`huiyin_dead.<consumer>`. What is terminated while no relay runs is not copied: the consumers' tables are complete, the stream is for those
who listen.
"""

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.eventlog.copy import Stored, StreamCopy
from shared.messaging.api import JetStreamError, answer
from shared.messaging.connection import NatsConnection
from shared.messaging.subjects import dead_subject
from shared.messaging.topology import STREAM

_ADVISORIES = f"$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{STREAM}.*"

_log = logging.getLogger(__name__)


@asynccontextmanager
async def dead_letters_copied(nats: NatsConnection, copy: StreamCopy) -> AsyncIterator[None]:
    """Terminated messages are kept as long as the block lasts."""

    async def on_terminated(advisory: Msg) -> None:
        told = json.loads(advisory.data)
        consumer, sequence = told["consumer"], told["stream_seq"]
        try:
            async for portion in copy.read(sequence, sequence):
                for message in portion:
                    await _keep(nats, consumer, message)
        except (NatsError, JetStreamError) as error:
            _log.warning("a dead letter of %s (sequence %d) was not copied: %s", consumer, sequence, type(error).__name__)

    subscription = await nats.subscribe(_ADVISORIES, cb=on_terminated)  # pyright: ignore[reportUnknownMemberType]
    try:
        yield
    finally:
        with suppress(NatsError):
            await subscription.unsubscribe()


async def _keep(nats: NatsConnection, consumer: str, message: Stored) -> None:
    headers = {
        "Nats-Msg-Id": f"{consumer}.{hashlib.sha256(message.body).hexdigest()}",
        "content-type": "application/cloudevents+json",
        "Huiyin-Subject": message.subject,
    }
    answer((await nats.request(dead_subject(consumer), message.body, timeout=5, headers=headers)).data)
