"""Alembic's entry to the history of schema `routing`; started by `shared.migrations.migrate`."""

from services.routing.tables import RoutingTable
from shared.migrations import run_migrations

run_migrations(RoutingTable.metadata)
