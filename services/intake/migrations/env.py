"""Alembic environment of schema `intake`."""

from services.intake.tables import IntakeTable
from shared.migrations import run_migrations

run_migrations(IntakeTable.metadata)
