"""I1 (answered and log), I2 (versions, chains, the stream's copy), I8 (audit)."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from services.routing.rules import CALENDAR, POLICY
from shared.contracts import Event, intake
from shared.contracts.envelope import Recorded, hash_of
from shared.contracts.routing import (
    Accepted,
    Arbitrated,
    Escalated,
    ExtensionDecided,
    ExtensionRequested,
    ProgressReported,
    Reassigned,
    Reclassified,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Returned,
    ReturnVisited,
    Supervised,
    Suspended,
    TaskCompleted,
    UnitInvited,
)
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.web import Asked, Clients

Found = Iterator[tuple[str, str, str]]

DOES: dict[str, type[Event]] = {
    "accept": Accepted,
    "report-progress": ProgressReported,
    "resolve": Resolved,
    "request-escalation": Escalated,
    "return": Returned,
    "arbitrate": Arbitrated,
    "reassign": Reassigned,
    "reclassify": Reclassified,
    "invite": UnitInvited,
    "complete-task": TaskCompleted,
    "suspend": Suspended,
    "resume": Resumed,
    "request-extension": ExtensionRequested,
    "decide-extension": ExtensionDecided,
    "refer": Referred,
    "supervise": Supervised,
    "record-return-visit": ReturnVisited,
    "reopen": Reopened,
}
"""The event that each command of staff has as its first effect."""


def issues(cell: Cell) -> dict[str, list[Recorded[Any]]]:
    """The history of every issue."""
    found = {stream: [each.event for each in past] for stream, past in cell.store.streams.items()}
    return {stream: past for stream, past in found.items() if stream not in (POLICY, CALENDAR)}


def answered_requests(cell: Cell, clients: Clients) -> Found:
    """I1: what was answered 2xx is in the log once, what was not answered at most once, nothing else is there."""
    asked: defaultdict[tuple[str, str, str], list[Asked]] = defaultdict(list)
    for each in clients.record:
        asked[_place(each)].append(each)
    there: Counter[tuple[str, str, str]] = Counter()
    for stream, past in issues(cell).items():
        for before, recorded in pairwise([None, *past, None]):
            if before is not None:
                there.update(_effect(cell, stream, before, recorded))
    for place in sorted(asked.keys() | there.keys()):
        sure = sum(each.status in (200, 201) for each in asked[place])
        most = sure + sum(each.unsure and each.status is None for each in asked[place])
        if not sure <= there[place] <= most:
            yield "I1", "/".join(place), f"{there[place]} times in the log, answered {sure}, at most {most}"


def _place(asked: Asked) -> tuple[str, str, str]:
    """What a request is looked for by: issue, event, and who or which key."""
    if asked.actor == "citizen":
        return asked.issue_id or "", "IssueRaised", asked.key
    if asked.actor == "reporter":
        return asked.issue_id or "", "word", asked.key
    return asked.issue_id or "", DOES[asked.command].__name__, asked.actor


def _effect(cell: Cell, stream: str, recorded: Recorded[Any], following: Recorded[Any] | None) -> Iterator[tuple[str, str, str]]:
    event = recorded.data
    by = getattr(event, "by", None)
    if isinstance(event, intake.IssueRaised):
        yield stream, "IssueRaised", event.title.split()[-1]
    elif isinstance(event, intake.Rated | intake.IssueWithdrawn | intake.ReopenAsked):
        yield stream, "word", (event.words or "").removeprefix("words-")
    elif by is not None and type(event) in DOES.values():
        same = following is not None and following.time == recorded.time and getattr(following.data, "by", None) == by
        if isinstance(event, Accepted) and same and following is not None and isinstance(following.data, Resolved):
            return  # `resolve` of an issue that nobody had accepted
        if isinstance(event, Escalated) and event.reason != "requested":
            return  # the second event of another command
        if isinstance(event, Reassigned) and event.reason == "reclassified":
            return
        if isinstance(event, Reopened) and event.reason != "reopened":
            return
        yield stream, recorded.name, by


def chained(cell: Cell) -> Found:
    """I2: versions without a gap, each hash over its own bytes and the one before, the running chain over all."""
    for stream, past in cell.store.streams.items():
        previous = None
        for place, logged in enumerate(past, 1):
            event = logged.event
            if event.version != place or event.prev_hash != previous or hash_of(logged.body) != event.hash:
                yield "I2", stream, f"version {event.version} at place {place} does not follow"
            previous = event.hash
    chain = ""
    for logged in cell.store.published:
        chain = hashlib.sha256((chain + logged.event.hash).encode()).hexdigest()
    if chain != cell.store.chain:
        yield "I2", "published", "the running chain does not verify"
    order: defaultdict[str, int] = defaultdict(int)
    for logged in cell.store.published:
        order[logged.event.stream] += 1
        if logged.event.version != order[logged.event.stream]:
            yield "I2", logged.event.stream, f"version {logged.event.version} was published as number {order[logged.event.stream]}"


def bus_agrees(cell: Cell) -> Found:
    """I2: the stream holds what the log published, byte for byte, in its order."""
    copied = [(message.id, message.body) for message in cell.bus.messages.values()]
    if copied != [(logged.id, logged.body.encode()) for logged in cell.store.published]:
        yield "I2", "stream", f"{len(copied)} messages, {len(cell.store.published)} published, or another order"


def audited(cell: Cell, clients: Clients) -> Found:
    """I8: each answered request has its entry; each effect has exactly one, written with it."""
    entries = cell.store.tables["audit"]
    effects = Counter(row["key"] for row in entries.values() if row["effect"])
    for asked in clients.record:
        done = (asked.status is not None and asked.status != 409) or effects[asked.key]
        if (done and effects[asked.key] > 1) or (asked.status in (200, 201) and effects[asked.key] != 1):
            yield "I8", asked.key, f"{effects[asked.key]} entries with an effect"
        for request, status in asked.tries:
            silent = status is None or status >= 500 or request in cell.unaudited
            in_flight = status == 409 and request not in entries
            if not silent and not in_flight and request not in entries:
                yield "I8", request, f"answered {status} without an entry"
            if request in entries and status is not None and status < 500 and entries[request]["status"] != status:
                yield "I8", request, f"answered {status}, entry says {entries[request]['status']}"
    requests = {request for asked in clients.record for request, _ in asked.tries}
    for request in entries.keys() - requests:
        yield "I8", request, "an entry of a request that nobody made"
