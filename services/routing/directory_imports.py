"""Administrators change the directory: a CSV of topics, units or officers, whole or not at all; and who is on duty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.accounts import enrol, taken, update_posts
from services.routing.directory import DirectoryHolder, publish
from services.routing.domain.directory_rows import Difference, Entry, Kind, RowError, difference, key_of, read_rows
from shared.audit import Entry as AuditEntry
from shared.audit import record
from shared.clock import Clock
from shared.contracts.values import Officer, Unit
from shared.eventlog import EventLog
from shared.ids import new_id
from shared.problems import Problem, not_found
from shared.regions import Regions

Allowed = Callable[[str], bool]
"""Whether the administrator may change what is of a region (12-digit code)."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file changes, or why it cannot be taken. Nothing was changed where there are errors or in a dry run."""

    difference: Difference
    errors: tuple[RowError, ...]


@dataclass(frozen=True, slots=True)
class DirectoryImports:
    """Changes the directory in the caller's transaction. Each change is audited.

    Args:
        log: routing's.
        holder: the directory.
        regions: the regions of this deployment.
        clock: dates the changes.
    """

    log: EventLog
    holder: DirectoryHolder
    regions: Regions
    clock: Clock

    async def take(self, session: AsyncSession, kind: Kind, text: str, *, dry_run: bool, allowed: Allowed, by: str) -> Imported:
        """Read a CSV and publish what differs. Officers get an account without a password where they have none.

        Raises:
            Problem: 403 where a row is of a region that `allowed` refuses; topics are of every county.
            ConcurrentAppend: retry in a new transaction.
        """
        directory = await self.holder.fresh(session)
        rows = read_rows(kind, text, directory, self.regions)
        errors = list(rows.errors)
        if not all(allowed(region) for entry in rows.entries for region in self._regions_of(entry)):
            raise Problem("forbidden", 403)
        officers = [entry for entry in rows.entries if isinstance(entry, Officer)]
        refused = await taken(session, [officer.officer_id for officer in officers])
        errors += [
            RowError(rows.lines[key_of(officer)], "officer_id", "name_taken") for officer in officers if officer.officer_id in refused
        ]
        found = difference(rows.entries, directory)
        if not errors and not dry_run:
            await self._publish(session, [*found.added, *found.changed], by)
            counts = {"added": len(found.added), "changed": len(found.changed)}
            await record(session, AuditEntry(action="import_directory", status=200, after={"kind": kind, **counts}))
        return Imported(found, tuple(errors))

    async def set_on_duty(self, session: AsyncSession, officer_id: str, *, on_duty: bool, allowed: Allowed, by: str) -> Officer:
        """Put an officer on or off duty; issues that come from now on go elsewhere. Raises `Problem` 404."""
        former = (await self.holder.fresh(session)).officers.get(officer_id)
        if former is None or not all(allowed(region) for region in former.regions):
            raise not_found()
        officer = former.model_copy(update={"on_duty": on_duty})
        if officer != former:
            await self._publish(session, [officer], by)
        change = {"officer": officer_id, "on_duty": on_duty}
        await record(session, AuditEntry(action="set_on_duty", status=200, region=former.regions[0], after=change))
        return officer

    async def _publish(self, session: AsyncSession, entries: Sequence[Entry], by: str) -> None:
        now = await self.clock.now(session)
        officers = [entry for entry in entries if isinstance(entry, Officer)]
        await update_posts(session, officers, now)
        await enrol(session, officers, now)
        known = self.holder.current.officers
        moved = [
            known[officer.officer_id]
            for officer in officers
            if officer.officer_id in known and known[officer.officer_id].regions != officer.regions
        ]
        await publish(session, self.log, entries, removed=moved, by=by, now=now, correlation_id=new_id())

    def _regions_of(self, entry: Entry) -> tuple[str, ...]:
        match entry:
            case Officer():
                return entry.regions
            case Unit():
                return (entry.region,)
            case _:
                return tuple(county.code for county in self.regions.counties)
