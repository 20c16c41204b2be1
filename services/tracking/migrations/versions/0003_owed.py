"""Lists are ordered by what is owed: a deadline that was missed and still stands comes before those that run.

Before, an issue whose last deadline had been missed came last, as one that owes nothing.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_OWED = "coalesce(least(overdue_since, due_at), 'infinity'::timestamptz)"
_INDEXES = {
    "ledger_county_due": "county",
    "ledger_township_due": "township",
    "ledger_village_due": "village",
    "ledger_officer_due": "handler_officer",
    "ledger_unit_due": "handler_unit",
}


def upgrade() -> None:
    for name, column in _INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON ledger ({column}, {_OWED}, issue_id)")
