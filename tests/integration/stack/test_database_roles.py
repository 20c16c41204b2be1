"""A service's role reaches its own schema and, of the log, only what the log grants."""

import psycopg
import pytest

from deploy.local.bootstrap_database import TRANSACTION_TIMEOUT
from deploy.local.layout import SERVICES
from tests.support.servers import StackDatabase


def connect(database: StackDatabase, role: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(database.url(role).replace("+psycopg", ""), autocommit=True)


@pytest.mark.parametrize("role", SERVICES)
def test_a_service_reads_and_writes_no_schema_but_its_own(stack_database: StackDatabase, role: str) -> None:
    with connect(stack_database, role) as connection:
        connection.execute("CREATE TABLE own_things (id int)")
        assert connection.execute("SELECT to_regclass('own_things')::text").fetchone() == ("own_things",)
    statements = (f"SELECT * FROM {role}.own_things", f"INSERT INTO {role}.own_things VALUES (1)", f"CREATE TABLE {role}.mine ()")
    for other in {*SERVICES} - {role}:
        with connect(stack_database, other) as connection:
            for statement in statements:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())


@pytest.mark.parametrize("role", SERVICES)
def test_nobody_writes_the_log_but_through_append(stack_database: StackDatabase, role: str) -> None:
    with psycopg.connect(stack_database.superuser) as superuser:
        tables = [str(name) for (name,) in superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'log'")]
    assert "events" in tables
    with connect(stack_database, role) as connection:
        for table in tables:
            for statement in (f"INSERT INTO log.{table} DEFAULT VALUES", f"DELETE FROM log.{table}", f"TRUNCATE log.{table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())


@pytest.mark.parametrize("role", [*SERVICES, "relay", "operator"])
def test_a_role_has_its_own_search_path_and_a_transaction_timeout(stack_database: StackDatabase, role: str) -> None:
    with connect(stack_database, role) as connection:
        assert connection.execute("SHOW transaction_timeout").fetchone() == (TRANSACTION_TIMEOUT,)
        path = connection.execute("SHOW search_path").fetchone()
        assert path == (f"{role if role in SERVICES else 'log'}, extensions",)


def test_a_service_cannot_become_somebody_else(stack_database: StackDatabase) -> None:
    with connect(stack_database, "intake") as connection:
        for role in ("log_owner", "routing", "postgres"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SET ROLE {role}".encode())
