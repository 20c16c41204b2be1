"""One's worklist: open issues with the clock that counts, narrowed and paged."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request

from services.routing import repository
from services.routing.bootstrap import App
from services.routing.domain.commands import Actor, Context
from services.routing.domain.countdown import Countdown, Standing, countdown, standing_of
from services.routing.domain.prospects import foretold
from services.routing.entrypoints.issues import actor_of
from services.routing.entrypoints.staff_views import WorkItem, Worklist, countdown_view
from services.routing.repository import Narrowed, Part, part_of
from services.routing.snapshot import Clocks
from services.routing.tables import IssueRow
from shared.contracts.values import Priority
from shared.problem_texts import Language
from shared.problems import FieldError, invalid, language_of
from shared.regions import UnknownRegion, prefix
from shared.security.access import check
from shared.security.dependencies import Staff
from shared.web.call import describe
from shared.web.cursors import cursor_after, place_of
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1", tags=["worklist"])

SHOWN = ("issue_id", "number", "village", "title", "category", "topic", "priority", "state", "level", "unit", "officer_id", "due_at")
_NEVER = datetime.max.replace(tzinfo=UTC)
"""Where what has no deadline stands."""


@router.get("/worklist", summary="Own open issues, soonest deadline first", responses=READ_PROBLEMS)
async def worklist(
    request: Request,
    principal: Staff,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
    q: Annotated[str, Query(max_length=80, description="A part of the number, the title, or the name of the place.")] = "",
    region: Annotated[str, Query(description="12-digit code of a county, township or village.")] = "",
    topic: Annotated[str, Query(max_length=100)] = "",
    priority: Priority | None = None,
    part: Annotated[Part | None, Query(description="Why it is on the list.")] = None,
    standing: Annotated[Standing | None, Query(description="Overdue, due soon, being worked on, paused, or done.")] = None,
) -> Worklist:
    """A page: `items`, and `next` for the following one (null: it was the last). `counts` are of all pages, whatever the standing."""
    describe("read_worklist")
    check(principal, "read_worklist")
    app: App = request.app.state.services
    text = q.strip()
    places = tuple(each.code for each in app.regions if text in each.full_name) if text else ()
    narrowed = Narrowed(text, places, _prefix(region), topic, priority or "", part)
    actor = actor_of(principal)
    after = place_of(cursor) if cursor is not None else None
    async with app.database.transaction() as session:
        context = await app.contexts.context(session)
        rows = await repository.worklist(session, actor, narrowed)
    listed = sorted((_Listed.of(row, actor, context) for row in rows), key=lambda each: each.place)
    counts = Counter(each.standing for each in listed)
    wanted = [each for each in listed if standing in (None, each.standing) and (after is None or each.place > after)]
    language, page = language_of(request), wanted[:limit]
    return Worklist(
        items=[each.item(language) for each in page],
        next=cursor_after(*page[-1].place) if len(wanted) > limit else None,
        counts={each: counts[each] for each in get_args(Standing)},
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row with why it is on the list, its clocks, and the one that counts."""

    row: IssueRow
    part: Part
    clocks: Clocks | None
    clock: Countdown | None

    @classmethod
    def of(cls, row: IssueRow, actor: Actor, context: Context) -> "_Listed":
        part = part_of(row, actor)
        clocks = Clocks.model_validate(row.clocks) if row.clocks is not None else None
        return cls(row, part, clocks, _clock(clocks, part, actor, row, context) if clocks else None)

    @property
    def place(self) -> tuple[datetime, str]:
        """Soonest first, what has no deadline last."""
        return self.clock.due_at if self.clock else self.row.due_at or _NEVER, self.row.issue_id

    @property
    def standing(self) -> Standing:
        return standing_of(self.row.state, self.clock)

    def item(self, language: Language) -> WorkItem:
        row, clock = self.row, self.clock
        told = foretold(clock.kind, row.level, anonymous=self.clocks.anonymous) if clock and self.clocks else None  # pyright: ignore[reportArgumentType]
        return WorkItem(
            **{name: getattr(row, name) for name in SHOWN},
            version=row.version,
            awaits=row.awaits_role,
            raised_at=row.raised_at,
            part=self.part,
            clock=countdown_view(clock),
            if_missed=told[0 if language == "zh-CN" else 1] if told else None,
            tasks=len(row.task_units),
        )


def _clock(clocks: Clocks, part: Part, actor: Actor, row: IssueRow, context: Context) -> Countdown | None:
    """The clock that counts for `actor`: an invited unit's is its task's."""
    calendar = context.calendar(row.village)
    own = [each for each in clocks.deadlines if part == "task" and clocks.task_units.get(each.deadline_id) in actor.units]
    if own:
        return countdown(own, (), None, calendar, context.now)
    return countdown(clocks.deadlines, clocks.paused, clocks.lapsed, calendar, context.now)


def _prefix(region: str) -> str:
    try:
        return prefix(region) if region else ""
    except UnknownRegion:
        raise invalid(FieldError("/region", "unknown_region", location="query")) from None
