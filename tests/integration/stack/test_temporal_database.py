"""Temporal's database after a power cut: a damaged one is set aside, any other stays."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local.layout import Layout
from deploy.local.temporal import part

PAGE = 4096


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, 21_000)
    made.make_folders()
    return made


def filled(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE timers (fires TEXT)")
        connection.execute("CREATE INDEX timers_fires ON timers (fires)")
        connection.executemany("INSERT INTO timers VALUES (?)", [(f"{n:0200}",) for n in range(500)])
        connection.commit()


def prepare(layout: Layout) -> None:
    prepared = part(layout).prepare
    assert prepared is not None
    prepared()


def test_a_database_that_is_whole_stays(layout: Layout) -> None:
    database = layout.data / "temporal.sqlite"
    prepare(layout)
    filled(database)
    prepare(layout)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM timers").fetchone() == (500,)


@pytest.mark.parametrize("torn", [0, 3])
def test_a_database_with_a_torn_page_is_set_aside(layout: Layout, torn: int) -> None:
    database = layout.data / "temporal.sqlite"
    filled(database)
    with database.open("r+b") as file:
        file.seek(torn * PAGE)
        file.write(os.urandom(PAGE))
    prepare(layout)
    assert not database.exists()
    assert (layout.data / "damaged-temporal.sqlite").exists()


def test_a_database_that_somebody_holds_is_left_to_them(layout: Layout) -> None:
    database = layout.data / "temporal.sqlite"
    filled(database)
    with closing(sqlite3.connect(database)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        prepare(layout)
    assert database.exists()
