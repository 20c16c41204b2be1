"""Statistics that look ahead and back: what is late and what will be, how old what is open is, and the rates month by month."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from services.tracking import flows, outlook, repository
from services.tracking.bootstrap import Reading
from services.tracking.domain.words import SHANGHAI
from services.tracking.entrypoints.figures import Chosen, RateView, Shown, midnight, statistics_reader
from services.tracking.outlook import Dimension, Holder, Span
from services.tracking.views import Views
from shared.problems import language_of
from shared.security.principal import Principal
from shared.web.openapi import READ_PROBLEMS

router = APIRouter(prefix="/v1/statistics", tags=["statistics"])

AGES = (40, 20, 10, 5)
"""Days of 24 hours since raising, at which one age ends and the next begins."""
MONTHS = 12
GROUPS = 500
"""Of one grouping; the worst are told."""


class OutlookQuery(Chosen):
    """What is counted, and how far ahead."""

    days: int = Field(7, ge=1, le=31, description="Days of Asia/Shanghai for which deadlines are counted, today the first of them.")
    group_by: list[Dimension] = Field(default_factory=list[Dimension])


class HeldView(Shown):
    """`open`: not closed. `late`: a deadline was missed that is still owed. `due`: within the days; `unaccepted` of those by nobody yet."""

    open: int
    late: int
    due: int
    unaccepted: int


class DueOn(BaseModel):
    """What falls due on a day (today: in what is left of it); the ledger shows it by `standing=due`, `due_after` and `due_before`."""

    day: date
    due_after: datetime
    due_before: datetime
    due: int
    unaccepted: int


class Aged(BaseModel):
    """What is open for so many days, `to_days` not included; the ledger shows it by `standing=open`, `raised_after` and `raised_before`."""

    from_days: int
    to_days: int | None
    raised_after: datetime | None
    raised_before: datetime | None
    open: int
    late: int


class HolderView(HeldView):
    """What one holds; `name` is what people call `key`. An officer is named by unit and post, and counted once a unit."""

    key: str
    unit: str | None
    name: str


class OutlookView(BaseModel):
    """What is late and what will be, as of `as_of`; groups come worst first, at most 500 of each."""

    as_of: datetime
    region: str | None
    whole: HeldView
    days: list[DueOn]
    ages: list[Aged]
    groups: dict[Dimension, list[HolderView]]


class MonthView(Shown):
    """The rates of one month, by what was recorded in it."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    response_rate: RateView
    resolution_rate: RateView
    satisfaction_rate: RateView
    on_time_rate: RateView


class TrendsView(BaseModel):
    """The last twelve months, oldest first, this one the last."""

    as_of: datetime
    region: str | None
    months: list[MonthView]


@router.get("/outlook", summary="What is late, what will be, how old what is open is", responses=READ_PROBLEMS)
async def read_outlook(
    request: Request, principal: Annotated[Principal, Depends(statistics_reader)], query: Annotated[OutlookQuery, Query()]
) -> OutlookView:
    """Of all open issues, whenever they were raised. 403 for a region that is not the caller's."""
    of = query.slice(principal)
    reading: Reading = request.app.state.services
    async with reading.database.transaction() as session:
        now = await reading.clock.now(session)
        today = now.astimezone(SHANGHAI).date()
        found = await outlook.outlook(
            session,
            of,
            days=(now, *(midnight(today + timedelta(days=n)) for n in range(1, query.days + 1))),
            ages=[now - timedelta(days=days) for days in AGES],
            group_by=query.group_by,
        )
        groups: dict[Dimension, Sequence[Holder]] = {by: held[:GROUPS] for by, held in found.groups.items()}
        units = {one.unit if by == "officer" else one.key for by, held in groups.items() if by in ("officer", "unit") for one in held}
        called = await repository.names(session, sorted(filter(None, units)))
    views = Views(reading.regions, called, language_of(request))
    told: dict[Dimension, list[HolderView]] = {by: [_holder(views, by, one) for one in held] for by, held in groups.items()}
    return OutlookView(
        as_of=now,
        region=query.region,
        whole=HeldView.model_validate(found.whole),
        days=[_due_on(today + timedelta(days=n), day) for n, day in enumerate(found.days)],
        ages=[_aged(*age) for age in zip((0, *AGES[::-1]), (*AGES[::-1], None), found.ages, strict=True)],
        groups=told,
    )


@router.get("/trends", summary="Rates of the last twelve months", responses=READ_PROBLEMS)
async def read_trends(
    request: Request, principal: Annotated[Principal, Depends(statistics_reader)], query: Annotated[Chosen, Query()]
) -> TrendsView:
    """README.md of tracking defines each rate. 403 for a region that is not the caller's."""
    of = query.slice(principal)
    reading: Reading = request.app.state.services
    async with reading.database.transaction() as session:
        now = await reading.clock.now(session)
        months = await flows.trends(session, of, _months(now.astimezone(SHANGHAI).date()))
    return TrendsView(as_of=now, region=query.region, months=[MonthView.model_validate(month) for month in months])


def _months(today: date) -> list[datetime]:
    """When each of the last twelve months began, and when this one ends."""
    present = today.year * 12 + today.month - 1
    return [midnight(date(month // 12, month % 12 + 1, 1)) for month in range(present - MONTHS + 1, present + 2)]


def _holder(views: Views, by: Dimension, one: Holder) -> HolderView:
    held = one.held
    return HolderView(
        key=one.key,
        unit=one.unit,
        name=views.holder(by, one.key, one.unit, one.post),
        open=held.open,
        late=held.late,
        due=held.due,
        unaccepted=held.unaccepted,
    )


def _due_on(day: date, span: Span) -> DueOn:
    assert span.after is not None
    assert span.before is not None
    return DueOn(day=day, due_after=span.after, due_before=span.before, due=span.held.due, unaccepted=span.held.unaccepted)


def _aged(from_days: int, to_days: int | None, span: Span) -> Aged:
    held = span.held
    return Aged(from_days=from_days, to_days=to_days, raised_after=span.after, raised_before=span.before, open=held.open, late=held.late)
