"""Intake's queries. Hot paths are one statement each; none commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.intake.domain.alike import OnBoard
from services.intake.domain.raising import Staff
from services.intake.tables import Attachment, Issue, KnownOfficer, KnownTopic, VaultRow
from services.intake.vault import Kind, Place, Sealed, Vault
from shared.board import in_full, on_board
from shared.contracts.routing import DirectoryChanged
from shared.database import execute, fetch, table_of
from shared.ids import new_id

MOST_COMPARED = 200
"""Open issues of a village that a new one is compared with: more than any village works on at a time, and bounded."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Something for the vault, before it is sealed: what kind it is, and a JSON document."""

    kind: Kind
    content: object


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault row, opened."""

    row_id: str
    kind: str
    content: Any
    created_at: datetime


class DirectoryEmpty(LookupError):
    """No topic has come from routing yet."""


async def topics_known(session: AsyncSession, topics: Sequence[str]) -> frozenset[str]:
    """Those of `topics` that the directory has. Raises `DirectoryEmpty` as long as it has none at all."""
    ((any_topic, known),) = await fetch(session, _TOPICS, (list(topics),))
    if not any_topic:
        raise DirectoryEmpty
    return frozenset(known)


async def topics(session: AsyncSession) -> list[KnownTopic]:
    """Every topic, in the order of its code."""
    return list((await session.execute(select(KnownTopic).order_by(_column(KnownTopic.code)))).scalars())


async def officer(session: AsyncSession, officer_id: str) -> Staff | None:
    """The officer of the directory, or None."""
    found = await session.get(KnownOfficer, officer_id)
    return Staff(found.officer_id, found.name, tuple(found.regions), tuple(found.units)) if found else None


async def insert_issue(session: AsyncSession, vault: Vault, issue: Issue, secrets: Sequence[Secret], attachments: Sequence[str]) -> int:
    """Write an issue with its vault rows and bind its attachments. Returns how many attachments were free to be bound."""
    rows = [(new_id(), secret) for secret in secrets]
    sealed = [vault.seal(Place(secret.kind, row_id, issue.issue_id), orjson.dumps(secret.content)) for row_id, secret in rows]
    values = (
        issue.issue_id,
        issue.number,
        issue.region,
        issue.category,
        issue.topic,
        issue.title,
        issue.anonymous,
        issue.tracking_digest,
        issue.lookup_index,
        issue.raised_at,
    )
    await execute(session, _INSERT_ISSUE, values)
    boxes = ([row_id for row_id, _ in rows], [secret.kind for _, secret in rows], [item.key_id for item in sealed])
    await execute(session, _INSERT_SECRETS, (issue.issue_id, issue.raised_at, *boxes, [item.box for item in sealed]))
    return len(await fetch(session, _BIND, (issue.issue_id, list(attachments)))) if attachments else 0


async def add_secret(session: AsyncSession, vault: Vault, issue_id: str, secret: Secret, now: datetime, *, row_id: str) -> None:
    """Write one more vault row of an issue."""
    sealed = vault.seal(Place(secret.kind, row_id, issue_id), orjson.dumps(secret.content))
    session.add(VaultRow(row_id=row_id, issue_id=issue_id, kind=secret.kind, key_id=sealed.key_id, box=sealed.box, created_at=now))
    await session.flush()


async def secrets_of(session: AsyncSession, vault: Vault, issue_id: str, *kinds: Kind) -> list[Opened]:
    """The opened vault rows of these kinds, oldest first."""
    statement = select(VaultRow).where(_is(VaultRow.issue_id, issue_id), _column(VaultRow.kind).in_(kinds)).order_by(VaultRow.row_id)
    rows = (await session.execute(statement)).scalars()
    return [Opened(row.row_id, row.kind, orjson.loads(_open(vault, row)), row.created_at) for row in rows]


async def issue_by_id(session: AsyncSession, issue_id: str) -> Issue | None:
    """The issue, or None."""
    return await session.get(Issue, issue_id)


async def issue_by_number(session: AsyncSession, number: str) -> Issue | None:
    """The issue, or None."""
    return (await session.execute(select(Issue).where(_is(Issue.number, number)))).scalar_one_or_none()


async def issue_by_digest(session: AsyncSession, tracking_digest: str) -> Issue | None:
    """The issue of a tracking token, or None."""
    return (await session.execute(select(Issue).where(_is(Issue.tracking_digest, tracking_digest)))).scalar_one_or_none()


async def issue_by_lookup(session: AsyncSession, lookup_index: str) -> Issue | None:
    """The issue of a number and the end of its phone number, or None: the same one query whichever of the two is wrong."""
    return (await session.execute(select(Issue).where(_is(Issue.lookup_index, lookup_index)))).scalar_one_or_none()


async def attachment(session: AsyncSession, attachment_id: str) -> Attachment | None:
    """The attachment, or None."""
    return await session.get(Attachment, attachment_id)


async def attachments_of(session: AsyncSession, issue_id: str) -> list[Attachment]:
    """The attachments of an issue, oldest first."""
    statement = select(Attachment).where(_is(Attachment.issue_id, issue_id)).order_by(Attachment.attachment_id)
    return list((await session.execute(statement)).scalars())


async def bind_attachments(session: AsyncSession, issue_id: str, attachment_ids: Sequence[str]) -> None:
    """Say that these belong to an issue, unless they belong to another."""
    free = _column(Attachment.attachment_id).in_(attachment_ids), _column(Attachment.issue_id).is_(None)
    await session.execute(update(Attachment).where(*free).values(issue_id=issue_id))


async def set_classification(session: AsyncSession, issue_id: str, category: str, topic: str) -> None:
    """Note what an issue was reclassified to."""
    await session.execute(update(Issue).where(_is(Issue.issue_id, issue_id)).values(category=category, topic=topic))


async def standing(session: AsyncSession, issue_id: str) -> tuple[str, str | None] | None:
    """State and level of an issue, or None where there is no such issue."""
    rows = await fetch(session, "SELECT state, level FROM issues WHERE issue_id = %s", (issue_id,))
    return (rows[0][0], rows[0][1]) if rows else None


async def set_standing(session: AsyncSession, issue_id: str, state: str, level: str | None) -> None:
    """Note where an issue stands."""
    await execute(session, "UPDATE issues SET state = %s, level = %s WHERE issue_id = %s", (state, level, issue_id))


async def open_on_board(session: AsyncSession, village: str, shown: Mapping[str, str]) -> list[OnBoard]:
    """The village's open issues that the public board shows in full, the newest first, at most `MOST_COMPARED`."""
    columns = table_of(Issue).c
    full = [topic for topic in shown if in_full(topic, shown)]
    query = (
        select(*(columns[each.name] for each in fields(OnBoard)))
        .where(columns.region == village, on_board(columns, shown), columns.topic.in_(full), columns.state != "closed")
        .order_by(columns.raised_at.desc(), columns.issue_id.desc())
        .limit(MOST_COMPARED)
    )
    return [OnBoard(*row) for row in (await session.execute(query)).all()]


