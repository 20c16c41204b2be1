"""What became of a message, written to the rows and, for reporters, appended to the issue's stream in the same transaction."""

from datetime import datetime
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify.domain.delivery import WITH_RECEIPTS, MessageState, NoticeState
from services.notify.domain.notice import REPORTER, message_id
from services.notify.tables import MessageRow, NoticeRow
from shared.contracts.notify import NoticeChannel, NoticeDelivered, NoticeFailed, NoticeKind
from shared.eventlog import EventLog
from shared.metrics import NOTICES


class Outcomes:
    """Writes outcomes. Only notices to reporters are told to the log; staff's stand in the table alone."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def accepted(self, session: AsyncSession, notice: NoticeRow, message: MessageRow, *, final: bool, now: datetime) -> None:
        """The channel took the message; `final` when no receipt will follow."""
        message.state, message.reason = "accepted", None
        message.accepted_at, message.awaits_receipt = now, not final
        message.ended_at = now if final else None
        _settle(notice, "accepted", now if final else None)
        await self._tell_delivered(session, notice, message, "accepted", now)

    async def delivered(self, session: AsyncSession, notice: NoticeRow, message: MessageRow, *, now: datetime) -> None:
        """The message reached the phone, as its receipt says; whatever was still to be tried is not."""
        message.state, message.reason = "delivered", None
        message.awaits_receipt, message.ended_at = False, now
        message.accepted_at = message.accepted_at or now
        _settle(notice, "delivered", now)
        await self._tell_delivered(session, notice, message, "delivered", now)

    def channel_failed(self, notice: NoticeRow, message: MessageRow, reason: str, *, now: datetime) -> None:
        """This channel is used up: the notice is due again at once, on the next one or to be given up."""
        message.state, message.reason = "failed", reason
        message.awaits_receipt, message.ended_at = False, now
        NOTICES.labels(notice.kind, message.channel, "channel_failed").inc()
        if notice.state in ("queued", "accepted"):
            notice.state, notice.due_at, notice.claim, notice.ended_at = "queued", now, None, None

    async def gave_up(self, session: AsyncSession, notice: NoticeRow, channel: str | None, reason: str, *, now: datetime) -> None:
        """No channel is left: the notice failed for good."""
        _settle(notice, "failed", now)
        notice.reason = reason
        NOTICES.labels(notice.kind, channel or "none", "failed").inc()
        if notice.recipient == REPORTER:
            await self._append(
                session,
                notice,
                NoticeFailed(
                    notice_id=notice.notice_id,
                    kind=cast(NoticeKind, notice.kind),
                    channel=cast(NoticeChannel | None, channel),
                    reason=reason,
                    event_id=notice.event_id,
                    event_version=notice.event_version,
                ),
                now,
            )

    def unsent(self, notice: NoticeRow, state: NoticeState, reason: str, *, now: datetime) -> None:
        """It ends without being sent and without the log hearing of it: merged, too old, or staff without an address."""
        _settle(notice, state, now)
        notice.reason = reason
        NOTICES.labels(notice.kind, "none", state).inc()

    async def told(self, session: AsyncSession, notice: NoticeRow) -> NoticeDelivered | NoticeFailed | None:
        """What the log says last of this notice: not None where it was sent before our own rows were lost and made again."""
        loaded = await self._log.load(session, notice.issue_id or "")
        ours = [
            recorded.data
            for recorded in loaded.events
            if isinstance(recorded.data, NoticeDelivered | NoticeFailed) and recorded.data.notice_id == notice.notice_id
        ]
        return ours[-1] if ours else None

    def restore(self, session: AsyncSession, notice: NoticeRow, told: NoticeDelivered | NoticeFailed, *, now: datetime) -> None:
        """Make the rows say again what the log says, and send nothing; a receipt that is still to come finds its message."""
        if isinstance(told, NoticeFailed):
            self.unsent(notice, "failed", told.reason, now=now)
            return
        waits = told.stage == "accepted" and told.channel in WITH_RECEIPTS
        session.add(
            MessageRow(
                message_id=message_id(notice.notice_id, told.channel, notice.round),
                notice_id=notice.notice_id,
                channel=told.channel,
                round=notice.round,
                masked="",
                state=told.stage,
                tries=1,
                awaits_receipt=waits,
                first_tried_at=now,
                accepted_at=now,
                ended_at=None if waits else now,
            )
        )
        _settle(notice, told.stage, None if waits else now)

    async def _tell_delivered(
        self, session: AsyncSession, notice: NoticeRow, message: MessageRow, stage: MessageState, now: datetime
    ) -> None:
        NOTICES.labels(notice.kind, message.channel, stage).inc()
        if notice.recipient != REPORTER:
            return
        event = NoticeDelivered(
            notice_id=notice.notice_id,
            kind=cast(NoticeKind, notice.kind),
            channel=cast(NoticeChannel, message.channel),
            stage="accepted" if stage == "accepted" else "delivered",
            event_id=notice.event_id,
            event_version=notice.event_version,
        )
        await self._append(session, notice, event, now)

    async def _append(self, session: AsyncSession, notice: NoticeRow, event: NoticeDelivered | NoticeFailed, now: datetime) -> None:
        stream = notice.issue_id or ""
        loaded = await self._log.load(session, stream)
        await self._log.append(
            session,
            stream,
            [event],
            after=loaded.head,
            now=now,
            region=notice.region,
            correlation_id=notice.correlation_id,
            causation_id=notice.event_id,
        )


def _settle(notice: NoticeRow, state: NoticeState, ended_at: datetime | None) -> None:
    notice.state, notice.claim, notice.reason, notice.ended_at = state, None, None, ended_at
