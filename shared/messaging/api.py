"""JetStream's JSON API, the few calls that Huiyin makes: every one is a subject that a user's permissions can name."""

import json
from typing import Any

from shared.messaging.connection import NatsConnection


class JetStreamError(Exception):
    """JetStream answered with an error; `code` is its `err_code` (0 where it gave none)."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


NOT_FOUND = (10014, 10059)
"""Consumer not found, stream not found."""
NO_MESSAGE = 10037
"""No message has that sequence."""
DUPLICATE_IN_BATCH = 10201


def answer(data: bytes) -> dict[str, Any]:
    """A reply of JetStream. Raises `JetStreamError` for one that says that it failed."""
    reply: dict[str, Any] = json.loads(data)
    if error := reply.get("error"):
        raise JetStreamError(error.get("err_code", 0), error.get("description", ""))
    return reply


async def call(nats: NatsConnection, endpoint: str, body: object = None, *, timeout: float = 5) -> dict[str, Any]:
    """Ask `$JS.API.<endpoint>`. Raises `JetStreamError`, `nats.errors.TimeoutError`, `nats.errors.NoRespondersError` (JetStream is off)."""
    payload = b"" if body is None else json.dumps(body).encode()
    return answer((await nats.request(f"$JS.API.{endpoint}", payload, timeout=timeout)).data)
