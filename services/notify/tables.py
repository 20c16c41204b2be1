"""notify's tables. None holds a reporter's name, number or address: only masked addresses of messages that were sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, DateTime, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


def _instant(*, nullable: bool = True) -> "Column[datetime]":
    return Column(DateTime(timezone=True), nullable=nullable)


def _json() -> "Column[Any]":
    return Column(JSONB, nullable=False)


class NotifyTable(SQLModel, registry=registry()):
    """Base of notify's tables, with metadata of their own: another service may have a table of the same name."""


class IssueRow(NotifyTable, table=True):
    """What notify remembers of an issue: `known` is `domain.state.Issue`; region and category decide who may read its notices."""

    __tablename__ = "issues"  # pyright: ignore[reportAssignmentType]

    issue_id: str = Field(primary_key=True)
    region: str
    category: str
    known: dict[str, Any] = Field(sa_column=_json())


class NoticeRow(NotifyTable, table=True):
    """A notice: who is told what because of which event. The queue is the rows in state `queued`.

    `due_at` is when it may be claimed next; a claim moves it to the end of the lease and sets `claim`.
    `round` counts an operator's resends, `stumbles` our own mistakes.
    """

    __tablename__ = "notices"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("notices_queue", "due_at", postgresql_where=text("state = 'queued'")),
        Index("notices_issue", "issue_id", "recipient", "event_version"),
        Index("notices_failed", "ended_at", "notice_id", postgresql_where=text("state = 'failed'")),
    )

    notice_id: str = Field(primary_key=True)
    issue_id: str | None
    region: str | None
    event_id: str
    event_name: str
    event_version: int
    event_at: datetime = Field(sa_column=_instant(nullable=False))
    kind: str
    recipient: str
    facts: dict[str, Any] = Field(sa_column=_json())
    state: str = "queued"
    reason: str | None = None
    due_at: datetime = Field(sa_column=_instant(nullable=False))
    claim: str | None = None
    stumbles: int = 0
    round: int = 0
    correlation_id: str
    traceparent: str | None = None
    queued_at: datetime = Field(sa_column=_instant(nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=_instant())


class MessageRow(NotifyTable, table=True):
    """A notice on one channel. Written before the gateway is called, so a crash in between repeats the same message id."""

    __tablename__ = "messages"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("messages_notice", "notice_id"),
        Index("messages_awaiting", "accepted_at", postgresql_where=text("state = 'accepted' AND awaits_receipt")),
    )

    message_id: str = Field(primary_key=True)
    notice_id: str = Field(foreign_key="notices.notice_id")
    channel: str
    round: int
    masked: str
    state: str = "sending"
    reason: str | None = None
    tries: int = 0
    awaits_receipt: bool = False
    first_tried_at: datetime = Field(sa_column=_instant(nullable=False))
    accepted_at: datetime | None = Field(default=None, sa_column=_instant())
    ended_at: datetime | None = Field(default=None, sa_column=_instant())


class OfficerRow(NotifyTable, table=True):
    """A staff member whom notices can reach, from DirectoryChanged."""

    __tablename__ = "officers"  # pyright: ignore[reportAssignmentType]

    officer_id: str = Field(primary_key=True)
    role: str
    regions: list[str] = Field(sa_column=_json())
    units: list[str] = Field(sa_column=_json())
    email: str | None = None


class UnitRow(NotifyTable, table=True):
    """The name of a unit, from DirectoryChanged."""

    __tablename__ = "units"  # pyright: ignore[reportAssignmentType]

    unit_id: str = Field(primary_key=True)
    zh: str
    en: str
