"""The SMS gateway, the mail server and intake's contacts: they accept, refuse, hang, break, and lose their answers."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.notify.channels.base import Outgoing
from services.notify.contacts import ContactsUnavailable
from services.notify.domain.addresses import Contact
from services.notify.domain.delivery import Accepted, Attempt, Refused, Retry
from services.notify.texts import Text
from tests.faults.simulator.loop import Loop, Task
from tests.faults.simulator.store import Store


class Silent(Exception):
    """The gateway took the message, and its answer never came."""


@dataclass
class Sent:
    """A message that a gateway took. `disturbed`: something happened before our own record of it, so that it may be repeated."""

    message_id: str
    channel: str
    to: tuple[str, ...]
    at: datetime
    task: Task

    @property
    def disturbed(self) -> bool:
        """Whether its sender died, froze, or was not answered."""
        return self.task.error is not None or bool(self.task.notes.get("disturbed"))


class Gateway:
    """One gateway for every channel. `mood` is what it does with the next messages."""

    def __init__(self, loop: Loop, store: Store) -> None:
        self.loop, self.store = loop, store
        self.mood = "takes"
        self.sent: list[Sent] = []
        self.by_message: defaultdict[str, list[Sent]] = defaultdict(list)
        self.receipts: Any = None

    def channel(self, name: str) -> "Channel":
        """The port that notify sends through."""
        return Channel(self, name)


class Channel:
    """One channel of the gateway."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._gateway, self._name = gateway, name

    async def send(self, message: Outgoing) -> Attempt:
        """Hand a message over."""
        gateway, loop = self._gateway, self._gateway.loop
        await loop.step("send")
        match gateway.mood:
            case "breaks":
                return Retry("gateway_503")
            case "refuses":
                return Refused("gateway_422")
            case "hangs":
                await loop.sleep(10)
                return Retry("gateway_ReadTimeout")
            case _:
                pass
        assert loop.current is not None
        sent = Sent(message.message_id, self._name, message.to, loop.instant, loop.current)
        loop.tell("took", f"{message.message_id} {self._name}")
        gateway.sent.append(sent)
        gateway.by_message[message.message_id].append(sent)
        if self._name == "sms" and gateway.receipts is not None:
            gateway.receipts(message.message_id)
        try:
            await loop.step("taken", lose=Silent)
        except Silent:
            await loop.sleep(10)
            return Retry("gateway_ReadTimeout")
        return Accepted(final=self._name != "sms")


class Contacts:
    """Intake's internal endpoint: answers from the vault."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, issue_id: str) -> Contact | None:
        """The reporter. Raises `ContactsUnavailable`."""
        await self._store.loop.step("contact")
        if self._store.away:
            raise ContactsUnavailable("database away")
        found = self._store.tables["vault"].get(issue_id)
        return Contact(found["name"], found["phone"], found["email"], "zh-CN", f"http://t/{issue_id}") if found and found["name"] else None


class PlainTexts:
    """What a notice says does not matter here; to whom it goes does."""

    def for_staff(self, kind: str, *about: object, **how: object) -> Text:
        """A text."""
        return Text(kind, kind)

    for_reporter = for_staff
