"""Alembic, one history a schema: the version table stands in the schema that the history describes."""

from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, MetaData, create_engine, text


def migrate(url: str, location: Path, schema: str) -> None:
    """Bring `schema` to its newest revision in one transaction. Safe to run at every start, also by two at once.

    Args:
        url: `postgresql+psycopg://…` of the schema's owner, whose search path is the schema.
        location: folder with `env.py` and `versions/`.
        schema: schema that holds the tables and the version table; it must exist.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('migrate'), hashtext(:schema))"), {"schema": schema})
            connection.exec_driver_sql("SET LOCAL transaction_timeout = 0")
            config = Config(attributes={"connection": connection, "schema": schema})
            config.set_main_option("script_location", str(location).replace("%", "%%"))
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def run_migrations(metadata: MetaData | None = None) -> Connection:
    """The whole of an `env.py`: runs the revisions on the connection that `migrate` gave, and returns it."""
    attributes = context.config.attributes
    connection: Connection = attributes["connection"]
    context.configure(
        connection=connection, target_metadata=metadata, version_table="schema_version", version_table_schema=attributes["schema"]
    )
    with context.begin_transaction():
        context.run_migrations()
    return connection


def run_sql(script: str) -> None:
    """Run a script of several statements inside a revision."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(script)