async def erase(session: AsyncSession, issue: Issue, now: datetime) -> list[str]:
    """Remove the vault rows and attachments of an issue, and how its reporter finds it. Returns the attachments whose files are left."""
    await session.execute(delete(VaultRow).where(_is(VaultRow.issue_id, issue.issue_id)))
    removed = delete(Attachment).where(_is(Attachment.issue_id, issue.issue_id)).returning(_column(Attachment.attachment_id))
    files = list((await session.execute(removed)).scalars())
    changes = {"tracking_digest": None, "lookup_index": None, "erased_at": issue.erased_at or now}
    await session.execute(update(Issue).where(_is(Issue.issue_id, issue.issue_id)).values(changes))
    return files


async def not_erased(session: AsyncSession, issue_ids: Sequence[str]) -> list[str]:
    """Those of `issue_ids` that exist and whose reporter's data are still there."""
    there = select(_column(Issue.issue_id)).where(_column(Issue.issue_id).in_(issue_ids), _column(Issue.erased_at).is_(None))
    return list((await session.execute(there)).scalars())


async def apply_directory(session: AsyncSession, change: DirectoryChanged) -> None:
    """Take over what changed of topics and officers: first what was added or replaced, then what was removed."""
    if change.topics:
        upsert_topics = insert(KnownTopic)
        told = {name: upsert_topics.excluded[name] for name in ("zh", "en", "board")}
        rows = [{"code": topic.code, "zh": topic.zh, "en": topic.en, "board": topic.board} for topic in change.topics]
        await session.execute(upsert_topics.on_conflict_do_update(index_elements=["code"], set_=told), rows)
    if change.officers:
        # One statement for thousands: a county's whole staff comes in one event, and transactions are short.
        rows = [
            {"officer_id": each.officer_id, "name": each.name, "regions": [*each.regions], "units": [*each.units]}
            for each in change.officers
        ]
        upsert = insert(KnownOfficer)
        await session.execute(
            upsert.on_conflict_do_update(
                index_elements=["officer_id"], set_={name: upsert.excluded[name] for name in ("name", "regions", "units")}
            ),
            rows,
        )
    if change.removed:
        await session.execute(delete(KnownTopic).where(("topic:" + _column(KnownTopic.code)).in_(change.removed)))
        await session.execute(delete(KnownOfficer).where(("officer:" + _column(KnownOfficer.officer_id)).in_(change.removed)))


def _open(vault: Vault, row: VaultRow) -> bytes:
    kind: Any = row.kind
    return vault.open(Place(kind, row.row_id, row.issue_id), Sealed(row.key_id, row.box))


def _column(attribute: Any) -> Any:
    """A model's attribute as the column that it is on the class (SQLModel types it as the value)."""
    return attribute


def _is(attribute: Any, value: str) -> ColumnElement[bool]:
    return attribute == value


_TOPICS = "SELECT EXISTS (SELECT FROM topics), ARRAY(SELECT code FROM topics WHERE code = ANY (%s))"

_INSERT_ISSUE = """
    INSERT INTO issues (issue_id, number, region, category, topic, title, anonymous, tracking_digest, lookup_index, raised_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    """

_INSERT_SECRETS = """
    INSERT INTO vault (issue_id, created_at, row_id, kind, key_id, box)
    SELECT %s, %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %b::bytea[])
    """

_BIND = "UPDATE attachments SET issue_id = %s WHERE attachment_id = ANY (%s) AND issue_id IS NULL RETURNING 1"
