"""A consumer's watermarks, parked events and dead letters in the simulated store. Mirrors shared.messaging.inbox.Inbox, query by query."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from shared.contracts.envelope import Recorded
from tests.faults.simulator.store import Transaction


class SimulatedInbox:
    """What `consumer` knows of some streams, locked until the transaction ends."""

    def __init__(self, session: Transaction, consumer: str) -> None:
        self._session, self._consumer = session, consumer
        self._versions: dict[str, int] = {}
        self._moved: dict[str, None] = {}
        self._awaited: set[str] = set()
        self._to_park: list[tuple[str, int, str]] = []

    async def lock(self, streams: Collection[str]) -> None:
        """Watermarks, in the order of the streams' names."""
        for stream in sorted(set(streams) - self._versions.keys()):
            await self._session.lock((self._consumer, stream))
            self._versions[stream] = self._session.get("watermarks", (self._consumer, stream)) or 0
            if any(key[:2] == (self._consumer, stream) for key in self._session.scan("parked")):
                self._awaited.add(stream)

    def version(self, stream: str) -> int:
        """The last version whose effect is committed, or is being written now."""
        return self._versions[stream]

    def advance(self, stream: str) -> None:
        """The next version has had its effect."""
        self._versions[stream] += 1
        self._moved[stream] = None

    @property
    def frees_parked(self) -> bool:
        """Whether parked events may have their turn now."""
        return not self._awaited.isdisjoint(self._moved)

    def park(self, event: Recorded[Any], body: bytes) -> None:
        """Keep an event until the versions before it have come."""
        self._to_park.append((event.stream, event.version, body.decode()))

    async def save(self) -> None:
        """Write what changed."""
        for stream in self._moved:
            self._session.put("watermarks", (self._consumer, stream), self._versions[stream])
        for stream, version, body in self._to_park:
            self._session.put("parked", (self._consumer, stream, version), body)

    async def bury(self, event: Recorded[Any] | None, body: bytes, subject: str, error: Exception, *, attempts: int) -> None:
        """A dead letter."""
        key = self._consumer, sha256(body).hexdigest()
        if self._session.get("dead_letters", key) is None:
            place = (event.stream, event.version) if event else (None, None)
            self._session.put("dead_letters", key, {"place": place, "error": f"{type(error).__name__}: {error}", "settled": False})

    async def settle_overtaken(self) -> None:
        """Dead letters whose event had its effect after all."""
        for key, row in self._session.scan("dead_letters").items():
            stream, version = row["place"]
            overtaken = stream is not None and (self._session.get("watermarks", (self._consumer, stream)) or 0) >= version
            if key[0] == self._consumer and not row["settled"] and overtaken:
                self._session.put("dead_letters", key, {**row, "settled": True})

    async def decided(self) -> list[int]:
        """No operator decides anything here."""
        return []

    async def ready(self, limit: int = 100) -> list[tuple[str, int, str]]:
        """Parked events whose turn has come or has passed, at most one a stream."""
        found: dict[str, tuple[str, int, str]] = {}
        for (consumer, stream, version), body in sorted(self._session.scan("parked").items()):
            mark = self._session.get("watermarks", (self._consumer, stream)) or 0
            if consumer == self._consumer and version <= mark + 1:
                found.setdefault(stream, (stream, version, body))
        return list(found.values())[:limit]

    async def unpark(self, stream: str, version: int) -> bool:
        """Take a parked event out; false if somebody else did."""
        key = self._consumer, stream, version
        if self._session.get("parked", key) is None:
            return False
        self._session.put("parked", key, None)
        return True

    async def backlog(self) -> tuple[int, int]:
        """Parked events and open dead letters."""
        parked = sum(key[0] == self._consumer for key in self._session.scan("parked"))
        letters = self._session.scan("dead_letters").items()
        return parked, sum(key[0] == self._consumer and not row["settled"] for key, row in letters)
