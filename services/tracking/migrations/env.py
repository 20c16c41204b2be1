"""Alembic's entry to the history of schema `tracking`; started by `shared.migrations.migrate`."""

from services.tracking.tables import TrackingTable
from shared.migrations import run_migrations

run_migrations(TrackingTable.metadata)
