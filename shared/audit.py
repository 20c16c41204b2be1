"""The audit: one entry for every command, refused ones too (MLPS level 3; invariant I8). Entries are added, never changed.

A command's handler writes its entry with `record` inside the command's own transaction, so that effect and entry stand or fall together.
For a request that ended without one (refused, failed, or a command that has no effect) the middleware writes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database import after_commit, execute
from shared.ids import new_id
from shared.telemetry import current_trace_id
from shared.web.call import Call, current_call


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is kept of a command. What is None is taken from the request being served, where there is one.

    Args:
        action: what was asked for, e.g. `resolve`.
        result: `ok`, or the stable code of the refusal.
        status: HTTP status of the answer.
        who: account, or `reporter`, `anonymous`, `system`.
        role: role of the account.
        region: 12-digit code of what it was done to.
        issue_id: the issue.
        before: state before, without personal data.
        after: state after, without personal data.
    """

    action: str
    result: str = "ok"
    status: int | None = None
    who: str | None = None
    role: str | None = None
    region: str | None = None
    issue_id: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


audit = Table(
    "audit",
    MetaData(),
    Column("entry_id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("who", Text, nullable=False),
    Column("role", Text),
    Column("action", Text, nullable=False),
    Column("region", Text),
    Column("issue_id", Text),
    Column("address", Text),
    Column("result", Text, nullable=False),
    Column("status", Integer),
    Column("trace_id", Text),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Index("audit_at", "at"),
    Index("audit_issue", "issue_id"),
)


async def record(session: AsyncSession, entry: Entry) -> None:
    """Write the entry of the current command in the transaction of its effect. The middleware then writes none."""
    call = current_call()
    await _insert(session, entry, call)
    if call is not None:
        after_commit(session, call.mark_audited)


async def record_refused(session: AsyncSession, call: Call, status: int) -> None:
    """Write the entry of a request that ended without one."""
    entry = Entry(action=call.action or call.route, result=call.code, status=status)
    await _insert(session, entry, call)


async def _insert(session: AsyncSession, entry: Entry, call: Call | None) -> None:
    row = _row(entry, call)
    await execute(session, f"INSERT INTO audit ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", tuple(row.values()))


def _row(entry: Entry, call: Call | None) -> dict[str, object]:
    """Column → value. The columns are always the same, so that the statement is prepared once."""
    principal = call.principal if call else None
    return {
        "entry_id": new_id(),
        "who": entry.who or (principal.subject if principal else "anonymous" if call else "system"),
        "role": entry.role or (principal.role if principal else None),
        "action": entry.action,
        "region": entry.region or (call.region if call else None),
        "issue_id": entry.issue_id or (call.issue_id if call else None),
        "address": call.address if call else None,
        "result": entry.result,
        "status": entry.status,
        "trace_id": current_trace_id(),
        "before": Jsonb(dict(entry.before)) if entry.before is not None else None,
        "after": Jsonb(dict(entry.after)) if entry.after is not None else None,
    }
