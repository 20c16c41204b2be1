"""Intake's tables: the only place. They stand in the schema `intake`, which no other role can read.

Personal data are in `vault` and in the attachments folder alone, sealed; every other column holds ids, codes and digests.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class IntakeTable(SQLModel, registry=registry()):
    """Base of intake's tables, with metadata of their own: another service may have a table of the same name."""


class Issue(IntakeTable, table=True):
    """An issue as intake has to find it: by id, number, tracking token (its SHA-256), or number and phone (their HMAC).

    `category` follows reclassification, as conduct matters are hidden from village staff; so does `topic`. With title, state and level
    (None before the first assignment) it is shown to those who are about to raise the same; an issue that is older than these columns has
    neither topic nor title. An erased issue keeps neither digest nor index.
    """

    __tablename__ = "issues"  # pyright: ignore[reportAssignmentType]

    issue_id: str = Field(primary_key=True)
    number: str = Field(unique=True)
    region: str
    category: str
    topic: str | None
    title: str | None
    state: str = "assigned"
    level: str | None = None
    anonymous: bool
    tracking_digest: str | None = Field(default=None, unique=True)
    lookup_index: str | None = Field(default=None, index=True)
    raised_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    erased_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class VaultRow(IntakeTable, table=True):
    """One sealed box: `reporter` (name, contact, language), `statement` (narrative, place), `token`, or `words` (of a rating …)."""

    __tablename__ = "vault"  # pyright: ignore[reportAssignmentType]

    row_id: str = Field(primary_key=True)
    issue_id: str = Field(index=True)
    kind: str
    key_id: str = Field(index=True)
    box: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class Attachment(IntakeTable, table=True):
    """A photo or document; its bytes are a sealed file in the attachments folder. Without `issue_id` until an issue uses its receipt.

    `sha256` and `size` are of the bytes as they are given out again (images: re-encoded).
    """

    __tablename__ = "attachments"  # pyright: ignore[reportAssignmentType]

    attachment_id: str = Field(primary_key=True)
    issue_id: str | None = Field(default=None, index=True)
    uploaded_by: str
    media_type: str
    size: int = Field(sa_column=Column(Integer, nullable=False))
    sha256: str
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class NumberBlock(IntakeTable, table=True):
    """The last serial handed out in a county on a day (Asia/Shanghai)."""

    __tablename__ = "number_blocks"  # pyright: ignore[reportAssignmentType]

    county: str = Field(primary_key=True)
    day: date = Field(sa_column=Column(Date, primary_key=True))
    last: int = Field(sa_column=Column(BigInteger, nullable=False))


class KnownTopic(IntakeTable, table=True):
    """A topic of the directory, from `DirectoryChanged`; `board` is what the public board may show of it."""

    __tablename__ = "topics"  # pyright: ignore[reportAssignmentType]

    code: str = Field(primary_key=True)
    zh: str
    en: str
    board: str


class KnownOfficer(IntakeTable, table=True):
    """An officer of the directory, from `DirectoryChanged`: who may be named as first receiver."""

    __tablename__ = "officers"  # pyright: ignore[reportAssignmentType]

    officer_id: str = Field(primary_key=True)
    name: str
    regions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    units: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
