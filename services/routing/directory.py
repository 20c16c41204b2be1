"""The directory as events: read from the log, kept in memory, changed by appends to the streams `directory` and `directory-<county>`.

Topics stand in `directory`, the units and officers of a county in a stream of its own, so that counties change side by side.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import Entry
from services.routing.domain.directory_tables import named
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Officer, Topic, Unit
from shared.eventlog import EventLog
from shared.regions import Regions, county_of

MAX_EVENT_BYTES = 300_000
"""JetStream takes messages of up to 1 MB; a third of it leaves room for the envelope and for characters that JSON escapes."""

MAX_REMOVED = 3_000
"""Names of removed entries in an event; each has at most some 80 bytes."""

TOPICS = "directory"
"""The stream of the topics."""


def stream_of(county: str) -> str:
    """The stream of the units and officers of a county, named by its six digits."""
    return f"{TOPICS}-{county_of(county)}"


class DirectoryHolder:
    """The directory of this process, as of the last `fresh`.

    Args:
        log: where the streams are read.
        regions: the counties that this deployment serves.
    """

    def __init__(self, log: EventLog, regions: Regions) -> None:
        self._log = log
        self._streams = [TOPICS, *(stream_of(county.code) for county in regions.counties)]
        self._versions: dict[str, int] = {}
        self._parts: dict[str, Directory] = {}
        self.current = Directory()

    async def fresh(self, session: AsyncSession) -> Directory:
        """The directory as the log has it now. One small query; only streams that moved are read again."""
        versions = await self._log.versions(session, self._streams)
        moved = [stream for stream, version in versions.items() if self._versions.get(stream) != version]
        for stream in moved:
            loaded = await self._log.load(session, stream)
            self._parts[stream] = fold(loaded.events)
            self._versions[stream] = loaded.head.version
        if moved:
            self.current = merge(self._parts.values())
        return self.current


def fold(events: Iterable[Recorded[Event]]) -> Directory:
    """The directory that one stream says."""
    changes = (recorded.data for recorded in events)
    return reduce(Directory.with_changes, (change for change in changes if isinstance(change, DirectoryChanged)), Directory())


def merge(parts: Iterable[Directory]) -> Directory:
    """One directory out of those of several streams, which never speak of the same entry."""
    topics: dict[str, Topic] = {}
    units: dict[str, Unit] = {}
    officers: dict[str, Officer] = {}
    for part in parts:
        topics |= part.topics
        units |= part.units
        officers |= part.officers
    return Directory(topics, units, officers)


async def publish(
    session: AsyncSession,
    log: EventLog,
    entries: Iterable[Entry] = (),
    *,
    removed: Iterable[Entry] = (),
    by: str | None,
    now: datetime,
    correlation_id: str,
) -> None:
    """Append `DirectoryChanged`: `entries` added or replaced, and those `removed` taken out.

    Args:
        session: one transaction for all streams that are touched, in a fixed order, so that two imports cannot deadlock.
        log: routing's log.
        entries: topics, units and officers.
        removed: entries as the directory has them now; also officers who move to another county and stand in `entries` anew.
        by: the administrator, None for the first start.
        now: the instant of the change.
        correlation_id: the request's.

    Raises:
        ConcurrentAppend: somebody else changed the directory at the same moment; the transaction is lost, retry.
    """
    changed: dict[str, list[Entry]] = defaultdict(list)
    gone: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        changed[_home(entry)].append(entry)
    for entry in removed:
        gone[_home(entry)].append(named(entry))
    for stream in sorted({*changed, *gone}):
        head = (await log.load(session, stream)).head
        await log.append(
            session,
            stream,
            list(_events(changed[stream], gone[stream], by)),
            after=head,
            now=now,
            region=None if stream == TOPICS else stream.removeprefix(f"{TOPICS}-").ljust(12, "0"),
            correlation_id=correlation_id,
            causation_id=None,
        )


def _home(entry: Entry) -> str:
    match entry:
        case Topic():
            return TOPICS
        case Unit():
            return stream_of(entry.region)
        case Officer():
            return stream_of(entry.regions[0])


def _events(entries: Sequence[Entry], removed: Sequence[str], by: str | None) -> Iterator[DirectoryChanged]:
    for first in range(0, len(removed), MAX_REMOVED):
        yield DirectoryChanged(removed=tuple(removed[first : first + MAX_REMOVED]), by=by)
    for chunk in _chunks(entries):
        yield DirectoryChanged(
            topics=tuple(entry for entry in chunk if isinstance(entry, Topic)),
            units=tuple(entry for entry in chunk if isinstance(entry, Unit)),
            officers=tuple(entry for entry in chunk if isinstance(entry, Officer)),
            by=by,
        )


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        weight = len(entry.model_dump_json().encode())
        if chunk and size + weight > MAX_EVENT_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += weight
    if chunk:
        yield chunk
