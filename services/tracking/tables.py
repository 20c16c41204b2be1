"""Tracking's tables: the only place. They stand in the schema `tracking`, which is the search path of the role `tracking`.

Indexes serve the pages: whatever a list is filtered by, it is first cut down by the caller's region, then read in the order that is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, MetaData, SmallInteger, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlalchemy.sql.elements import quoted_name
from sqlmodel import Field, SQLModel

from shared.database import table_of

_NAMES = {"pk": "%(table_name)s_pkey"}


class TrackingTable(SQLModel, registry=registry(metadata=MetaData(naming_convention=_NAMES))):
    """Base of tracking's tables, with metadata of their own: another service may have a table of the same name."""


def _instant(*, nullable: bool = True) -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=nullable)


_NEVER = text("'infinity'::timestamptz")
"""Where nothing is due, an issue comes last."""


class Ledger(TrackingTable, table=True):
    """One row an issue (`domain/entry.py` says what each value means)."""

    __tablename__ = "ledger"  # pyright: ignore[reportAssignmentType]

    issue_id: str = Field(primary_key=True)
    number: str
    county: str
    township: str
    village: str
    channel: str
    category: str
    topic: str
    priority: str
    title: str
    reporter: str
    labels: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    tracking_digest: str
    first_receiver_officer: str | None
    first_receiver_name: str | None
    first_receiver_unit: str | None
    state: str
    level: str | None
    handler_officer: str | None
    handler_name: str | None
    handler_unit: str | None
    clocks: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    due_at: datetime | None = _instant()
    overdue_since: datetime | None = _instant()
    warned: bool
    raised_at: datetime = _instant(nullable=False)
    occurred_at: datetime | None = _instant()
    assigned_at: datetime | None = _instant()
    accepted_at: datetime | None = _instant()
    resolved_at: datetime | None = _instant()
    answered_at: datetime | None = _instant()
    closed_at: datetime | None = _instant()
    resolutions: int = Field(sa_column=Column(SmallInteger, nullable=False))
    answered: int = Field(sa_column=Column(SmallInteger, nullable=False))
    escalations: int = Field(sa_column=Column(SmallInteger, nullable=False))
    outcome: str | None
    result: str | None
    promised_by: datetime | None = _instant()
    rating: str | None
    how: str | None
    version: int
    stream_version: int


class Timeline(TrackingTable, table=True):
    """One row an event. `public` rows are shown to the reporter, in part; `facts` is what staff see."""

    __tablename__ = "timeline"  # pyright: ignore[reportAssignmentType]

    issue_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    event_id: str
    event: str
    at: datetime = _instant(nullable=False)
    public: bool
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Transitions(TrackingTable, table=True):
    """One row a counted fact, with its dimensions as they were then (`domain/transitions.py`). Rows are never changed."""

    __tablename__ = "transitions"  # pyright: ignore[reportAssignmentType]

    issue_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    event: str
    at: datetime = _instant(nullable=False)
    county: str
    township: str
    village: str
    channel: str
    category: str
    topic: str
    priority: str
    unit: str | None
    from_state: str | None
    to_state: str
    from_level: str | None
    to_level: str | None
    outcome: str | None
    rating: str | None
    reason: str | None
    on_time: bool | None
    since_raised: int
    resolved_after: int | None


class LedgerCounts(TrackingTable, table=True):
    """How many rows of the ledger stand alike. `level` and `unit` are empty where the ledger has none."""

    __tablename__ = "ledger_counts"  # pyright: ignore[reportAssignmentType]

    county: str = Field(primary_key=True)
    township: str = Field(primary_key=True)
    village: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    level: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    n: int


class TransitionCounts(TrackingTable, table=True):
    """How many transitions of a month (its first day, in Asia/Shanghai) are alike. What a transition does not have is empty."""

    __tablename__ = "transition_counts"  # pyright: ignore[reportAssignmentType]

    county: str = Field(primary_key=True)
    month: date = Field(primary_key=True)
    township: str = Field(primary_key=True)
    event: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    topic: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    to_level: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    rating: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    on_time: str = Field(primary_key=True)
    n: int


