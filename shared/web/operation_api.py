"""Operators see how far a service is behind, and the last spans of an issue."""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from nats.errors import Error as NatsError
from opentelemetry import trace
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from shared import spans
from shared.contracts.envelope import Recorded
from shared.contracts.event import Event
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import is_id
from shared.messaging.api import JetStreamError
from shared.messaging.backlog import backlogs
from shared.problems import not_found
from shared.security.access import check
from shared.security.dependencies import Staff
from shared.settings import CommonSettings
from shared.telemetry import context_from
from shared.web.call import describe
from shared.web.openapi import READ_PROBLEMS
from shared.web.operation import CONSUMER_GOOD_UP_TO, OF_EVERY_SERVICE, RELAY, Measure, Operation, is_good

TRACES = 50
"""Most traces of one answer, the newest: every look at an issue's page is one."""

log = logging.getLogger(__name__)
router = APIRouter(prefix="/v1", tags=["operation"])


class Figure(BaseModel):
    """Something that can fall behind. `value` is null where it cannot be read now; `count` says how many things a time is about."""

    name: str
    consumer: str | None = None
    unit: Literal["seconds", "count"]
    value: float | None
    count: int | None = None
    good_up_to: float
    good: bool


class Lag(BaseModel):
    """How far a service is behind."""

    figures: list[Figure]


class SpanView(BaseModel):
    """A finished span. `failed` is the kind of the error that ended it."""

    span_id: str
    parent_id: str | None
    name: str
    began: datetime
    milliseconds: float
    failed: str | None
    event: str | None
    consumer: str | None
    result: str | None


class TraceView(BaseModel):
    """A trace of an issue: the events that it appended, and what this process kept of it. `address` is its page in the trace viewer."""

    trace_id: str
    address: str | None
    began: datetime
    events: list[str]
    spans: list[SpanView]


class Traces(BaseModel):
    """The newest traces of an issue. `since` is when this process began to keep spans; `workflow` is a page of Temporal's."""

    issue_id: str
    since: datetime
    workflow: str | None
    traces: list[TraceView]


@router.get("/lag", summary="How far this service is behind", responses=READ_PROBLEMS)
async def lag(request: Request, principal: Staff) -> Lag:
    """The relay, this service's consumers, and what else it has to do, each with the value up to which all is well."""
    describe("operate")
    check(principal, "operate")
    operation: Operation = request.app.state.operation
    database: Database = request.app.state.database
    async with database.transaction() as session:
        figures = [await _figure(session, measure) for measure in (RELAY, *OF_EVERY_SERVICE, *operation.measures)]
    return Lag(figures=[figures[0], *await _consumers(request, operation.durables), *figures[1:]])


@router.get("/spans", summary="The last traces of an issue", responses=READ_PROBLEMS)
async def traces(request: Request, principal: Staff, issue: Annotated[str, Query(min_length=1, max_length=40)]) -> Traces:
    """By id, or by number where this service knows numbers; 404 for anything else. What stands in spans is never personal."""
    describe("operate")
    check(principal, "operate")
    operation: Operation = request.app.state.operation
    settings: CommonSettings = request.app.state.settings
    database: Database = request.app.state.database
    async with database.transaction() as session:
        issue_id = issue if is_id(issue) else await operation.find(session, issue) if operation.find else None
        if issue_id is None:
            raise not_found()
        history = (await EventLog("").load(session, issue_id)).events
    found = sorted(_traces(history, spans.of_issue(issue_id), settings.trace_viewer), key=lambda one: one.began, reverse=True)
    return Traces(
        issue_id=issue_id,
        since=datetime.fromtimestamp(spans.SINCE, UTC),
        workflow=operation.workflow(issue_id) if operation.workflow else None,
        traces=found[:TRACES],
    )


async def _figure(session: AsyncSession, measure: Measure) -> Figure:
    reading = await measure.read(session)
    return Figure(
        name=measure.name,
        unit=measure.unit,
        value=round(reading.value, 3),
        count=reading.count,
        good_up_to=measure.good_up_to,
        good=is_good(reading.value, measure.good_up_to),
    )


async def _consumers(request: Request, durables: Sequence[str]) -> list[Figure]:
    settings: CommonSettings = request.app.state.settings
    values: Sequence[int | None]
    try:
        values = await backlogs(settings.nats_url.get_secret_value(), durables) if durables else []
    except (TimeoutError, NatsError, JetStreamError, OSError) as error:
        log.warning("the consumers' lag cannot be read now: %s", type(error).__name__)
        values = [None] * len(durables)
    return [
        Figure(
            name="consumer",
            consumer=durable,
            unit="count",
            value=value,
            good_up_to=CONSUMER_GOOD_UP_TO,
            good=is_good(value, CONSUMER_GOOD_UP_TO),
        )
        for durable, value in zip(durables, values, strict=True)
    ]


def _traces(history: Iterable[Recorded[Event]], kept: Iterable[spans.Kept], viewer: str | None) -> Iterable[TraceView]:
    """What the log and the spans say of each trace. The log remembers for ever which trace appended what."""
    appended: dict[int, list[Recorded[Event]]] = {}
    for event in history:
        if trace_id := _trace_id(event.traceparent):
            appended.setdefault(trace_id, []).append(event)
    seen = {trace_id: list(group) for trace_id, group in groupby(sorted(kept, key=lambda span: span.trace_id), lambda span: span.trace_id)}
    for trace_id in appended.keys() | seen.keys():
        own = sorted((_view(span) for span in seen.get(trace_id, ())), key=lambda span: span.began)
        events = appended.get(trace_id, [])
        written = trace.format_trace_id(trace_id)
        yield TraceView(
            trace_id=written,
            address=viewer.replace("{trace_id}", written) if viewer else None,
            began=min([span.began for span in own] + [event.time for event in events]),
            events=[event.name for event in events],
            spans=own,
        )


def _trace_id(traceparent: str | None) -> int:
    return trace.get_current_span(context_from(traceparent)).get_span_context().trace_id


def _view(span: spans.Kept) -> SpanView:
    return SpanView(
        span_id=trace.format_span_id(span.span_id),
        parent_id=trace.format_span_id(span.parent_id) if span.parent_id else None,
        name=span.name,
        began=datetime.fromtimestamp(span.began / 1e9, UTC),
        milliseconds=span.took / 1e6,
        failed=span.failed,
        event=span.attributes.get("huiyin.event"),
        consumer=span.attributes.get("messaging.consumer.group.name"),
        result=span.attributes.get("huiyin.result"),
    )
