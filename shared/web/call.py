"""What is known of the request at hand: filled in on its way, read by the audit, the metrics and the logs."""

from contextvars import ContextVar
from dataclasses import dataclass

from shared.security.principal import Principal


@dataclass(slots=True)
class Call:
    """One HTTP request.

    Args:
        method: HTTP method.
        address: the caller's address.
        route: template of the path, e.g. `/api/tracking/v1/issues/{issue_id}`; never the path itself, which may hold a tracking token.
        action: what the caller wants, in the words of the access table where it is there.
        principal: the staff member, once known.
        region: 12-digit code of what it is done to, once known.
        issue_id: the issue, once known.
        code: stable code of the problem that was answered, or `ok`.
        audited: whether the command's own transaction has written its audit entry.
    """

    method: str
    address: str
    route: str = ""
    action: str = ""
    principal: Principal | None = None
    region: str | None = None
    issue_id: str | None = None
    code: str = "ok"
    audited: bool = False

    async def mark_audited(self) -> None:
        """Called once the transaction with the audit entry is committed."""
        self.audited = True


_CALL: ContextVar[Call | None] = ContextVar("huiyin_call", default=None)


def current_call() -> Call | None:
    """The request being served, or None outside of one (a subscriber, a worker, the command line)."""
    return _CALL.get()


def begin(call: Call) -> None:
    """Make `call` the current one of this task."""
    _CALL.set(call)


def refused(code: str) -> None:
    """Tell audit, metrics and traces which problem the current request is answered with."""
    call = _CALL.get()
    if call is not None:
        call.code = code


def describe(action: str, *, region: str | None = None, issue_id: str | None = None) -> None:
    """Tell audit, metrics and traces what the current request is about; before access is checked, so that refusals say it too."""
    call = _CALL.get()
    if call is not None:
        call.action, call.region, call.issue_id = action, region or call.region, issue_id or call.issue_id