class Topics(TrackingTable, table=True):
    """Topics of the directory: names, and what the public board may show. Removed ones stay, for the issues that name them."""

    __tablename__ = "topics"  # pyright: ignore[reportAssignmentType]

    code: str = Field(primary_key=True)
    zh: str
    en: str
    board: str
    active: bool


class Units(TrackingTable, table=True):
    """Units of the directory: names."""

    __tablename__ = "units"  # pyright: ignore[reportAssignmentType]

    unit_id: str = Field(primary_key=True)
    region: str
    zh: str
    en: str
    active: bool


class Officers(TrackingTable, table=True):
    """Officers of the directory: names, by post."""

    __tablename__ = "officers"  # pyright: ignore[reportAssignmentType]

    officer_id: str = Field(primary_key=True)
    name: str
    role: str
    active: bool


class RebuildProgress(TrackingTable, table=True):
    """How far a rebuild is, while there is one: what the shadow tables hold. `release` is a digest of the code that fills them."""

    __tablename__ = "rebuild_progress"  # pyright: ignore[reportAssignmentType]

    release: str = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, nullable=False))
    read: int = Field(sa_column=Column(BigInteger, nullable=False))
    chain: str


def _index(table: Table) -> None:
    column = table.c
    if table is table_of(Ledger):
        soonest = func.coalesce(func.least(column.overdue_since, column.due_at), _NEVER)
        for region in (column.county, column.township, column.village):
            Index(f"ledger_{region.name}_due", region, soonest, column.issue_id)
            Index(f"ledger_{region.name}_raised", region, column.raised_at, column.issue_id)
            Index(f"ledger_{region.name}_state", region, column.state, column.level)
            closed: dict[str, Any] = {"postgresql_where": column.state == text("'closed'"), "postgresql_include": ["category", "topic"]}
            Index(f"ledger_{region.name}_closed", region, column.closed_at, column.issue_id, **closed)
        Index("ledger_officer_due", column.handler_officer, soonest, column.issue_id)
        Index("ledger_unit_due", column.handler_unit, soonest, column.issue_id)
        Index("ledger_number", column.number)
        Index("ledger_tracking_digest", column.tracking_digest, unique=True)
        Index("ledger_labels", column.labels, postgresql_using="gin")
        Index("ledger_title", column.title, postgresql_using="gin", postgresql_ops={"title": "extensions.gin_trgm_ops"})
    elif table is table_of(Transitions):
        for region in (column.county, column.township, column.village):
            Index(f"transitions_{region.name}_at", region, column.at)
            Index(f"transitions_{region.name}_closed", region, column.at, postgresql_where=column.event == text("'Closed'"))


for _model in (Ledger, Transitions):
    _index(table_of(_model))


@dataclass(frozen=True, slots=True)
class Projections:
    """The tables that are made from events alone: the live ones, or a second set beside them while they are built anew."""

    ledger: Table
    timeline: Table
    transitions: Table
    ledger_counts: Table
    transition_counts: Table

    @property
    def by_name(self) -> Mapping[str, tuple[Table, ...]]:
        """The tables by the names under which `huiyin projections rebuild` knows them; counts go with what they count."""
        return {
            "ledger": (self.ledger, self.ledger_counts),
            "timeline": (self.timeline,),
            "statistics": (self.transitions, self.transition_counts),
        }

    @property
    def every(self) -> tuple[Table, ...]:
        """All of them."""
        return tuple(table for tables in self.by_name.values() for table in tables)


LIVE = Projections(*map(table_of, (Ledger, Timeline, Transitions, LedgerCounts, TransitionCounts)))

SHADOW_SUFFIX = "__new"


def shadow_of(live: Projections) -> Projections:
    """The same tables, indexes and constraints under names with `SHADOW_SUFFIX`."""
    metadata = MetaData(naming_convention=_NAMES)

    def copy(table: Table) -> Table:
        made = table.to_metadata(metadata, name=table.name + SHADOW_SUFFIX)
        for index in made.indexes:
            index.name = quoted_name(f"{index.name}{SHADOW_SUFFIX}", quote=None)
        return made

    return Projections(*map(copy, (live.ledger, live.timeline, live.transitions, live.ledger_counts, live.transition_counts)))
