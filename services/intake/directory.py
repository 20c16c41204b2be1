"""Topics and officers as routing publishes them: what a new issue may name."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake import repository
from shared.contracts.routing import DirectoryChanged
from shared.database import Database
from shared.eventlog import EventLog
from shared.regions import Regions

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('intake seed'))")
"""Replicas that start together seed one after the other; the second sees what the first has committed."""


async def seed(database: Database, log: EventLog, regions: Regions) -> int:
    """Read the directory's streams, so that a service with empty tables knows it at once. Returns how many changes were taken over.

    Those that the consumer brings later are upserts of the same rows, oldest first, and end in the same state. Where another replica has
    been here before, its consumer may already have brought newer ones than this one would read: then nothing is done.
    """
    streams = ("directory", *(f"directory-{county.code[:6]}" for county in regions.counties))
    async with database.transaction() as session:
        await session.execute(_ONE_AT_A_TIME)
        if not await _is_empty(session):
            return 0
        recorded = [event for stream in streams for event in (await log.load(session, stream)).events]
        for event in sorted(recorded, key=lambda event: event.id):  # an officer may have moved from one county's stream to another's
            assert isinstance(event.data, DirectoryChanged)
            await repository.apply_directory(session, event.data)
    return len(recorded)


async def _is_empty(session: AsyncSession) -> bool:
    try:
        await repository.topics_known(session, [])
    except repository.DirectoryEmpty:
        return True
    return False
