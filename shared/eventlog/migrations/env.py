"""Alembic environment of schema `log`. Who may emit what is brought up to date at every run, so a new event needs no hand edit."""

from shared.eventlog.emitters import sync_emitters
from shared.migrations import run_migrations

sync_emitters(run_migrations())
