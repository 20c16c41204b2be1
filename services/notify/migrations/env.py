"""Alembic's entry to the history of schema `notify`; started by `shared.migrations.migrate`."""

from services.notify.tables import NotifyTable
from shared.migrations import run_migrations

run_migrations(NotifyTable.metadata)
