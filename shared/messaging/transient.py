"""Which errors pass by themselves: the database is away, a lock or a race was lost. They never make an event poison."""

import psycopg
from sqlalchemy import exc

from shared.eventlog import ConcurrentAppend

_TIMEOUTS = ("25P03", "25P04")
"""idle_in_transaction_session_timeout, transaction_timeout: psycopg files them under InternalError."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed a little later."""
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_transient(error.orig))
    if isinstance(error, psycopg.Error) and error.sqlstate in _TIMEOUTS:
        return True
    passing = (ConcurrentAppend, ConnectionError, TimeoutError, exc.TimeoutError, psycopg.OperationalError, psycopg.InterfaceError)
    return isinstance(error, passing)
