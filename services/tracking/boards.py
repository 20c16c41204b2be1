"""Queries of the public board: what of a region everybody may see, narrowed down, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import LEDGER, NEVER, in_region
from services.tracking.tables import LIVE, Topics
from shared.board import in_full, on_board
from shared.contracts.values import Level
from shared.database import table_of

Standing = Literal["open", "overdue", "paused", "settled", "closed"]
"""Being worked on (overdue and paused ones too), past a deadline, paused, settled but not struck off, struck off."""

Order = Literal["newest", "urgent"]
"""`urgent`: overdue first, then the soonest deadline, then what is settled, then what was struck off last."""

_SETTLED = ("resolved", "answered", "visit_due")
_CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a board is narrowed down to; what is None or empty narrows nothing. `closed_within`: days since struck-off ones were."""

    region: str
    standing: Standing | None = None
    topic: str | None = None
    level: Level | None = None
    search: str | None = None
    closed_within: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many issues each state has, and how many are past a deadline."""

    by_state: Mapping[str, int]
    overdue: int

    def of(self, standing: Standing | None) -> int:
        """How many stand like that."""
        settled = sum(self.by_state.get(state, 0) for state in _SETTLED)
        closed, every = self.by_state.get(_CLOSED, 0), sum(self.by_state.values())
        paused = self.by_state.get("suspended", 0)
        return {
            None: every,
            "open": every - settled - closed,
            "overdue": self.overdue,
            "paused": paused,
            "settled": settled,
            "closed": closed,
        }[standing]


class Boards:
    """The board for what the directory lets it show of each topic: `full` or `category`; other topics, and conduct, are left out.

    Of topics that show the category only nothing can be found out: they match no search, no topic and no deadline.
    """

    def __init__(self, shown: Mapping[str, str]) -> None:
        self._on_board = on_board(LEDGER, shown)
        self.full = sorted(topic for topic in shown if in_full(topic, shown))

    @classmethod
    async def load(cls, session: AsyncSession) -> "Boards":
        """As the directory has it now."""
        topic = table_of(Topics).c
        rows = (await session.execute(select(topic.code, topic.board))).all()
        return cls({row.code: row.board for row in rows})

    async def rows(self, session: AsyncSession, narrowed: Narrowed, *, order: Order, limit: int, offset: int) -> list[Row[Any]]:
        """Rows of the ledger, in order."""
        query = select(LIVE.ledger).where(self._shown(narrowed), self._standing(narrowed.standing))
        return list((await session.execute(query.order_by(*self._order(order)).limit(limit).offset(offset))).all())

    async def counts(self, session: AsyncSession, narrowed: Narrowed) -> Counts:
        """Whatever standing is asked for, so that the others show too."""
        late = func.count().filter(self._overdue()).label("late")
        query = select(LEDGER.state, func.count().label("n"), late).where(self._shown(narrowed)).group_by(LEDGER.state)
        rows = (await session.execute(query)).all()
        return Counts({row.state: row.n for row in rows}, sum(row.late for row in rows))

    def _shown(self, narrowed: Narrowed) -> ColumnElement[bool]:
        conditions = [in_region(LEDGER, narrowed.region), self._on_board]
        if narrowed.topic:
            conditions += [LEDGER.topic == narrowed.topic, LEDGER.topic.in_(self.full)]
        if narrowed.level:
            conditions.append(LEDGER.level == narrowed.level)
        if narrowed.search:
            found = LEDGER.title.icontains(narrowed.search, autoescape=True)
            conditions += [LEDGER.topic.in_(self.full), or_(LEDGER.number.endswith(narrowed.search, autoescape=True), found)]
        if narrowed.closed_within is not None:
            recently = func.clock_timestamp() - func.make_interval(0, 0, 0, narrowed.closed_within)
            conditions.append(or_(LEDGER.state != _CLOSED, LEDGER.closed_at > recently))
        return and_(*conditions)

    def _standing(self, standing: Standing | None) -> ColumnElement[bool]:
        match standing:
            case None:
                return true()
            case "open":
                return LEDGER.state.not_in((*_SETTLED, _CLOSED))
            case "overdue":
                return self._overdue()
            case "paused":
                return LEDGER.state == "suspended"
            case "settled":
                return LEDGER.state.in_(_SETTLED)
            case "closed":
                return LEDGER.state == _CLOSED

    def _overdue(self) -> ColumnElement[bool]:
        late = or_(LEDGER.overdue_since.is_not(None), func.coalesce(LEDGER.due_at < func.clock_timestamp(), text("false")))
        return and_(late, LEDGER.state.not_in((*_SETTLED, _CLOSED, "suspended")), LEDGER.topic.in_(self.full))

    def _order(self, order: Order) -> list[ColumnElement[Any]]:
        if order == "newest":
            return [LEDGER.raised_at.desc(), LEDGER.issue_id.desc()]
        rank = case((self._overdue(), 0), (LEDGER.state == _CLOSED, 3), (LEDGER.state.in_(_SETTLED), 2), else_=1)
        due = case((LEDGER.topic.in_(self.full), func.coalesce(LEDGER.overdue_since, LEDGER.due_at)))
        return [rank, func.coalesce(LEDGER.closed_at, LEDGER.resolved_at).desc().nulls_last(), func.coalesce(due, NEVER), LEDGER.issue_id]
