"""Who may emit what: the table `log.emitters`, filled from the owners that the contracts name."""

from sqlalchemy import Connection, text

from shared.contracts import EVENTS


def sync_emitters(connection: Connection) -> None:
    """Make `log.emitters` say what `shared.contracts` says; the connection acts as `log_owner`."""
    wanted = {(event.owner, event.type_name()) for event in EVENTS.values()}
    present = {(row.role, row.type) for row in connection.execute(text("SELECT role, type FROM log.emitters"))}
    for role, type_name in present - wanted:
        connection.execute(text("DELETE FROM log.emitters WHERE role = :role AND type = :type"), {"role": role, "type": type_name})
    for role, type_name in wanted - present:
        connection.execute(text("INSERT INTO log.emitters (role, type) VALUES (:role, :type)"), {"role": role, "type": type_name})
