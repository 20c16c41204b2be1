"""What a new deployment starts with: topics and units from files; for the demo also a cadre, officers and dispatchers for every place.

Safe to run at every start: what is there is left as it is.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.accounts import enrol, names
from services.routing.directory import DirectoryHolder, publish
from services.routing.domain.directory import DISPATCH_UNITS, VILLAGE_COMMITTEE, Directory, unit_id
from services.routing.domain.directory_rows import LEVELS_OF_ROLE
from services.routing.passwords import DEMO_PASSWORD, Passwords
from shared.clock import Clock
from shared.contracts.values import Officer, Topic, Unit
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.ids import new_id
from shared.regions import Region, Regions

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('routing seed'))")
"""Replicas that start together decide what is missing one after the other; the second sees what the first has committed."""

_ATTEMPTS = 5
"""Replicas that start together seed together: each try of one ends that of another, so as many tries as replicas are enough."""


async def seed(
    database: Database, log: EventLog, holder: DirectoryHolder, regions: Regions, clock: Clock, *, folder: Path, demo: Passwords | None
) -> None:
    """Publish what is missing.

    Args:
        database: routing's.
        log: routing's.
        holder: the directory; current afterwards.
        regions: every region gets its units.
        clock: dates the events.
        folder: holds `topics.csv` and `units.csv`.
        demo: hashes the demo's password; None where there is no demo.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with database.transaction() as session:
                await _seed_directory(session, log, holder, regions, await clock.now(session), folder)
            if demo is not None:
                async with database.transaction() as session:
                    await _seed_demo(session, log, holder, regions, await clock.now(session), demo)
            async with database.transaction() as session:
                await holder.fresh(session)
        except ConcurrentAppend:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


async def _seed_directory(
    session: AsyncSession, log: EventLog, holder: DirectoryHolder, regions: Regions, now: datetime, folder: Path
) -> None:
    await session.execute(_ONE_AT_A_TIME)
    directory = await holder.fresh(session)
    served = {unit.region for unit in directory.units.values()}
    entries = [
        *([] if directory.topics else topics_of(folder)),
        *(unit for unit in units_of(folder, regions) if unit.region not in served),
    ]
    await publish(session, log, entries, by=None, now=now, correlation_id=new_id())


async def _seed_demo(
    session: AsyncSession, log: EventLog, holder: DirectoryHolder, regions: Regions, now: datetime, passwords: Passwords
) -> None:
    await session.execute(_ONE_AT_A_TIME)
    known = await names(session)
    wanted = [*demo_posts(await holder.fresh(session), regions), *demo_staff()]
    missing = [officer for officer in wanted if officer.officer_id not in known]
    if missing:
        await enrol(session, missing, now, password_hash=passwords.hash(DEMO_PASSWORD))
        posts = [officer for officer in missing if officer.role in LEVELS_OF_ROLE]
        await publish(session, log, posts, by=None, now=now, correlation_id=new_id())


def topics_of(folder: Path) -> list[Topic]:
    """The topics of `folder/topics.csv`."""
    return [Topic.model_validate(row) for row in _rows(folder / "topics.csv")]


def units_of(folder: Path, regions: Regions) -> Iterator[Unit]:
    """The units of `folder/units.csv` at each region of their level, and the committee of each village."""
    templates = _rows(folder / "units.csv")
    for region in regions:
        if region.level == "village":
            yield _unit(region, VILLAGE_COMMITTEE, "村民委员会", "Village committee")
        for row in templates:
            if row["level"] == region.level:
                yield _unit(region, row["code"], row["zh"], row["en"])


def demo_posts(directory: Directory, regions: Regions) -> Iterator[Officer]:
    """A cadre for each village; an officer, member of every unit, and a dispatcher for each township and county.

    Each county also has a supervisor, without a unit.
    """
    units: dict[str, list[str]] = {}
    for unit in directory.units.values():
        units.setdefault(unit.region, []).append(unit.unit_id)
    for region in regions:
        every = tuple(sorted(units.get(region.code, ())))
        if region.level == "village":
            yield _post("cadre", region, f"{region.name}驻村干部", every)
            continue
        desk = "便民服务中心" if region.level == "township" else "政务服务中心"
        yield _post("officer", region, f"{region.name}经办岗", every)
        yield _post("dispatcher", region, f"{region.name}{desk}值班岗", (unit_id(region.code, DISPATCH_UNITS[region.level]),))
        if region.level == "county":
            yield _post("supervisor", region, f"{region.name}督办室", ())


def demo_staff() -> Iterator[Officer]:
    """The accounts without a post."""
    for name, role, title in (
        ("admin", "admin", "时限管理岗"),
        ("admin2", "admin", "时限管理复核岗"),
        ("operator", "operator", "运行维护岗"),
        ("auditor", "auditor", "审计岗"),
    ):
        yield Officer(officer_id=name, name=title, role=role, regions=(), units=(), email=_email(name))


def _post(role: str, region: Region, name: str, units: tuple[str, ...]) -> Officer:
    officer_id = f"{role}-{region.code}"
    return Officer(officer_id=officer_id, name=name, role=role, regions=(region.code,), units=units, email=_email(officer_id))


def _email(name: str) -> str:
    """An address that can never be anybody's (RFC 2606); the demo's mail goes to a sink anyway."""
    return f"{name}@huiyin.example"


def _unit(region: Region, code: str, zh: str, en: str) -> Unit:
    return Unit(unit_id=unit_id(region.code, code), region=region.code, code=code, zh=zh, en=en)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
