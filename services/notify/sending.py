"""What happens with one claimed notice: whether it is still needed, the way it takes, its text, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.notify import repository
from services.notify.channels import Channel, Outgoing
from services.notify.domain.addresses import Way
from services.notify.domain.delivery import MERGEABLE, Accepted, Attempt, Refused, delay_after, next_way
from services.notify.domain.notice import REPORTER, Facts, message_id
from services.notify.outcomes import Outcomes
from services.notify.recipients import Reach, Recipients
from services.notify.tables import MessageRow, NoticeRow
from services.notify.texts import SMS_LIMIT, Subject, Text, Texts, UnitNames
from shared.clock import Clock
from shared.contracts.notify import NoticeChannel
from shared.database import Database
from shared.transactions import appending, one_transaction

STUMBLES = 10
"""Mistakes of ours (not of a gateway) on one notice, after which it fails rather than go round for ever."""

MAIL_LIMIT = 4000
"""Characters of a mail's text; far more than any template fills."""

GATHER = 0.02
"""Seconds in which others may join: a gateway's answer stays unrecorded so much longer, and a crash then repeats that message."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A notice whose message row is written, with all that its text needs."""

    reach: Reach
    way: Way
    message_id: str
    facts: Facts
    subject: Subject | None
    units: UnitNames
    at: datetime


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
        self._beginning = one_transaction(database, self._begin_all, gather=GATHER)
        self._recording = one_transaction(database, self._record_all, gather=GATHER)

    async def end_needless(self, session: AsyncSession, claimed: Sequence[NoticeRow], now: datetime) -> None:
        """End those that need not be sent: told before our rows were lost, overtaken by a later one, or too old for staff."""
        tried = await repository.messages_of(session, claimed)
        for notice in claimed:
            if notice.round == 0 and not tried[notice.notice_id]:
                await self._end_if_needless(session, notice, now)

    async def _end_if_needless(self, session: AsyncSession, notice: NoticeRow, now: datetime) -> None:
        age = now - notice.event_at
        if notice.recipient != REPORTER:
            if age > self._staff_max_age:
                self._outcomes.unsent(notice, "skipped", "too_old", now=now)
            return
        told = await self._outcomes.told(session, notice)
        if told is not None:
            self._outcomes.restore(session, notice, told, now=now)
        elif notice.kind in MERGEABLE and age > self._merge_after and await repository.give_way(session, notice):
            self._outcomes.unsent(notice, "superseded", "told_with_a_later_one", now=now)

    async def send(self, claimed: NoticeRow) -> None:
        """Look the recipient up, render, send and record. Raises `ContactsUnavailable`.

        Transactions are shared with other notices that are sent at the same time.
        """
        reporter = await self._recipients.reporter(claimed.issue_id or "") if claimed.recipient == REPORTER else None
        begun = await self._beginning((claimed, reporter))
        if begun is None:
            return
        text = self._render(claimed, begun)
        outgoing = Outgoing(begun.message_id, begun.way.to, text.subject, text.body, begun.at)
        attempt = await self._channels[begun.way.channel].send(outgoing)
        await self._recording((claimed, begun.message_id, attempt))

    async def _begin_all(self, session: AsyncSession, asked: Sequence[tuple[NoticeRow, Reach | None]]) -> list[Begun | None]:
        """Choose the ways and write the message rows, before anything leaves. None for a notice that ended here, or is no longer ours."""
        ours = await repository.held(session, [claimed for claimed, _ in asked])
        now = await self._clock.now(session)
        tried = await repository.messages_of(session, list(ours.values()))
        staff = await self._recipients.staff(session, {notice.recipient for notice in ours.values() if notice.recipient != REPORTER})
        issues = await repository.issues(session, [notice.issue_id for notice in ours.values() if notice.issue_id])
        facts = {identity: Facts.model_validate(notice.facts) for identity, notice in ours.items()}
        units = UnitNames(await repository.unit_names(session, [unit for each in facts.values() for unit in _units_in(each)]))
        begun: dict[str, Begun] = {}
        for claimed, reporter in sorted(asked, key=_issue_of):
            notice = ours.get(claimed.notice_id)
            if notice is None:
                continue
            reach = reporter if notice.recipient == REPORTER else staff.get(notice.recipient)
            chosen = await self._begin(session, notice, reach, tried[notice.notice_id], now)
            if reach is None or chosen is None:
                continue
            way, message = chosen
            issue = issues.get(notice.issue_id or "")
            subject = Subject(issue.number, issue.title, issue.region) if issue else None
            begun[notice.notice_id] = Begun(reach, way, message.message_id, facts[notice.notice_id], subject, units, now)
        return [begun.get(claimed.notice_id) for claimed, _ in asked]

    async def _begin(
        self, session: AsyncSession, notice: NoticeRow, reach: Reach | None, tried: Sequence[MessageRow], now: datetime
    ) -> tuple[Way, MessageRow] | None:
        failed = [message for message in tried if message.state == "failed"]
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
        message = next((known for known in tried if known.message_id == identity), None) or MessageRow(
            message_id=identity,
            notice_id=notice.notice_id,
            channel=way.channel,
            round=notice.round,
            masked=way.masked,
            first_tried_at=now,
        )
        message.tries += 1
        session.add(message)
        return way, message

    def _render(self, notice: NoticeRow, begun: Begun) -> Text:
        reach, facts, subject, units, now = begun.reach, begun.facts, begun.subject, begun.units, begun.at
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
            limit=SMS_LIMIT if begun.way.channel == "sms" else MAIL_LIMIT,
        )

    async def _record_all(self, session: AsyncSession, attempts: Sequence[tuple[NoticeRow, str, Attempt]]) -> list[None]:
        ours = await repository.held(session, [claimed for claimed, _, _ in attempts])
        tried = await repository.messages_of(session, list(ours.values()))
        now = await self._clock.now(session)
        for claimed, identity, attempt in sorted(attempts, key=_issue_of):
            notice = ours.get(claimed.notice_id)
            message = next((each for each in tried.get(claimed.notice_id, ()) if each.message_id == identity), None)
            # Else another worker took over after our lease, or the receipt was here first.
            if notice is not None and message is not None and message.state == "sending":
                await self._record(session, notice, message, attempt, now)
        return [None] * len(attempts)

    async def _record(self, session: AsyncSession, notice: NoticeRow, message: MessageRow, attempt: Attempt, now: datetime) -> None:
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
            notice = (await repository.held(session, [claimed])).get(claimed.notice_id)
            if notice is not None:
                notice.claim, notice.due_at = None, await self._clock.now(session) + delay

    async def stumble(self, claimed: NoticeRow, *, again_after: timedelta) -> None:
        """Count a mistake of ours, and after `STUMBLES` of them let the notice fail: it must not go round for ever in silence."""

        async def work(session: AsyncSession) -> None:
            notice = (await repository.held(session, [claimed])).get(claimed.notice_id)
            if notice is None:
                return
            now = await self._clock.now(session)
            notice.stumbles += 1
            notice.claim, notice.due_at = None, now + again_after
            if notice.stumbles >= STUMBLES:
                await self._outcomes.gave_up(session, notice, None, "internal_error", now=now)

        await appending(self._database, work)


def _issue_of(asked: tuple[NoticeRow, *tuple[object, ...]]) -> str:
    """The order in which several streams are appended to: the same in every process, or two would wait for each other."""
    return asked[0].issue_id or ""


def _units_in(facts: Facts) -> list[str]:
    handlers = (facts.handler, facts.from_handler, *(task.handler for task in facts.tasks))
    return [handler.unit for handler in handlers if handler]
