"""The port that every channel is behind."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.notify.domain.delivery import Attempt


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message about to be sent. `message_id` is the same for every repeat; addresses and text do not show when it is printed."""

    message_id: str
    to: tuple[str, ...] = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    sent_at: datetime


class Channel(Protocol):
    """Sends. Never raises for what a gateway does: its answer becomes an `Attempt` whose reason names no address."""

    async def send(self, message: Outgoing) -> Attempt:
        """Hand the message over and say what became of it."""
        ...
