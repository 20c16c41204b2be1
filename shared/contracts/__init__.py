"""Published events, by owner: the one definition of each. Schemas and the AsyncAPI document are generated from here."""

from shared.contracts import intake, notify, routing
from shared.contracts.event import EVENTS, Event, UnknownEvent, event_class

__all__ = ["EVENTS", "Event", "UnknownEvent", "event_class", "intake", "notify", "routing"]
