"""Statistics for staff: where issues stand, what happened in a period, and the rates."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.tracking import flows, repository, statistics
from services.tracking.bootstrap import Reading
from services.tracking.domain.entry import LedgerLevel
from services.tracking.domain.words import SHANGHAI
from services.tracking.entrypoints.issues import Code, RegionCode, scope_of
from services.tracking.flows import Figures, GroupBy
from services.tracking.statistics import Slice
from services.tracking.views import Views
from shared.contracts.values import Category
from shared.problem_texts import register_texts
from shared.problems import FieldError, invalid, language_of
from shared.security.access import check
from shared.security.dependencies import Staff
from shared.security.principal import Principal
from shared.web.call import describe
from shared.web.openapi import READ_PROBLEMS

register_texts({"period_backwards": ("结束日期早于开始日期", "The period ends before it begins")})

router = APIRouter(prefix="/v1", tags=["statistics"])


async def statistics_reader(principal: Staff) -> Principal:
    """Staff who may read statistics at all."""
    describe("read_statistics")
    check(principal, "read_statistics")
    return principal


class Chosen(BaseModel):
    """Which issues are counted."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    region: RegionCode | None = Field(None, description="This region and below; it must be the caller's.")
    category: list[Category] = Field(default_factory=list[Category])
    topic: list[Code] = Field(default_factory=list[Code])
    level: list[LedgerLevel] = Field(default_factory=list[LedgerLevel])
    unit: list[str] = Field(default_factory=list[str], max_length=50)

    def slice(self, principal: Principal) -> Slice:
        """What is counted for this caller. Raises Problem 403 for a region that is not theirs."""
        if self.region:
            describe("read_statistics", region=self.region)
            check(principal, "read_statistics", self.region)
        return Slice(
            scope=scope_of(principal),
            region=self.region,
            categories=tuple(self.category),
            topics=tuple(self.topic),
            levels=tuple(self.level),
            units=tuple(self.unit),
        )


class StatisticsQuery(Chosen):
    """What is counted. Days are those of Asia/Shanghai, both included; without them everything counts."""

    since: date | None = Field(None, alias="from")
    until: date | None = Field(None, alias="to")
    group_by: GroupBy | None = None
    issues: bool = Field(True, description="Whether `issues`, the stock, is told too; else it is null.")


class Shown(BaseModel):
    """Base of what is shown as it was counted."""

    model_config = ConfigDict(from_attributes=True)


class RateView(Shown):
    """A share between 0 and 1, with what it is a share of; null where nothing was decided."""

    numerator: int
    denominator: int
    rate: float | None


class DaysView(Shown):
    """Days of 24 hours from raising, over the issues closed in the period."""

    median: float | None
    p90: float | None
    count: int


class FiguresView(Shown):
    """What was recorded in the period. README.md of tracking defines each rate."""

    raised: int
    accepted: int
    escalated: int
    resolved: int
    answered: int
    reopened: int
    closed: int
    withdrawn: int
    response_rate: RateView
    resolution_rate: RateView
    satisfaction_rate: RateView
    on_time_rate: RateView
    days_to_resolve: DaysView
    days_to_close: DaysView


class Group(FiguresView):
    """The figures of one group; `name` is what people call `key`."""

    key: str
    name: str = ""


class StockView(Shown):
    """The issues raised in the period, as they stand now. `none` counts those without a level or unit yet."""

    total: int
    open: int
    by_state: dict[str, int]
    by_level: dict[str, int]
    by_state_and_level: dict[str, dict[str, int]]
    by_category: dict[str, int]
    by_topic: dict[str, int]
    by_unit: dict[str, int]


class StatisticsView(BaseModel):
    """Statistics of what the caller may see, as of `as_of`."""

    as_of: datetime
    region: str | None
    period_from: date | None
    period_to: date | None
    issues: StockView | None
    figures: FiguresView
    groups: list[Group] | None


@router.get("/statistics", summary="Counts and rates", responses=READ_PROBLEMS)
async def read_statistics(
    request: Request, principal: Annotated[Principal, Depends(statistics_reader)], query: Annotated[StatisticsQuery, Query()]
) -> StatisticsView:
    """All from rows. A past period's figures stay: they count what was recorded in it. 403 for a region that is not the caller's."""
    chosen = query.slice(principal)
    if query.since and query.until and query.until < query.since:
        raise invalid(FieldError("/to", "period_backwards", location="query"))
    reading: Reading = request.app.state.services
    until = midnight(query.until + timedelta(days=1)) if query.until else None
    of = replace(chosen, since=midnight(query.since) if query.since else None, until=until)
    async with reading.database.transaction() as session:
        stock = await statistics.stock(session, of) if query.issues else None
        happened = await flows.figures(session, of, query.group_by)
        units = [group.key for group in happened.groups if query.group_by == "unit"]
        called = await repository.names(session, units)
        as_of = await reading.clock.now(session)
    views = Views(reading.regions, called, language_of(request))
    return StatisticsView(
        as_of=as_of,
        region=query.region,
        period_from=query.since,
        period_to=query.until,
        issues=StockView.model_validate(stock) if stock else None,
        figures=FiguresView.model_validate(happened.whole),
        groups=[_group(views, query.group_by, group) for group in happened.groups] if query.group_by else None,
    )


def _group(views: Views, group_by: GroupBy | None, group: Figures) -> Group:
    return Group.model_validate(group).model_copy(update={"name": views.group_name(group_by or "", group.key)})


def midnight(day: date) -> datetime:
    """When a day begins in Asia/Shanghai."""
    return datetime.combine(day, time(), SHANGHAI)
