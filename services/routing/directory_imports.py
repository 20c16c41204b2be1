"""Administrators change the directory: tables of topics, units and officers, all or none of them; and who is on duty."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.accounts import enrol, retire, taken, update_posts
from services.routing.directory import DirectoryHolder, publish
from services.routing.domain.directory import Directory
from services.routing.domain.directory_rows import Difference, Entry, Kind, RowError, Rows, difference, read_rows
from services.routing.domain.directory_tables import ORDER, after, missing, still_used
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

_IN_CHARGE = text("SELECT DISTINCT officer_id FROM issues WHERE state <> 'closed' AND officer_id = ANY(:officers)")


@dataclass(frozen=True, slots=True)
class Imported:
    """What a table changes, or why it cannot be taken. Nothing was changed where any table has errors or in a dry run.

    `former` is the directory that it is compared with, `lines` tells in which row an entry stands.
    """

    difference: Difference
    errors: tuple[RowError, ...]
    former: Directory
    lines: Mapping[str, int]


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

    async def take(
        self, session: AsyncSession, tables: Mapping[Kind, str], *, dry_run: bool, allowed: Allowed, by: str, whole: bool = False
    ) -> Mapping[Kind, Imported]:
        """Read CSVs and publish what differs. Officers get an account without a password where they have none.

        Units may be named by the other tables of the same import. With `whole` a table is all that there is: what it leaves out of the
        administrator's regions is removed, units that nobody names and officers without open issues, whose accounts are disabled.

        Raises:
            Problem: 403 where a row is of a region that `allowed` refuses; topics are of every county.
            ConcurrentAppend: retry in a new transaction.
        """
        former = directory = await self.holder.fresh(session)
        found: dict[Kind, Imported] = {}
        for kind in sorted(tables, key=ORDER.index):
            rows = read_rows(kind, tables[kind], directory, self.regions)
            if not all(allowed(region) for entry in rows.entries for region in self.regions_of(entry)):
                raise Problem("forbidden", 403)
            gone = tuple(entry for entry in missing(kind, rows, directory) if all(map(allowed, self.regions_of(entry)))) if whole else ()
            errors = (*rows.errors, *await self._taken(session, rows), *await self._in_charge(session, gone))
            found[kind] = Imported(difference(rows.entries, former, gone), errors, former, rows.lines)
            directory = after(directory, rows.entries, gone)
        if "units" in found:
            units = found["units"]
            used = tuple(still_used(units.difference.removed, directory))
            found["units"] = Imported(units.difference, (*units.errors, *used), former, units.lines)
        if not dry_run and not any(each.errors for each in found.values()):
            await self._publish_all(session, found, by)
        return found

    async def set_on_duty(self, session: AsyncSession, officer_id: str, *, on_duty: bool, allowed: Allowed, by: str) -> Officer:
        """Put an officer on or off duty; issues that come from now on go elsewhere. Raises `Problem` 404."""
        former = (await self.holder.fresh(session)).officers.get(officer_id)
        if former is None or not all(allowed(region) for region in former.regions):
            raise not_found()
        officer = former.model_copy(update={"on_duty": on_duty})
        if officer != former:
            await self._publish(session, [officer], (), by)
        change = {"officer": officer_id, "on_duty": on_duty}
        await record(session, AuditEntry(action="set_on_duty", status=200, region=former.regions[0], after=change))
        return officer

    async def _publish_all(self, session: AsyncSession, found: Mapping[Kind, Imported], by: str) -> None:
        differences = {kind: each.difference for kind, each in found.items()}
        changed = [entry for each in differences.values() for entry in (*each.added, *each.changed)]
        await self._publish(session, changed, [entry for each in differences.values() for entry in each.removed], by)
        counts = {
            kind: {"added": len(each.added), "changed": len(each.changed), "removed": len(each.removed)}
            for kind, each in differences.items()
        }
        await record(session, AuditEntry(action="import_directory", status=200, after=counts))

    async def _publish(self, session: AsyncSession, entries: Sequence[Entry], removed: Sequence[Entry], by: str) -> None:
        now = await self.clock.now(session)
        officers = [entry for entry in entries if isinstance(entry, Officer)]
        await update_posts(session, officers, now)
        await enrol(session, officers, now)
        await retire(session, [entry.officer_id for entry in removed if isinstance(entry, Officer)], now)
        known = self.holder.current.officers
        moved = [
            known[officer.officer_id]
            for officer in officers
            if officer.officer_id in known and known[officer.officer_id].regions != officer.regions
        ]
        await publish(session, self.log, entries, removed=[*moved, *removed], by=by, now=now, correlation_id=new_id())

    async def _taken(self, session: AsyncSession, rows: Rows) -> list[RowError]:
        officers = [entry.officer_id for entry in rows.entries if isinstance(entry, Officer)]
        refused = await taken(session, officers)
        return [RowError(rows.lines[name], "officer_id", "name_taken") for name in officers if name in refused]

    async def _in_charge(self, session: AsyncSession, removed: Sequence[Entry]) -> list[RowError]:
        officers = [entry.officer_id for entry in removed if isinstance(entry, Officer)]
        busy = (await session.execute(_IN_CHARGE, {"officers": officers})).scalars() if officers else ()
        return [RowError(0, name, "in_charge") for name in sorted(busy)]

    def regions_of(self, entry: Entry) -> tuple[str, ...]:
        """The regions that an entry is of; a topic is of every county."""
        match entry:
            case Officer():
                return entry.regions
            case Unit():
                return (entry.region,)
            case _:
                return tuple(county.code for county in self.regions.counties)
