"""Tables that every service has in its own schema: audit, idempotency keys, rate buckets, inbox. Migrations create them from here."""

from sqlalchemy import Connection, MetaData, text

from shared.audit import audit
from shared.eventlog.inbox import inbox_tables
from shared.idempotency import idempotency_keys
from shared.ratelimit import rate_buckets


def create_platform_tables(connection: Connection, schema: str) -> None:
    """Create them in `schema`, owned by whoever runs the migration; the audit can then only be added to and read.

    The owner gives up UPDATE, DELETE and TRUNCATE on it, and a trigger refuses them even to who has them.
    """
    metadata = MetaData(schema=schema)
    for table in (audit, idempotency_keys, rate_buckets):
        table.to_metadata(metadata)
    inbox_tables(metadata)
    metadata.create_all(connection)
    for statement in _AUDIT_IS_ADDED_TO:
        connection.execute(text(statement.format(schema=schema)))


_AUDIT_IS_ADDED_TO = (
    """
    CREATE FUNCTION {schema}.audit_is_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'audit entries are never changed' USING ERRCODE = 'insufficient_privilege'; END $$
    """,
    """
    CREATE TRIGGER audit_is_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.audit
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.audit_is_added_to()
    """,
    "REVOKE UPDATE, DELETE, TRUNCATE ON {schema}.audit FROM CURRENT_USER, PUBLIC",
)
