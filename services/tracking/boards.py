"""Queries of the public board: what of a region everybody may see, narrowed down, and in which order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, case, func, literal_column, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.tracking.repository import COUNTED, LEDGER, NEVER, OPEN, OWED, in_region
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
_IS_CLOSED = LEDGER.state == literal_column("'closed'")
"""Spelled out, as the indexes of what is closed do: a plan for any state could not use them."""
_BEING_WORKED_ON = tuple(state for state in OPEN if state not in _SETTLED)


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
        self._allowed = shown
        self.full = sorted(topic for topic in shown if in_full(topic, shown))

    @classmethod
    async def load(cls, session: AsyncSession) -> "Boards":
        """As the directory has it now."""
        topic = table_of(Topics).c
        rows = (await session.execute(select(topic.code, topic.board))).all()
        return cls({row.code: row.board for row in rows})

    async def rows(self, session: AsyncSession, narrowed: Narrowed, *, order: Order, limit: int, offset: int) -> list[Row[Any]]:
        """Rows of the ledger, in order."""
        asked = select(LIVE.ledger).where(*self._shown(narrowed), self._standing(narrowed.standing))
        if order == "newest":
            chosen = asked.where(self._open_or_closed(narrowed))
            query = chosen.order_by(LEDGER.raised_at.desc(), LEDGER.issue_id.desc()).limit(limit).offset(offset)
            return list((await session.execute(query)).all())
        first, last = asked.where(LEDGER.state.in_(OPEN)), asked.where(*self._closed(narrowed))
        rows: list[Row[Any]] = []
        if narrowed.standing != _CLOSED:
            rows += (await session.execute(first.order_by(*self._urgent()).limit(limit).offset(offset))).all()
            if narrowed.standing is not None or len(rows) == limit:
                return rows
            if not rows:
                offset -= (await session.execute(select(func.count()).select_from(first.subquery()))).scalar_one()
            else:
                offset = 0
        last = last.order_by(LEDGER.closed_at.desc(), LEDGER.issue_id.desc()).limit(limit - len(rows)).offset(offset)
        return [*rows, *(await session.execute(last)).all()]

    async def counts(self, session: AsyncSession, narrowed: Narrowed) -> Counts:
        """Whatever standing is asked for, so that the others show too."""
        late = select(func.count()).where(*self._shown(narrowed), self._overdue())
        return Counts(await self._by_state(session, narrowed), (await session.execute(late)).scalar_one())

    async def _by_state(self, session: AsyncSession, narrowed: Narrowed) -> dict[str, int]:
        """From the counts where they know all that is asked for. What was closed within some days is counted by its own index."""
        if narrowed.search:
            chosen = (*self._shown(narrowed), self._open_or_closed(narrowed))
            query = select(LEDGER.state, func.count().label("n")).where(*chosen).group_by(LEDGER.state)
            return {row.state: row.n for row in (await session.execute(query)).all()}
        alike = select(COUNTED.state, func.sum(COUNTED.n).label("n")).where(*self._counted(narrowed, COUNTED))
        found = {row.state: row.n for row in (await session.execute(alike.group_by(COUNTED.state))).all() if row.n}
        if narrowed.closed_within is not None:
            closed = select(func.count()).where(*self._shown(narrowed), *self._closed(narrowed))
            found[_CLOSED] = (await session.execute(closed)).scalar_one()
        return found

    def _counted(self, narrowed: Narrowed, of: Any) -> list[ColumnElement[bool]]:
        """The conditions that the counts know too; `of` are columns of theirs or the ledger's."""
        conditions = [in_region(of, narrowed.region), on_board(of, self._allowed)]
        if narrowed.topic:
            conditions += [of.topic == narrowed.topic, of.topic.in_(self.full)]
        if narrowed.level:
            conditions.append(of.level == narrowed.level)
        return conditions

    def _shown(self, narrowed: Narrowed) -> list[ColumnElement[bool]]:
        conditions = self._counted(narrowed, LEDGER)
        if narrowed.search:
            found = LEDGER.title.icontains(narrowed.search, autoescape=True)
            conditions += [LEDGER.topic.in_(self.full), or_(LEDGER.number.endswith(narrowed.search, autoescape=True), found)]
        return conditions

    def _closed(self, narrowed: Narrowed) -> list[ColumnElement[bool]]:
        """What is closed, and not too long ago."""
        if narrowed.closed_within is None:
            return [_IS_CLOSED]
        return [_IS_CLOSED, LEDGER.closed_at > func.now() - func.make_interval(0, 0, 0, narrowed.closed_within)]

    def _open_or_closed(self, narrowed: Narrowed) -> ColumnElement[bool]:
        return true() if narrowed.closed_within is None else or_(LEDGER.state.in_(OPEN), and_(*self._closed(narrowed)))

    def _standing(self, standing: Standing | None) -> ColumnElement[bool]:
        match standing:
            case None:
                return true()
            case "open":
                return LEDGER.state.in_(_BEING_WORKED_ON)
            case "overdue":
                return self._overdue()
            case "paused":
                return LEDGER.state == "suspended"
            case "settled":
                return LEDGER.state.in_(_SETTLED)
            case "closed":
                return _IS_CLOSED

    def _overdue(self) -> ColumnElement[bool]:
        states = (state for state in _BEING_WORKED_ON if state != "suspended")
        return and_(func.now() > OWED, LEDGER.state.in_(states), LEDGER.topic.in_(self.full))

    def _urgent(self) -> list[ColumnElement[Any]]:
        """The order of what is not closed. Closed ones come behind it, in an order that has an index of its own."""
        rank = case((self._overdue(), 0), (LEDGER.state.in_(_SETTLED), 2), else_=1)
        settled = case((LEDGER.state.in_(_SETTLED), LEDGER.resolved_at))
        due = case((LEDGER.topic.in_(self.full), OWED), else_=NEVER)
        return [rank, settled.desc().nulls_last(), due, LEDGER.issue_id]
