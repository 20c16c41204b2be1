"""What intake clears away now and then: answers and buckets that are over, uploads that nobody used, files without a row."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.intake.attachment_files import AttachmentFiles
from shared.clock import Clock
from shared.database import Database
from shared.idempotency import purge_expired
from shared.ratelimit import RateLimiter

EVERY = timedelta(hours=1)
UNUSED_AFTER = timedelta(days=7)
"""A receipt is good for a day; a consumer that was down for a week-end may still bind what it stood for."""
ORPHAN_AFTER = timedelta(days=1)
"""A file is written before its row; after a day there will be none."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Housekeeping:
    """Clears away, given what it needs for it."""

    database: Database
    clock: Clock
    files: AttachmentFiles
    limiter: RateLimiter

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep once an hour until `stop` is set. A sweep that fails is logged; the next one does its work."""
        while not stop.is_set():
            try:
                await self.sweep()
            except (SQLAlchemyError, OSError):
                log.exception("the sweep failed")
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait([waiting], timeout=EVERY.total_seconds())
            waiting.cancel()

    async def sweep(self) -> None:
        """One round."""
        await self.limiter.purge()
        async with self.database.transaction() as session:
            await purge_expired(session)
            now = await self.clock.now(session)
            unused = (await session.execute(_UNUSED, {"before": now - UNUSED_AFTER})).scalars().all()
            known = set((await session.execute(_KNOWN)).scalars())
        orphans = [file.attachment_id for file in self.files.all() if file.written_at < now - ORPHAN_AFTER]
        for attachment_id in {*unused, *(orphan for orphan in orphans if orphan not in known)}:
            await self.files.remove(attachment_id)


_UNUSED = text("DELETE FROM attachments WHERE issue_id IS NULL AND created_at < :before RETURNING attachment_id")
_KNOWN = text("SELECT attachment_id FROM attachments")
