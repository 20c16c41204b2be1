"""I5 (projections), I6 (notices), I7 (backlogs), I9 (personal data)."""

from collections import Counter
from typing import Any

from services.notify.domain.notice import message_id, notice_id
from services.notify.domain.state import evolve
from services.notify.domain.turns import decide
from services.tracking.columns import columns_of
from services.tracking.domain.ledger import evolve as project
from services.tracking.domain.timeline import entry_of
from services.tracking.domain.transitions import transition_of
from tests.faults.simulator.bus import DURABLES
from tests.faults.simulator.judge_log import Found, issues
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.people import ADDRESS, NAME, PHONE


def projections(cell: Cell) -> Found:
    """I5: ledger, timeline and transitions are what the log makes of them from zero."""
    rebuilt: dict[str, dict[Any, Any]] = {"ledger": {}, "timeline": {}, "transitions": {}}
    for stream, past in issues(cell).items():
        entry = None
        for recorded in past:
            before, entry = entry, project(entry, recorded)
            rebuilt["timeline"][stream, recorded.version] = entry_of(recorded)
            if (fact := transition_of(before, entry, recorded)) is not None:
                rebuilt["transitions"][stream, recorded.version] = fact
        if entry is not None:
            rebuilt["ledger"][stream] = columns_of(entry)
    for table, rows in rebuilt.items():
        live = cell.store.tables[table]
        for key in sorted(rows.keys() | live.keys(), key=str):
            if rows.get(key) != live.get(key):
                yield "I5", f"{table} {key}", f"live {str(live.get(key))[:200]}, rebuilt {str(rows.get(key))[:200]}"


def notices(cell: Cell, *, quiet: bool) -> Found:
    """I6: one notice per event, recipient and kind; a repeat has the same id, and a fault that called for it."""
    owed: dict[str, str] = {}
    for stream, past in issues(cell).items():
        known = None
        for recorded in past:
            before, known = known, evolve(known, recorded)
            for notice in decide(before, known, recorded.data):
                owed[notice_id(recorded.id, notice)] = f"{stream} {recorded.name} {notice.recipient}"
    rows = cell.store.tables["notices"]
    for identity in sorted(owed.keys() ^ rows.keys()):
        yield "I6", owed.get(identity, identity), "owed and not there" if identity in owed else "there and not owed"
    names = {message_id(identity, channel, 0): identity for identity in owed for channel in ("sms", "email")}
    for name, sent in cell.gateway.by_message.items():
        if name not in names:
            yield "I6", name, "a message id that no notice has"
        if sum(not each.disturbed for each in sent) > 1:
            yield "I6", name, f"sent {len(sent)} times, and nothing called for it"
    for (identity, channel), count in Counter((names.get(name), sent[0].channel) for name, sent in cell.gateway.by_message.items()).items():
        if count > 1:
            yield "I6", str(identity), f"{count} messages on {channel}"
    for row in rows.values():
        if quiet and row.state == "queued":
            yield "I6", f"{row.kind} {row.recipient}", "still not sent"
        taken = any(message_id(row.notice_id, channel, 0) in cell.gateway.by_message for channel in ("sms", "email"))
        if row.state in ("accepted", "delivered") and not taken:
            yield "I6", f"{row.kind} {row.recipient}", f"{row.state}, but no gateway took it"


def settled(cell: Cell) -> Found:
    """I7: nothing waits any more."""
    store, now = cell.store, cell.store.now
    if store.outbox:
        yield "I7", "outbox", f"{len(store.outbox)} events"
    for durable in DURABLES:
        waiting = cell.bus.backlog().get(durable)
        if waiting != 0:
            yield "I7", durable, f"{waiting} messages"
    for name in ("parked", "dead_letters"):
        left = [key for key, row in store.tables[name].items() if name == "parked" or not row["settled"]]
        if left:
            yield "I7", name, f"{left[:3]} {[store.tables[name][key] for key in left[:1]] if name != 'parked' else ''}"
    for row in store.tables["notices"].values():
        if row.state == "queued" and (now - row.due_at).total_seconds() > 65:
            yield "I7", "notices", f"{row.kind} to {row.recipient} is due since {row.due_at}"
    for stream, past in issues(cell).items():
        for durable in ("routing", "tracking", "notify"):
            mark = store.tables["watermarks"].get((durable, stream))
            if mark != len(past):
                yield "I7", f"{durable} {stream}", f"at version {mark} of {len(past)}"


def private(cell: Cell) -> Found:
    """I9: name, telephone and address are in intake's vault and go to the gateway, nowhere else."""
    tables = cell.store.tables
    places: dict[str, list[object]] = {
        "log": [logged.body for past in cell.store.streams.values() for logged in past],
        "stream": [message.body for message in cell.bus.messages.values()],
        "Temporal": cell.temporal.seen,
        **{
            name: list(tables[name].values())
            for name in ("issues", "ledger", "timeline", "transitions", "known", "notices", "messages", "parked", "dead_letters", "audit")
        },
    }
    for place, rows in places.items():
        text = "\n".join(row if isinstance(row, str) else row.decode() if isinstance(row, bytes) else str(row) for row in rows)
        for canary in (NAME, PHONE, ADDRESS):
            if canary in text:
                yield "I9", place, f"holds {canary}"
