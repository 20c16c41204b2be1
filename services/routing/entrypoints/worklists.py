"""One's worklist: open issues with the clock that counts, narrowed and paged."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.routing import repository
from services.routing.bootstrap import App
from services.routing.domain.commands import Actor, Context
from services.routing.domain.countdown import Countdown, countdown
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
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1", tags=["worklist"])

SHOWN = ("issue_id", "number", "village", "title", "category", "topic", "priority", "state", "level", "unit", "officer_id", "due_at")


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
) -> Worklist:
    """A page: `items`, and `next` for the following one (null: it was the last)."""
    describe("read_worklist")
    check(principal, "read_worklist")
    app: App = request.app.state.services
    text = q.strip()
    places = tuple(each.code for each in app.regions if text in each.full_name) if text else ()
    narrowed = Narrowed(text, places, _prefix(region), topic, priority or "", part)
    actor = actor_of(principal)
    async with app.database.transaction() as session:
        context = await app.contexts.context(session)
        rows = await repository.worklist(session, actor, narrowed=narrowed, after=_place(cursor), limit=limit + 1)
    more = rows[limit - 1] if len(rows) > limit else None
    language = language_of(request)
    return Worklist(items=[_item(row, actor, context, language) for row in rows[:limit]], next=_cursor(more) if more else None)


def _item(row: IssueRow, actor: Actor, context: Context, language: Language) -> WorkItem:
    part = part_of(row, actor)
    clocks = Clocks.model_validate(row.clocks) if row.clocks is not None else None
    clock = _clock(clocks, part, actor, row, context) if clocks else None
    level = row.level
    told = foretold(clock.kind, level, anonymous=clocks.anonymous) if clock and clocks else None  # pyright: ignore[reportArgumentType]
    return WorkItem(
        **{name: getattr(row, name) for name in SHOWN},
        version=row.version,
        awaits=row.awaits_role,
        raised_at=row.raised_at,
        part=part,
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


def _cursor(row: IssueRow) -> str:
    return f"{row.due_at.isoformat() if row.due_at else ''}|{row.issue_id}"


def _place(cursor: str | None) -> tuple[datetime | None, str] | None:
    if cursor is None:
        return None
    due, separator, issue_id = cursor.partition("|")
    try:
        instant = datetime.fromisoformat(due) if due else None
    except ValueError:
        separator = ""
        instant = None
    if not separator or (instant is not None and instant.tzinfo is None):
        raise invalid(FieldError("/cursor", "cursor_invalid"))
    return instant, issue_id
