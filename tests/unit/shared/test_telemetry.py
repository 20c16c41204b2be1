"""Spans: ours carry `huiyin.…`, continue or link traces, and tell no secret."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, Request
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared import telemetry
from shared.telemetry import context_from, current_trace_id, current_traceparent, linked_root_span, span
from shared.web.app import create_app
from shared.web.call import describe
from tests.support.platform import VILLAGE, client, settings, verifier

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(telemetry, "_TRACER", provider.get_tracer("huiyin"))
    yield exporter
    provider.shutdown()


def finished(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    [found] = [each for each in exporter.get_finished_spans() if each.name == name]
    return found


def attributes(of: ReadableSpan) -> dict[str, object]:
    return dict(of.attributes or {})


def test_a_span_continues_the_current_trace(spans: InMemorySpanExporter) -> None:
    with span("outer", issue_id="i-1", region=None) as outer, span("append", {"db.system": "postgresql"}, event="Assigned"):
        assert current_trace_id() == trace.format_trace_id(outer.get_span_context().trace_id)
    inner = finished(spans, "append")
    assert inner.parent is not None
    assert inner.parent.span_id == outer.get_span_context().span_id
    assert attributes(inner) == {"db.system": "postgresql", "huiyin.event": "Assigned"}
    assert attributes(finished(spans, "outer")) == {"huiyin.issue_id": "i-1"}
    assert current_traceparent() is None


def test_a_span_continues_a_given_trace(spans: InMemorySpanExporter) -> None:
    with span("consume", parent=PARENT, kind=SpanKind.CONSUMER):
        found = current_traceparent()
    assert found is not None
    assert found.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    consumed = finished(spans, "consume")
    assert consumed.parent is not None
    assert trace.format_span_id(consumed.parent.span_id) == "b7ad6b7169203331"


def test_a_deadline_starts_a_trace_of_its_own_with_a_link(spans: InMemorySpanExporter) -> None:
    with span("outer"), linked_root_span("tick", PARENT, issue_id="i-1"):
        assert current_trace_id() != "0af7651916cd43dd8448eb211c80319c"
    tick = finished(spans, "tick")
    assert tick.parent is None
    assert [trace.format_trace_id(link.context.trace_id) for link in tick.links] == ["0af7651916cd43dd8448eb211c80319c"]


def test_a_failed_span_names_the_error_and_quotes_nothing(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="13812345678"), span("append"):
        raise ValueError("13812345678")
    failed = finished(spans, "append")
    assert failed.status.description == "ValueError"
    assert not failed.events


@pytest.mark.parametrize("nonsense", [None, "", "00-zz", "x"])
def test_nonsense_is_no_parent(spans: InMemorySpanExporter, nonsense: str | None) -> None:
    assert not trace.get_current_span(context_from(nonsense)).get_span_context().is_valid
    with linked_root_span("tick", nonsense):
        pass
    assert all(link.context.is_valid for link in finished(spans, "tick").links)


router = APIRouter(prefix="/v1")


@router.get("/public/{token}")
async def public(token: str, request: Request) -> str | None:
    describe("read_issue", issue_id="i-1", region=VILLAGE)
    return current_traceparent()


async def test_a_request_continues_the_callers_trace_and_tells_no_token(spans: InMemorySpanExporter) -> None:
    app = create_app("tracking", settings=settings(), routers=[router], verifier=verifier())
    async with client(app) as http:
        answer = await http.get("/api/tracking/v1/public/s3cret?phone=13812345678", headers={"traceparent": PARENT})
        await http.get("/api/tracking/health/live")
    assert answer.json().startswith("00-0af7651916cd43dd8448eb211c80319c-")
    [served] = spans.get_finished_spans()
    assert served.name == "GET /api/tracking/v1/public/{token}"
    assert attributes(served)["huiyin.issue_id"] == "i-1"
    assert attributes(served)["huiyin.region"] == VILLAGE
    assert "s3cret" not in served.to_json()
    assert "1381" not in served.to_json()


async def test_a_call_to_another_service_carries_the_trace(spans: InMemorySpanExporter) -> None:
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        telemetry.instrument_client(http)
        with span("send") as sent:
            await http.get("http://sms.example/public/s3cret?phone=13812345678")
        HTTPXClientInstrumentor.uninstrument_client(http)
    assert trace.format_trace_id(sent.get_span_context().trace_id) in seen[0].headers["traceparent"]
    assert "s3cret" not in finished(spans, "GET").to_json()
    assert "1381" not in finished(spans, "GET").to_json()
