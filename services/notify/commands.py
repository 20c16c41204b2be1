"""What people ask of notify: which notices an issue had, and (operators) to send one again."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.domain.errors import NoticeStillQueued, UnknownNotice
from services.notify.domain.state import Issue
from services.notify.tables import MessageRow, NoticeRow
from shared.clock import Clock
from shared.web.cursors import cursor_after


class MessageView(BaseModel):
    """A notice on one channel. `to` is masked."""

    channel: str
    to: str
    state: str
    reason: str | None
    tries: int
    first_tried_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None


class NoticeView(BaseModel):
    """A notice as staff see it. `recipient` is `reporter`, `officer:<officer_id>` or `role:<role>@<region>`."""

    notice_id: str
    event: str
    event_version: int
    kind: str
    recipient: str
    state: str
    reason: str | None
    queued_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    messages: list[MessageView]


class FailedNotice(NoticeView):
    """A notice that failed for good, as operators see it. Both are null where it is about no issue."""

    issue_id: str | None
    number: str | None


class FailedNotices(BaseModel):
    """A page of them, newest first; `next` is the cursor of the following one. `reasons`: how many failed altogether, by reason."""

    items: list[FailedNotice]
    next: str | None
    reasons: dict[str, int]


class Commands:
    """Reads and resends. Each method runs inside the caller's transaction."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def now(self, session: AsyncSession) -> datetime:
        """The instant by which notices are due."""
        return await self._clock.now(session)

    async def issue(self, session: AsyncSession, issue_id: str) -> Issue | None:
        """The issue, for the caller's rights; None while no event of it has come."""
        return await repository.issue(session, issue_id)

    async def notices(self, session: AsyncSession, issue_id: str) -> list[NoticeView]:
        """What was told of an issue, oldest first; for each event the reporter's notice before those to staff."""
        return [_view(notice, messages) for notice, messages in await repository.notices_of(session, issue_id)]

    async def failed(
        self,
        session: AsyncSession,
        *,
        reason: str | None = None,
        channel: str | None = None,
        issue_id: str | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int,
    ) -> FailedNotices:
        """Notices that failed for good, newest first. `after` is the end and the id of the last one of the page before."""
        rows = await repository.failed(session, reason=reason, channel=channel, issue_id=issue_id, after=after, limit=limit + 1)
        items = [
            FailedNotice(**_view(notice, messages).model_dump(), issue_id=notice.issue_id, number=number)
            for notice, number, messages in rows[:limit]
        ]
        last = rows[limit - 1][0] if len(rows) > limit else None
        return FailedNotices(
            items=items,
            next=cursor_after(last.ended_at, last.notice_id) if last and last.ended_at else None,
            reasons=await repository.failed_by_reason(session),
        )

    async def resend(self, session: AsyncSession, notice_id: str) -> NoticeRow:
        """Queue a notice once more, with a new message id, on every channel anew.

        Raises:
            UnknownNotice: there is none with this id.
            NoticeStillQueued: it is not done with yet.
        """
        notice = await repository.locked(session, notice_id)
        if notice is None:
            raise UnknownNotice(notice_id)
        if notice.state == "queued":
            raise NoticeStillQueued(notice_id)
        notice.state, notice.reason, notice.claim, notice.ended_at = "queued", None, None, None
        notice.round, notice.stumbles = notice.round + 1, 0
        notice.due_at = await self._clock.now(session)
        return notice


def _view(notice: NoticeRow, messages: Sequence[MessageRow]) -> NoticeView:
    return NoticeView(
        notice_id=notice.notice_id,
        event=notice.event_name,
        event_version=notice.event_version,
        kind=notice.kind,
        recipient=notice.recipient,
        state=notice.state,
        reason=notice.reason,
        queued_at=notice.queued_at,
        next_try_at=notice.due_at if notice.state == "queued" else None,
        ended_at=notice.ended_at,
        messages=[
            MessageView(
                channel=message.channel,
                to=message.masked or "***",
                state=message.state,
                reason=message.reason,
                tries=message.tries,
                first_tried_at=message.first_tried_at,
                accepted_at=message.accepted_at,
                ended_at=message.ended_at,
            )
            for message in messages
        ],
    )
