"""Topics and officers as routing publishes them: what a new issue may name."""

from services.intake import repository
from shared.contracts.routing import DirectoryChanged
from shared.database import Database
from shared.eventlog import EventLog
from shared.regions import Regions


async def seed(database: Database, log: EventLog, regions: Regions) -> int:
    """Read the directory's streams, so that a service with empty tables knows it at once. Returns how many changes were taken over.

    Those that the consumer brings later are upserts of the same rows, oldest first, and end in the same state.
    """
    streams = ("directory", *(f"directory-{county.code[:6]}" for county in regions.counties))
    async with database.transaction() as session:
        recorded = [event for stream in streams for event in (await log.load(session, stream)).events]
        for event in sorted(recorded, key=lambda event: event.id):  # an officer may have moved from one county's stream to another's
            assert isinstance(event.data, DirectoryChanged)
            await repository.apply_directory(session, event.data)
    return len(recorded)
