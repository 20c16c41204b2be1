"""What passes by itself never makes an event poison; what does not, does."""

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import exc

from shared.eventlog import ConcurrentAppend, ForbiddenEvent
from shared.messaging.transient import is_transient


def wrapped(error: Exception) -> exc.DBAPIError:
    return exc.DBAPIError("SELECT 1", None, error)


PASSING = [
    ConcurrentAppend(),
    psycopg.OperationalError("server closed the connection"),
    errors.DeadlockDetected(),
    errors.lookup("25P04")(),  # transaction_timeout
    wrapped(errors.AdminShutdown()),
    exc.TimeoutError(),
    ConnectionRefusedError(),
]
LASTING = [ForbiddenEvent(), ValueError(), KeyError(), errors.UniqueViolation(), wrapped(errors.UndefinedTable())]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_passes(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_lasts(error: Exception) -> None:
    assert not is_transient(error)
