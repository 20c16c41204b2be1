"""An event's effect: which versions are due, and what the service's handler does with them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession

from shared.contracts.envelope import BadEnvelope, Recorded, parse
from shared.contracts.event import Event, UnknownEvent
from shared.messaging.inbox import Inbox
from shared.telemetry import span

Handler = Callable[[AsyncSession, Recorded[Any]], Awaitable[None]]
"""Gives an event its effect, inside the subscriber's transaction. Raises to have it tried again."""

ATTEMPTS = 5
"""Failures of a handler after which an event counts as poison."""


async def ignore(session: AsyncSession, event: Recorded[Any]) -> None:
    """The handler of an event that a service knows and does not need."""


def read(body: bytes | str) -> Recorded[Event] | BadEnvelope:
    """The event, or why the bytes are none."""
    try:
        return parse(body)
    except BadEnvelope as error:
        return error


class Effects:
    """What a consumer's events do.

    Args:
        consumer: the durable's name.
        handlers: by event class.
    """

    def __init__(self, consumer: str, handlers: Mapping[type[Event], Handler]) -> None:
        self.consumer = consumer
        self._handlers = handlers
        self._failures: dict[str, int] = {}

    async def apply(self, session: AsyncSession, inbox: Inbox, event: Recorded[Event], body: bytes) -> str:
        """Handle an event whose turn it is, park one that is early, skip one that was done. The stream must be locked in `inbox`.

        Returns:
            `applied`, `parked` or `skipped`.

        Raises:
            UnknownEvent: no handler: at once poison.
            Exception: whatever the handler raised.
        """
        done = inbox.version(event.stream)
        if event.version <= done:
            return "skipped"
        if event.version > done + 1:
            inbox.park(event, body)
            return "parked"
        await self._handle(session, event)
        inbox.advance(event.stream)
        self._failures.pop(event.id, None)
        return "applied"

    def failures(self, event: Recorded[Event]) -> int:
        """How often `failed` was told of the event."""
        return self._failures.get(event.id, 0)

    def failed(self, event: Recorded[Event], error: Exception) -> bool:
        """Note that the handler raised; tells whether the event is poison now."""
        self._failures[event.id] = self.failures(event) + 1
        return isinstance(error, UnknownEvent) or self._failures[event.id] >= ATTEMPTS

    def buried(self, event: Recorded[Event]) -> None:
        """Forget an event that became a dead letter."""
        self._failures.pop(event.id, None)

    async def _handle(self, session: AsyncSession, event: Recorded[Event]) -> None:
        handler = self._handlers.get(type(event.data))
        if handler is None:
            raise UnknownEvent(f"{self.consumer} has no handler for {event.name}")
        if handler is ignore:
            return
        attributes = {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.consumer.group.name": self.consumer,
            "messaging.message.id": event.id,
        }
        issue_id = event.stream if event.data.aggregate == "issue" else None
        with span(
            f"process {event.name}",
            attributes,
            parent=event.traceparent,
            kind=SpanKind.CONSUMER,
            issue_id=issue_id,
            event=event.name,
            region=event.region,
        ):
            await handler(session, event)
