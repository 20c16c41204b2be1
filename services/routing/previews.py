"""What other rules would do to every open issue, without writing: the same `moves` that a roll-out calls, over the issue rows."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.domain.clocks import ruled_by
from services.routing.domain.commands import Context
from services.routing.domain.rollout import Move, moves
from services.routing.domain.rulebook import Rulebook
from services.routing.domain.state import Issue
from services.routing.snapshot import COLUMNS, issue_of
from shared.contracts.routing import OpenIssues

PAGE = 2_000
"""Rows that are held in memory at once."""

WORST = 20
"""Issues that a preview names: those whose deadline moves forward most."""

_PAGE = text(
    f"SELECT {COLUMNS} FROM issues WHERE state <> 'closed' AND next_at IS NOT NULL AND issue_id > :after ORDER BY issue_id LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class Planned:
    """An issue that new rules would move."""

    issue: Issue
    moves: tuple[Move, ...]

    @property
    def forward(self) -> float:
        """By how many seconds the deadline that moves forward most does; not positive."""
        return min(0.0, *(move.seconds for move in self.moves))


@dataclass(frozen=True, slots=True)
class Page:
    """What was looked at: how many issues, those that would move, and those whose row cannot be read."""

    looked_at: int
    planned: list[Planned]
    unreadable: list[str]


async def affected(session: AsyncSession, context: Context, former: Mapping[int, Rulebook], mode: OpenIssues) -> AsyncIterator[Page]:
    """Every open issue, a page at a time. Computed in a thread: the service answers others meanwhile."""
    after = ""
    while True:
        rows = (await session.execute(_PAGE, {"after": after, "limit": PAGE})).mappings().all()
        if not rows:
            return
        yield await asyncio.to_thread(_looked_at, rows, context, former, mode)
        after = rows[-1]["issue_id"]


def _looked_at(rows: Sequence[Mapping[Any, Any]], context: Context, former: Mapping[int, Rulebook], mode: OpenIssues) -> Page:
    planned: list[Planned] = []
    unreadable: list[str] = []
    for row in rows:
        if row["clocks"] is None:
            continue
        try:
            issue = issue_of(row)
        except ValidationError:
            unreadable.append(row["issue_id"])
            continue
        found = moves(issue, context, former, mode)
        if found:
            planned.append(Planned(issue, found))
    return Page(len(rows), planned, unreadable)


@dataclass(slots=True)
class Preview:
    """What would happen: issues looked at and moved, deadlines that come sooner or later, and those that would be overdue at once.

    The latter get the policy's grace. `by_level` and `by_topic` count the same for each level and topic; `worst` are the issues whose
    deadline moves forward most.
    """

    open: int = 0
    moved: int = 0
    earlier: int = 0
    later: int = 0
    overdue_at_once: int = 0
    by_level: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    by_topic: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    worst: list[Planned] = field(default_factory=list[Planned])

    def add(self, page: Page) -> None:
        """Count a page."""
        self.open += page.looked_at
        self.moved += len(page.planned)
        for each in page.planned:
            tallies = (self.by_level.setdefault(each.issue.level or "", Counter()), self.by_topic.setdefault(each.issue.topic, Counter()))
            kinds = [name for move in each.moves for name in _kinds(move)]
            self.earlier += kinds.count("earlier")
            self.later += kinds.count("later")
            self.overdue_at_once += kinds.count("overdue_at_once")
            for tally in tallies:
                tally["issues"] += 1
                for name in kinds:
                    tally[name] += 1
        sooner = (each for each in page.planned if each.forward < 0)
        self.worst = nsmallest(WORST, (*self.worst, *sooner), key=lambda each: (each.forward, each.issue.number))

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "open": self.open,
            "moved": self.moved,
            "earlier": self.earlier,
            "later": self.later,
            "overdue_at_once": self.overdue_at_once,
            "by_level": self.by_level,
            "by_topic": self.by_topic,
            "worst": [shown(each) for each in self.worst],
        }


def _kinds(move: Move) -> tuple[str, ...]:
    direction = "earlier" if move.seconds < 0 else "later"
    return (direction, "overdue_at_once") if move.grace else (direction,)


async def preview(session: AsyncSession, context: Context, former: Mapping[int, Rulebook], mode: OpenIssues) -> Preview:
    """Look at every open issue."""
    found = Preview()
    async for page in affected(session, context, former, mode):
        found.add(page)
    return found


def shown(planned: Planned) -> dict[str, Any]:
    """An issue of a preview, as JSON."""
    issue = planned.issue
    return {
        "issue_id": issue.issue_id,
        "number": issue.number,
        "village": issue.village,
        "level": issue.level,
        "topic": issue.topic,
        "moves": [_move(move) for move in planned.moves],
    }


def _move(move: Move) -> dict[str, Any]:
    return {
        "deadline_id": move.former.deadline_id,
        "kind": move.former.kind,
        "from": move.former.due_at,
        "to": move.deadline.due_at,
        "seconds": round(move.seconds),
        "grace": move.grace,
        "paused": move.clock is not None,
    }


def why(issue: Issue, context: Context, former: Mapping[int, Rulebook], mode: OpenIssues) -> dict[str, Any]:
    """What changes for one issue, and why: for each running deadline the rule before and after, and every rule that lost."""
    planned = Planned(issue, moves(issue, context, former, mode))
    facts = issue.facts()
    reasons: list[dict[str, Any]] = []
    for deadline in (*issue.running, *(clock.deadline for clock in issue.paused)):
        if deadline.allowance is None:
            reasons.append({"deadline_id": deadline.deadline_id, "kind": deadline.kind, "fixed": "chosen"})
            continue
        setting = ruled_by(deadline)
        rule, allowance = context.rules.allowance(setting, facts)
        reasons.append(
            {
                "deadline_id": deadline.deadline_id,
                "kind": deadline.kind,
                "fixed": "extended" if deadline.extended else "grace" if deadline.setting == "grace" else None,
                "before": {"rule": deadline.rule, "allowance": deadline.allowance.model_dump(), "policy_version": deadline.policy_version},
                "after": {"rule": rule, "allowance": allowance.model_dump()},
                "contenders": [
                    {"rule": each.rule.rule, "lost": each.lost, "misfits": each.misfits}
                    for each in context.rules.contenders(setting, facts)
                ],
            }
        )
    return shown(planned) | {"reasons": reasons}
