"""The database of a stack: roles, schemas and who may do what, then every schema's migrations. Safe to run again.

Each service's role owns its own schema and sees no other. The log belongs to `log_owner`; its migrations grant what each role
may do there (read, and `log.append`). `python -m deploy.local.bootstrap_database` does it for the stack of `HUIYIN_DATA`.
"""

import os
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local import postgres
from deploy.local.layout import SERVICES, Layout
from deploy.local.processes import ROOT

DATABASE = "huiyin"

ROLES = (*SERVICES, "relay", "operator", "log_owner")
"""Everyone who signs in. `relay` moves events to NATS; `operator` reads the log; `log_owner` runs the log's migrations only."""

SCHEMAS = {"log": "log_owner", **{service: service for service in SERVICES}}
"""Schema → its owner, in the order in which they are migrated: the services' rights on the log come from the log."""

TRANSACTION_TIMEOUT = "15s"
"""A transaction that waits for a person or a network is a mistake: head rows of the log are locked until it ends."""


def bootstrap(layout: Layout, *, database: str = DATABASE) -> None:
    """Make or bring up to date roles, database, schemas and tables. Raises psycopg or Alembic errors; nothing is lost by a second try.

    The database remembers what it was made from, so a start that changes nothing costs one query.
    """
    wanted = _fingerprint(layout)
    if _made_from(layout, database) == wanted:
        return
    from shared.migrations import migrate  # Alembic takes a second to load

    ensure_roles(layout)
    with psycopg.connect(postgres.superuser_url(layout), autocommit=True) as server:
        if server.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    with psycopg.connect(postgres.superuser_url(layout, database)) as connection:
        _ensure_schemas(connection, database)
    for schema, owner in SCHEMAS.items():
        migrate(layout.database_url(owner, database=database), _migrations(schema), schema)
    with psycopg.connect(postgres.superuser_url(layout), autocommit=True) as server:
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(wanted)))


def ensure_roles(layout: Layout) -> None:
    """Make or bring up to date everyone who signs in, with the passwords of the secrets."""
    with psycopg.connect(postgres.superuser_url(layout), autocommit=True) as server:
        for role in ROLES:
            _ensure_role(server, role, layout.secrets.get(f"postgres-{role}"), SCHEMAS)


def _fingerprint(layout: Layout) -> str:
    """A digest of all that the database is made from: this module, the migrations, the passwords."""
    digest = sha256(Path(__file__).read_bytes())
    for schema in SCHEMAS:
        for path in sorted(_migrations(schema).rglob("*")):
            if path.suffix in (".py", ".sql"):
                digest.update(path.read_bytes())
    for role in ROLES:
        digest.update(layout.secrets.get(f"postgres-{role}").encode())
    return digest.hexdigest()


def _made_from(layout: Layout, database: str) -> str | None:
    with psycopg.connect(postgres.superuser_url(layout)) as server:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        found = server.execute(query, [database]).fetchone()
    return str(found[0]) if found and found[0] else None


def _ensure_role(server: "psycopg.Connection[tuple[object, ...]]", role: str, secret: str, schemas: dict[str, str]) -> None:
    name = sql.Identifier(role)
    if server.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        server.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(name))
    server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(secret)))
    own = next((schema for schema, owner in schemas.items() if owner == role), "log")
    server.execute(sql.SQL("ALTER ROLE {} SET search_path = {}, extensions").format(name, sql.Identifier(own)))
    server.execute(sql.SQL("ALTER ROLE {} SET transaction_timeout = {}").format(name, sql.Literal(TRANSACTION_TIMEOUT)))


def _ensure_schemas(connection: "psycopg.Connection[tuple[object, ...]]", database: str) -> None:
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.SQL(", ").join(map(sql.Identifier, ROLES)))
    )
    for schema, owner in SCHEMAS.items():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(*map(sql.Identifier, (schema, owner))))
    connection.execute("CREATE SCHEMA IF NOT EXISTS extensions")
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions")
    connection.execute("GRANT USAGE ON SCHEMA extensions TO PUBLIC")


def _migrations(schema: str) -> Path:
    return ROOT / ("shared/eventlog/migrations" if schema == "log" else f"services/{schema}/migrations")


if __name__ == "__main__":
    bootstrap(Layout(Path(os.environ["HUIYIN_DATA"]), int(os.environ["HUIYIN_PORT_BASE"])))
