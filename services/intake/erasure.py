"""Erasing a reporter: what is in the vault goes for good; the issue and its hash chain stay.

Each erasure is written to a journal beside the log's checkpoints before it is done, so that a restored backup can erase again before
it opens.
"""

import asyncio
import logging
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from services.intake import repository
from services.intake.attachment_files import AttachmentFiles
from services.intake.domain.reporter_view import fold
from services.intake.tables import Issue
from shared import audit, idempotency
from shared.clock import Clock
from shared.contracts.intake import ReporterErased
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.ids import is_id, new_id

log = logging.getLogger(__name__)

JOURNAL = "erasures.jsonl"
ATTEMPTS = 8


class NoSuchIssue(LookupError):
    """Neither an issue's id nor its number."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed. `again` tells that the reporter had been erased before."""

    issue_id: str
    number: str
    attachments: int
    again: bool


class Journal:
    """The issues whose reporters were erased, one JSON line each: id, reason and instant, nothing of the person.

    Args:
        folder: where checkpoints are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL

    def add(self, issue_id: str, reason: str, at: datetime) -> None:
        """Write a line; it is on the disk when this returns."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # The line end in front closes a line that a crash cut short.
            file.write(b"\n" + orjson.dumps({"issue_id": issue_id, "reason": reason, "at": at}) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def reasons(self) -> dict[str, str]:
        """Why each issue's reporter was erased, by issue id. Half a line, which a crash left, is passed over: that erasure never began."""
        found: dict[str, str] = {}
        for number, line in enumerate(self._path.read_bytes().splitlines() if self._path.exists() else (), start=1):
            try:
                entry = orjson.loads(line or b"{}")
            except orjson.JSONDecodeError:
                log.warning("line %d of the erasure journal cannot be read", number)
                continue
            if entry:
                found[entry["issue_id"]] = entry["reason"]
        return found


@dataclass(frozen=True)
class Erasure:
    """Erases reporters, given what it needs for it."""

    database: Database
    log: EventLog
    clock: Clock
    files: AttachmentFiles
    journal: Journal

    async def erase(self, issue: str, reason: str, *, who: str) -> Erased:
        """Erase the reporter of an issue, named by id or number. Done twice it removes what is left and appends nothing.

        Raises:
            NoSuchIssue: there is none.
        """
        async with self.database.transaction() as session:
            found = await (repository.issue_by_id(session, issue) if is_id(issue) else repository.issue_by_number(session, issue))
            if found is None:
                raise NoSuchIssue(issue)
            now = await self.clock.now(session)
        await asyncio.to_thread(self.journal.add, found.issue_id, reason, now)
        for attempt in range(ATTEMPTS):
            try:
                files, again = await self._erase(found, reason, who)
                break
            except ConcurrentAppend:
                if attempt == ATTEMPTS - 1:
                    raise
        else:
            raise AssertionError("unreachable")
        for attachment_id in files:
            await self.files.remove(attachment_id)
        return Erased(found.issue_id, found.number, len(files), again)

    async def erase_again(self, *, who: str) -> tuple[Erased, ...]:
        """Erase what the journal names and the database still has, because a backup was restored. Called before the service opens."""
        reasons = await asyncio.to_thread(self.journal.reasons)
        async with self.database.transaction() as session:
            back = await repository.not_erased(session, list(reasons))
        return tuple([await self.erase(issue_id, reasons[issue_id], who=who) for issue_id in back])

    async def _erase(self, issue: Issue, reason: str, who: str) -> tuple[list[str], bool]:
        async with self.database.transaction() as session:
            now = await self.clock.now(session)
            files = await repository.erase(session, issue, now)
            await idempotency.forget(session, issue.issue_id)
            loaded = await self.log.load(session, issue.issue_id)
            again = fold(loaded.events).erased
            if not again:
                await self.log.append(
                    session,
                    issue.issue_id,
                    [ReporterErased(reason=reason)],
                    after=loaded.head,
                    now=now,
                    region=issue.region,
                    correlation_id=new_id(),
                    causation_id=None,
                )
            entry = audit.Entry(
                action="erase_reporter", who=who, region=issue.region, issue_id=issue.issue_id, after={"attachments": len(files)}
            )
            await audit.record(session, entry)
        return files, again
