"""What happens with one claimed notice: whether it is still needed, the way it takes, its text, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.channels import Channel, Outgoing
from services.notify.domain.addresses import Way
from services.notify.domain.delivery import MERGEABLE, Accepted, Attempt, Refused, delay_after, next_way
from services.notify.domain.notice import REPORTER, Facts, message_id
from services.notify.outcomes import Outcomes, appending
from services.notify.recipients import Reach, Recipients
from services.notify.tables import MessageRow, NoticeRow
from services.notify.texts import SMS_LIMIT, Subject, Text, Texts, UnitNames
from shared.clock import Clock
from shared.contracts.notify import NoticeChannel
from shared.database import Database

STUMBLES = 10
"""Mistakes of ours (not of a gateway) on one notice, after which it fails rather than go round for ever."""

MAIL_LIMIT = 4000
"""Characters of a mail's text; far more than any template fills."""


class Sending:
    """The steps of one notice.

    Args:
        database: own rows and the log.
        clock: the one clock.
        outcomes: records what became of a message.
        recipients: who and where.
        texts: renders.
        channels: by name; a channel that is missing here is one that the deployment does not have.
        delays: waits between tries on a channel.
        merge_after: see `Settings.notice_merge_after`.
        staff_max_age: see `Settings.notice_staff_max_age`.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        outcomes: Outcomes,
        recipients: Recipients,
        texts: Texts,
        channels: Mapping[NoticeChannel, Channel],
        delays: Sequence[timedelta],
        merge_after: timedelta,
        staff_max_age: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outcomes = outcomes
        self._recipients = recipients
        self._texts = texts
        self._channels = channels
        self._delays = delays
        self._merge_after = merge_after
        self._staff_max_age = staff_max_age

    async def needless(self, session: AsyncSession, notice: NoticeRow, now: datetime) -> bool:
        """Whether the notice ends unsent: told before our rows were lost, overtaken by a later one, or too old for staff."""
        age = now - notice.event_at
        if notice.round > 0 or await repository.messages_of(session, notice):
            return False
        if notice.recipient != REPORTER:
            if age > self._staff_max_age:
                self._outcomes.unsent(notice, "skipped", "too_old", now=now)
                return True
            return False
        told = await self._outcomes.told(session, notice)
        if told is not None:
            self._outcomes.restore(session, notice, told, now=now)
            return True
        if notice.kind in MERGEABLE and age > self._merge_after and await repository.give_way(session, notice):
            self._outcomes.unsent(notice, "superseded", "told_with_a_later_one", now=now)
            return True
        return False

    async def send(self, claimed: NoticeRow) -> None:
        """Look the recipient up, render, send and record. Raises `ContactsUnavailable`."""
        reach = await self._recipients.reach(claimed)
        begun = await appending(self._database, lambda session: self._begin(session, claimed, reach))
        if begun is None or reach is None:
            return
        way, message, subject, units, now = begun
        text = self._render(claimed, reach, way, subject, units, now)
        outgoing = Outgoing(message.message_id, way.to, text.subject, text.body, now)
        attempt = await self._channels[way.channel].send(outgoing)
        await appending(self._database, lambda session: self._record(session, claimed, message.message_id, attempt))

    async def _begin(
        self, session: AsyncSession, claimed: NoticeRow, reach: Reach | None
    ) -> tuple[Way, MessageRow, Subject | None, UnitNames, datetime] | None:
        """Choose the way and write the message row, before anything leaves. None when the notice ended here, or is no longer ours."""
        notice = await repository.locked(session, claimed.notice_id, claim=claimed.claim)
        if notice is None:
            return None
        now = await self._clock.now(session)
        messages = await repository.messages_of(session, notice)
        failed = [message for message in messages if message.state == "failed"]
        way = next_way(reach.ways if reach else (), frozenset(message.channel for message in failed))  # pyright: ignore[reportArgumentType]
        if way is None:
            last = failed[-1] if failed else None
            reason = (last.reason if last else None) or ("no_contact" if reach is None else "no_address")
            if notice.recipient == REPORTER or last:
                await self._outcomes.gave_up(session, notice, last.channel if last else None, reason, now=now)
            else:
                self._outcomes.unsent(notice, "skipped", reason, now=now)
            return None
        identity = message_id(notice.notice_id, way.channel, notice.round)
        message = next((known for known in messages if known.message_id == identity), None) or MessageRow(
            message_id=identity,
            notice_id=notice.notice_id,
            channel=way.channel,
            round=notice.round,
            masked=way.masked,
            first_tried_at=now,
        )
        message.tries += 1
        session.add(message)
        issue = await repository.issue(session, notice.issue_id) if notice.issue_id else None
        subject = Subject(issue.number, issue.title, issue.region) if issue else None
        units = UnitNames(await repository.unit_names(session, _units_in(Facts.model_validate(notice.facts))))
        return way, message, subject, units, now

    def _render(self, notice: NoticeRow, reach: Reach, way: Way, subject: Subject | None, units: UnitNames, now: datetime) -> Text:
        facts = Facts.model_validate(notice.facts)
        if notice.recipient != REPORTER or subject is None:
            return self._texts.for_staff(notice.kind, facts, subject, units, language=reach.language, now=now)
        return self._texts.for_reporter(
            notice.kind,
            facts,
            subject,
            units,
            language=reach.language,
            now=now,
            name=reach.name,
            link=reach.link,
            limit=SMS_LIMIT if way.channel == "sms" else MAIL_LIMIT,
        )

    async def _record(self, session: AsyncSession, claimed: NoticeRow, message_id: str, attempt: Attempt) -> None:
        notice = await repository.locked(session, claimed.notice_id, claim=claimed.claim)
        message = await repository.message(session, message_id)
        if notice is None or message is None or message.state != "sending":
            return  # Another worker took over after our lease, or the receipt was here first.
        now = await self._clock.now(session)
        match attempt:
            case Accepted(final=final):
                await self._outcomes.accepted(session, notice, message, final=final, now=now)
            case Refused(reason=reason):
                self._outcomes.channel_failed(notice, message, reason, now=now)
            case retry:
                delay = delay_after(message.tries, self._delays)
                if delay is None:
                    self._outcomes.channel_failed(notice, message, retry.reason, now=now)
                else:
                    message.reason, notice.claim, notice.due_at = retry.reason, None, now + delay

    async def put_back(self, claimed: NoticeRow, delay: timedelta) -> None:
        """Give the claim up, untried; due again after `delay`."""
        async with self._database.transaction() as session:
            notice = await repository.locked(session, claimed.notice_id, claim=claimed.claim)
            if notice is not None:
                notice.claim, notice.due_at = None, await self._clock.now(session) + delay

    async def stumble(self, claimed: NoticeRow, *, again_after: timedelta) -> None:
        """Count a mistake of ours, and after `STUMBLES` of them let the notice fail: it must not go round for ever in silence."""

        async def work(session: AsyncSession) -> None:
            notice = await repository.locked(session, claimed.notice_id, claim=claimed.claim)
            if notice is None:
                return
            now = await self._clock.now(session)
            notice.stumbles += 1
            notice.claim, notice.due_at = None, now + again_after
            if notice.stumbles >= STUMBLES:
                await self._outcomes.gave_up(session, notice, None, "internal_error", now=now)

        await appending(self._database, work)


def _units_in(facts: Facts) -> list[str]:
    handlers = (facts.handler, facts.from_handler, *(task.handler for task in facts.tasks))
    return [handler.unit for handler in handlers if handler]
