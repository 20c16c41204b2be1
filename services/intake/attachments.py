"""Uploads and downloads of photos and documents."""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from services.intake import media
from services.intake.attachment_files import AttachmentFiles
from services.intake.domain.reporter_view import fold
from services.intake.media import Media
from services.intake.tables import Attachment, Issue
from shared import audit, idempotency
from shared.clock import Clock
from shared.contracts.intake import AttachmentAdded
from shared.contracts.values import Evidence
from shared.database import Database
from shared.eventlog import ConcurrentAppend, EventLog
from shared.idempotency import Answer, Claim
from shared.ids import new_id
from shared.problems import Problem, not_found, unavailable
from shared.receipts import Receipts

log = logging.getLogger(__name__)

DRAWN_AT_ONCE = 2
"""Pictures being redrawn side by side: each may take 300 MB for a moment."""
ATTEMPTS = 8


@dataclass(frozen=True)
class Attachments:
    """What intake does with attachments, given what it needs for it."""

    database: Database
    log: EventLog
    clock: Clock
    files: AttachmentFiles
    receipts: Receipts
    drawing: asyncio.Semaphore

    async def upload(self, content: bytes, *, uploaded_by: str, issue: Issue | None, claimed: Claim) -> Response:
        """Keep a file: 201 with its signed receipt. Where it names an issue, the issue's stream tells of it.

        Raises:
            Problem: 415 for content that is no photo and no PDF, 422 for one that is broken or dangerous.
        """
        async with self.database.transaction() as session:
            if stored := await idempotency.replay(session, claimed):
                return stored.response()
        kept = await self._examined(content)
        attachment_id = new_id()
        await self._write(attachment_id, kept.content)
        try:
            response, used = await self._record(attachment_id, kept, uploaded_by, issue, claimed)
        except BaseException:
            await self.files.remove(attachment_id)
            raise
        if not used:
            await self.files.remove(attachment_id)
        return response

    async def download(self, session: AsyncSession, found: Attachment, *, who: str | None) -> Response:
        """The file, with headers that keep a browser from taking it for a page; the read is audited."""
        try:
            content = await self.files.read(found.attachment_id)
        except FileNotFoundError:
            log.error("the file of attachment %s is missing", found.attachment_id)  # noqa: TRY400  # the path tells nothing more
            raise not_found() from None
        after = {"attachment_id": found.attachment_id}
        await audit.record(session, audit.Entry(action="read_attachment", status=200, who=who, issue_id=found.issue_id, after=after))
        kind = found.media_type.rpartition("/")[2]
        disposition = "attachment" if kind == "pdf" else "inline"
        headers = {
            "Content-Disposition": f'{disposition}; filename="{found.attachment_id}.{kind}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        }
        return Response(content, 200, headers, found.media_type)

    async def _write(self, attachment_id: str, content: bytes) -> None:
        try:
            await self.files.write(attachment_id, content)
        except OSError as error:
            log.warning("attachments cannot be written: %s", error.strerror)
            raise unavailable() from None

    async def _examined(self, content: bytes) -> Media:
        try:
            async with self.drawing:
                return await asyncio.to_thread(media.examined, content)
        except media.Refused as error:
            raise Problem(error.code, 415 if error.code == "media_not_supported" else 422) from None

    async def _record(
        self, attachment_id: str, kept: Media, uploaded_by: str, issue: Issue | None, claimed: Claim
    ) -> tuple[Response, bool]:
        """The answer, and whether it is about this file: a request that came at the same time may have been first."""
        for attempt in range(ATTEMPTS):
            try:
                async with self.database.transaction() as session:
                    if stored := await idempotency.replay(session, claimed):
                        return stored.response(), False
                    answer = await self._add(session, attachment_id, kept, uploaded_by, issue)
                    await idempotency.remember(session, claimed, answer, issue_id=issue.issue_id if issue else None)
                return answer.response(), True
            except ConcurrentAppend:
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _add(self, session: AsyncSession, attachment_id: str, kept: Media, uploaded_by: str, issue: Issue | None) -> Answer:
        now = await self.clock.now(session)
        evidence = Evidence(attachment_id=attachment_id, sha256=kept.sha256, media_type=kept.media_type)
        if issue:
            await self._append(session, issue, evidence)
        session.add(
            Attachment(
                attachment_id=attachment_id,
                issue_id=issue.issue_id if issue else None,
                uploaded_by=uploaded_by,
                media_type=kept.media_type,
                size=len(kept.content),
                sha256=kept.sha256,
                created_at=now,
            )
        )
        await session.flush()
        after = {"attachment_id": attachment_id, "media_type": kept.media_type, "size": len(kept.content)}
        await audit.record(session, audit.Entry(action="upload", status=201, issue_id=issue.issue_id if issue else None, after=after))
        receipt = self.receipts.issue(evidence, now=now)
        answer = {"attachment_id": attachment_id, "media_type": kept.media_type, "sha256": kept.sha256, "receipt": receipt}
        return Answer(201, answer, {"Location": f"/api/intake/v1/attachments/{attachment_id}"})

    async def _append(self, session: AsyncSession, issue: Issue, evidence: Evidence) -> None:
        loaded = await self.log.load(session, issue.issue_id)
        if fold(loaded.events).erased:
            raise Problem("reporter_erased", 410)
        await self.log.append(
            session,
            issue.issue_id,
            [AttachmentAdded(evidence=evidence)],
            after=loaded.head,
            now=await self.clock.now(session),
            region=issue.region,
            correlation_id=new_id(),
            causation_id=None,
        )
