"""What a consumer keeps beside its effects: watermarks, parked events, dead letters. One definition for all services' schemas."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text


@dataclass(frozen=True, slots=True)
class InboxTables:
    """The three tables.

    Attributes:
        watermarks: the last version of each stream whose effect is committed.
        parked: events that wait for an earlier version of their stream.
        dead_letters: events that could not be taken; `settled_at` is null as long as one stands in its stream's way. `decision` is an
            operator's, with a reason; the subscriber carries it out.
    """

    watermarks: Table
    parked: Table
    dead_letters: Table


def inbox_tables(metadata: MetaData) -> InboxTables:
    """Define the tables in `metadata` (a migration: `inbox_tables(metadata)`, then `metadata.create_all`)."""
    watermarks = Table(
        "watermarks",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("stream", Text, primary_key=True),
        Column("version", Integer, nullable=False),
    )
    parked = Table(
        "parked",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("stream", Text, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("body", Text, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    )
    dead_letters = Table(
        "dead_letters",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("consumer", Text, nullable=False),
        Column("fingerprint", Text, nullable=False, comment="SHA-256 of the body: the same poison is kept once"),
        Column("stream", Text, comment="null where the bytes do not tell"),
        Column("version", Integer),
        Column("subject", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("error", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("dead_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
        Column("decision", Text, comment="replay or discard"),
        Column("reason", Text),
        Column("decided_by", Text),
        Column("decided_at", DateTime(timezone=True)),
        Column("settled_at", DateTime(timezone=True)),
        UniqueConstraint("consumer", "fingerprint"),
        Index("dead_letters_open", "consumer", postgresql_where=text("settled_at IS NULL")),
    )
    return InboxTables(watermarks, parked, dead_letters)
