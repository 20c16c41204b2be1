"""I2 within Postgres: versions, hashes and the published order, computed anew with another implementation of RFC 8785."""

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import rfc8785

from tests.faults.checker.reading import Logged, Seen
from tests.faults.checker.violation import Violation


def judge(seen: Seen) -> list[Violation]:
    """Every stream's versions and chain, its head row, and the chain over everything that was published."""
    found: list[Violation] = []
    ends: dict[str, tuple[int, str]] = {}
    for stream, events in groupby(seen.events, key=lambda event: event.stream):
        version, last = 0, None
        for event in events:
            found += [Violation("I2", stream, f"version {event.version}: {detail}") for detail in _amiss(event, version, last)]
            version, last = event.version, event.hash
        ends[stream] = (version, last or "")
    for stream in ends.keys() | seen.heads.keys():
        if ends.get(stream) != seen.heads.get(stream):
            found.append(Violation("I2", stream, f"ends with {ends.get(stream)}, its head row says {seen.heads.get(stream)}"))
    found += [Violation("I2", subject, detail) for subject, detail in _order(seen)]
    return found


def _amiss(event: Logged, version: int, last: str | None) -> Iterator[str]:
    if event.version != version + 1:
        yield f"follows version {version}"
    try:
        envelope: dict[str, Any] = json.loads(event.body)
    except json.JSONDecodeError:
        yield "its body is no JSON"
        return
    told = envelope.pop("hash", None)
    digest = hashlib.sha256(rfc8785.dumps(envelope)).hexdigest()
    if not digest == told == event.hash:
        yield f"its hash is {digest}, its body says {told}, its row {event.hash}"
    if envelope.get("prevhash") != last:
        yield "is not chained to the version before"
    columns = (event.id, event.stream, event.version, event.type, event.region, f"/huiyin/{event.recorded_by}")
    if columns != tuple(envelope.get(name) for name in ("id", "subject", "streamversion", "type", "region", "source")):
        yield "its row differs from its body"


def _order(seen: Seen) -> Iterator[tuple[str, str]]:
    hashes = {event.id: event.hash for event in seen.events}
    at = {event.id: (event.stream, event.version) for event in seen.events}
    reached: dict[str, int] = {}
    chain = ""
    for nth, (position, event, told) in enumerate(seen.published, 1):
        subject = f"position {position}"
        if position != nth:
            yield subject, f"is the {nth}th of the published order"
        if event not in hashes:
            yield subject, f"its event {event} is gone"
            chain = told
            continue
        chain = hashlib.sha256((chain + hashes[event]).encode()).hexdigest()
        if chain != told:
            yield subject, "the running chain is broken"
            chain = told
        stream, version = at[event]
        if version != reached.get(stream, 0) + 1:
            yield subject, f"version {version} of {stream} follows version {reached.get(stream, 0)}"
        reached[stream] = version
    published = {event for _, event, _ in seen.published}
    for event in hashes.keys() - published - seen.outbox:
        yield event, "is neither in the outbox nor published"
    for event in published & seen.outbox:
        yield event, "is both in the outbox and published"
