"""Filters of the worklist that somebody gave a name: their own, and few."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from services.routing import repository
from services.routing.bootstrap import App
from services.routing.repository import MOST_FILTERS, Part
from services.routing.tables import SavedFilter
from shared import idempotency
from shared.contracts.values import Priority
from shared.ids import is_id
from shared.problem_texts import register_texts
from shared.problems import Problem, not_found
from shared.security.access import check
from shared.security.dependencies import ClientAddress, Staff
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import RequestModel, body_of, parse

register_texts(
    {
        "too_many_filters": (
            "存的筛选太多",
            "Too many saved filters",
            "最多存 {most} 个;请先删掉一个。",
            "At most {most} can be kept; remove one first.",
        )
    }
)

router = APIRouter(prefix="/v1", tags=["worklist"])

Tab = Literal["all", "over", "warn", "act", "pause", "done"]


class Filter(RequestModel):
    """What of the worklist is shown, as the address of its page says it."""

    tab: Tab = "all"
    q: Annotated[str, Field(max_length=80)] = ""
    region: Annotated[str, Field(pattern="^([0-9]{12})?$")] = ""
    topic: Annotated[str, Field(max_length=100)] = ""
    priority: Priority | Literal[""] = ""
    part: Part | Literal[""] = ""


class SaveFilter(RequestModel):
    """A filter and its name; the same name again replaces it."""

    name: Annotated[str, AfterValidator(str.strip), Field(min_length=1, max_length=40)]
    filter: Filter


class FilterView(BaseModel):
    """A saved filter."""

    filter_id: str
    name: str
    filter: Filter


class Filters(BaseModel):
    """One's saved filters, by name."""

    items: list[FilterView]


@router.get("/worklist/filters", summary="One's saved filters", responses=READ_PROBLEMS)
async def filters(request: Request, principal: Staff) -> Filters:
    """By name."""
    describe("read_worklist")
    check(principal, "read_worklist")
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        rows = await repository.filters_of(session, principal.subject)
    return Filters(items=[_shown(row) for row in rows])


@router.post("/worklist/filters", summary="Save a filter", status_code=201, responses=COMMAND_PROBLEMS, openapi_extra=body_of(SaveFilter))
async def save(request: Request, principal: Staff, address: ClientAddress) -> Response:
    """Under a name; the same name again replaces it. At most 20 are kept."""
    describe("save_filter")
    check(principal, "read_worklist")
    await request.app.state.limiter.admit(principal, address)
    claimed = await idempotency.claim(request, idempotency.caller_of(principal, address))
    body = await parse(SaveFilter, request)
    app: App = request.app.state.services

    async def saved() -> idempotency.Answer:
        row = await repository.save_filter(session, principal.subject, body.name, body.filter.model_dump(exclude_defaults=True))
        if row is None:
            raise Problem("too_many_filters", 409, most=MOST_FILTERS)
        return idempotency.Answer(201, _shown(row).model_dump())

    async with app.database.transaction() as session:
        return await idempotency.once(session, claimed, saved)


@router.delete("/worklist/filters/{filter_id}", summary="Remove a saved filter", status_code=204, responses=COMMAND_PROBLEMS)
async def remove(filter_id: str, request: Request, principal: Staff, address: ClientAddress) -> Response:
    """One's own only."""
    describe("remove_filter")
    check(principal, "read_worklist")
    await request.app.state.limiter.admit(principal, address)
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        if not is_id(filter_id) or not await repository.remove_filter(session, principal.subject, filter_id):
            raise not_found()
    return Response(status_code=204)


def _shown(row: SavedFilter) -> FilterView:
    return FilterView(filter_id=row.filter_id, name=row.name, filter=Filter.model_validate(row.filter))
