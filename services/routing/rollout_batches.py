"""What the steps of a roll-out do to rows and log: queue the issues in their order, move a batch of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.routing.domain.commands import Context
from services.routing.domain.evolve import evolve
from services.routing.domain.rollout import change
from services.routing.domain.rulebook import Rulebook
from services.routing.domain.state import Issue
from services.routing.previews import affected
from services.routing.snapshot import COLUMNS, clocks_of, issue_of
from services.routing.tables import Rollout, RolloutIssue
from shared.contracts.routing import OpenIssues
from shared.database import execute, table_of
from shared.eventlog import Append, EventLog, Head
from shared.ids import new_id

_BATCH = text(
    f"SELECT {COLUMNS}, head_version, head_hash"
    " FROM issues JOIN (SELECT stream, version, hash FROM log.streams) AS s (stream, head_version, head_hash) ON s.stream = issue_id"
    " WHERE issue_id = ANY(:ids) ORDER BY issue_id"
)
"""In the order in which `append_each` locks streams, so that nobody who appends to several waits for this in a circle."""

_SAVE = (
    "UPDATE issues AS i SET clocks = n.clocks, due_at = n.due_at, next_at = n.next_at, policy_version = n.policy_version,"
    " version = n.version, stream_version = n.version"
    " FROM jsonb_to_recordset(%s::jsonb) AS n (issue_id text, clocks jsonb, due_at timestamptz, next_at timestamptz,"
    " policy_version int, version int) WHERE i.issue_id = n.issue_id"
)
_BLIND = text("SELECT issue_id FROM issues WHERE state <> 'closed' AND next_at IS NOT NULL AND clocks IS NULL ORDER BY next_at")

PART = 25
"""Issues that are computed while the database writes those before them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an issue: `moved`, `unchanged` or `failed` with why. `wake_at`: its workflow waits for a later instant than this."""

    name: str
    wake_at: datetime | None = None
    error: str | None = None


def forward(before: datetime | None, after: datetime | None) -> datetime | None:
    """The next instant, where it came forward: then the issue's workflow has to know."""
    return after if after is not None and (before is None or after < before) else None


async def queue(session: AsyncSession, rollout: Rollout, context: Context, former: Mapping[int, Rulebook]) -> int:
    """Queue what is to be moved and is not queued yet: the soonest new deadline first. Returns how many."""
    mode: OpenIssues = rollout.mode  # pyright: ignore[reportAssignmentType]
    found: list[tuple[datetime, str]] = []
    # Rows that tell nothing of their clocks are looked at last, one by one, through their streams.
    blind: list[str] = list((await session.execute(_BLIND)).scalars())
    async for page in affected(session, context, former, mode):
        found += [(min(move.deadline.due_at for move in each.moves), each.issue.issue_id) for each in page.planned]
        blind += page.unreadable
    known = select(col(RolloutIssue.issue_id)).where(col(RolloutIssue.rollout_id) == rollout.rollout_id)
    queued = set((await session.execute(known)).scalars())
    ordered = [issue_id for issue_id in (*(issue_id for _, issue_id in sorted(found)), *blind) if issue_id not in queued]
    first = rollout.total or 0
    rows = [{"rollout_id": rollout.rollout_id, "place": first + turn, "issue_id": each} for turn, each in enumerate(ordered)]
    if rows:
        await session.execute(insert(table_of(RolloutIssue)), rows)
    return len(rows)


async def move(
    session: AsyncSession, log: EventLog, ids: Sequence[str], rollout: Rollout, context: Context, former: Mapping[int, Rulebook]
) -> dict[str, Outcome]:
    """Move those whose row is up to date and that owe nothing: by issue, what came of it. The others are left out."""
    rows = (await session.execute(_BATCH, {"ids": list(ids)})).mappings().all()
    parts = (_move(session, log, rows[first : first + PART], rollout, context, former) for first in range(0, len(rows), PART))
    outcomes: dict[str, Outcome] = {}
    # All end before the transaction does, whatever one of them meets.
    for part in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(part, BaseException):
            raise part
        outcomes |= part
    return outcomes


async def _move(
    session: AsyncSession,
    log: EventLog,
    rows: Sequence[Mapping[Any, Any]],
    rollout: Rollout,
    context: Context,
    former: Mapping[int, Rulebook],
) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    appends: list[Append] = []
    changed: dict[str, tuple[Issue, datetime]] = {}
    mode: OpenIssues = rollout.mode  # pyright: ignore[reportAssignmentType]
    for row in rows:
        if row["stream_version"] != row["head_version"]:
            continue
        if row["state"] == "closed" or row["next_at"] is None:
            outcomes[row["issue_id"]] = Outcome("unchanged")
            continue
        if row["clocks"] is None or row["next_at"] <= context.now:
            continue
        try:
            issue = issue_of(row)
        except ValidationError:
            continue
        events = change(issue, context, former, mode=mode, reason=rollout.reason, rollout_id=rollout.rollout_id)
        if not events:
            outcomes[issue.issue_id] = Outcome("unchanged")
            continue
        changed[issue.issue_id] = issue, row["next_at"]
        head = Head(row["head_version"], row["head_hash"], issue.village)
        appends.append(Append(issue.issue_id, events[0], head, issue.correlation_id or new_id(), None))
    saved: list[dict[str, Any]] = []
    for stream, recorded in (await log.append_each(session, appends, now=context.now)).items():
        before, next_at = changed[stream]
        after = evolve(before, recorded)
        saved.append(_row_of(after))
        outcomes[stream] = Outcome("moved", forward(next_at, after.next_instant))
    if saved:
        await execute(session, _SAVE, (orjson.dumps(saved).decode(),))
    return outcomes


def _row_of(issue: Issue) -> dict[str, Any]:
    """What a move changes in an issue's row."""
    return {
        "issue_id": issue.issue_id,
        "clocks": orjson.Fragment(clocks_of(issue).model_dump_json(exclude_defaults=True)),
        "due_at": issue.due_at,
        "next_at": issue.next_instant,
        "policy_version": max((deadline.policy_version for deadline in issue.running), default=None),
        "version": issue.stream_version,
    }
