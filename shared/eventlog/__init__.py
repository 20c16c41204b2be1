"""The event log (architecture, decisions 1 to 3): append and read for services, the relay, and what operators need."""

from shared.eventlog.bell import OutboxBell, outbox_bell
from shared.eventlog.lag import RelayLag, relay_lag
from shared.eventlog.log import Append, ConcurrentAppend, EventLog, ForbiddenEvent, Head, InvalidAppend, Loaded, Published

__all__ = [
    "Append",
    "ConcurrentAppend",
    "EventLog",
    "ForbiddenEvent",
    "Head",
    "InvalidAppend",
    "Loaded",
    "OutboxBell",
    "Published",
    "RelayLag",
    "outbox_bell",
    "relay_lag",
]
