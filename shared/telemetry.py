"""Traces and logs of a process, through OpenTelemetry and as JSON lines.

Nothing here ever takes a body, a parameter or an error's message of a server into a span: those may hold personal data.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared import logs, spans

__all__ = [
    "context_from",
    "current_trace_id",
    "current_traceparent",
    "describe_span",
    "instrument",
    "instrument_client",
    "is_exported",
    "keep_request",
    "linked_root_span",
    "setup",
    "span",
    "suppress_instrumentation",
]

_TRACER = trace.get_tracer("huiyin")
_W3C = TraceContextTextMapPropagator()
_SECRET_PART = re.compile(r"(/public/)[^/?]+")


def setup(service: str, *, trace_sql: bool = False, replay_safe: bool = False) -> None:
    """Set up this process once: traces of `huiyin-<service>` to where OTEL_EXPORTER_OTLP_ENDPOINT says, JSON logs on standard error.

    Without an endpoint nothing is exported, and trace ids are still made and passed on. Sampling follows the OTEL_ variables.

    Args:
        service: e.g. `intake`.
        trace_sql: a span for each SQL statement.
        replay_safe: make a provider whose spans Temporal workflows may open (the worker).
    """
    logs.setup(service)
    exported = is_exported()
    resource = Resource.create({"service.name": f"huiyin-{service}", "service.namespace": "huiyin"})
    sampling: dict[str, Any] = {} if exported else {"sampler": ParentBased(ALWAYS_OFF)}
    if replay_safe:
        from temporalio.contrib.opentelemetry import create_tracer_provider

        provider = create_tracer_provider(resource=resource, **sampling)
    else:
        provider = TracerProvider(resource=resource, **sampling)
    if exported:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    HTTPXClientInstrumentor().instrument(request_hook=_hide_query, async_request_hook=_hide_query_async)
    if trace_sql:
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

        SQLAlchemyInstrumentor().instrument()


def is_exported() -> bool:
    """Whether this process sends its traces anywhere."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))


def instrument(app: FastAPI) -> None:
    """A span for each request of `app`, without health checks, metrics, and what a path or query may hold that is secret."""
    FastAPIInstrumentor.instrument_app(
        app, exclude_spans=["receive", "send"], excluded_urls="/health/,/metrics", server_request_hook=_hide_secrets
    )


def instrument_client(client: httpx.AsyncClient) -> None:
    """A span for each call of `client`, as `setup` gives to every client that is made after it; without the query."""
    HTTPXClientInstrumentor.instrument_client(client, request_hook=_hide_query_async)


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    links: tuple[str, ...] = (),
    **named: Any,
) -> Iterator[Span]:
    """A span of the current trace, current inside the block.

    Args:
        name: what is done.
        attributes: OpenTelemetry's own attributes, e.g. `messaging.system`.
        parent: traceparent to continue instead of the current trace.
        kind: producer, consumer, …
        links: traceparents of related traces.
        named: our attributes; `issue_id=…` becomes `huiyin.issue_id`. None is left out.
    """
    every = {**(attributes or {}), **{f"huiyin.{key}": value for key, value in named.items()}}
    context = context_from(parent) if parent else None
    with _opened(name, {key: value for key, value in every.items() if value is not None}, context, kind, links) as opened:
        yield opened


@contextmanager
def linked_root_span(
    name: str,
    link_traceparent: str | None,
    attributes: Mapping[str, Any] | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    **named: Any,
) -> Iterator[Span]:
    """A span that starts a trace of its own, linked to the one that caused it: a deadline that fires weeks after it was set."""
    every = {**(attributes or {}), **{f"huiyin.{key}": value for key, value in named.items()}}
    links = (link_traceparent,) if link_traceparent else ()
    with _opened(name, {key: value for key, value in every.items() if value is not None}, Context(), kind, links) as opened:
        yield opened


@contextmanager
def _opened(name: str, attributes: Mapping[str, Any], context: Context | None, kind: SpanKind, links: tuple[str, ...]) -> Iterator[Span]:
    opened = _TRACER.start_span(
        name, context, kind, attributes, [Link(trace.get_current_span(context_from(link)).get_span_context()) for link in links]
    )
    above = trace.get_current_span(context).get_span_context().span_id
    token = attach(trace.set_span_in_context(opened, context))
    began, started, failed = time.time_ns(), time.perf_counter_ns(), None
    try:
        yield opened
    except Exception as error:
        failed = type(error).__name__
        opened.set_status(Status(StatusCode.ERROR, failed))
        raise
    finally:
        detach(token)
        opened.end()
        own = opened.get_span_context()
        if own.is_valid:
            took = time.perf_counter_ns() - started
            spans.keep(spans.Kept(own.trace_id, own.span_id, above, name, began, took, failed, attributes))


def keep_request(name: str, seconds: float, *, issue_id: str | None, result: str) -> None:
    """Keep the request that ends now, whose span is the current one, among the last spans (`shared.spans`).

    Args:
        name: method and route.
        seconds: what it took.
        issue_id: what it was about.
        result: `ok` or the code of the refusal.
    """
    own = trace.get_current_span().get_span_context()
    if own.is_valid:
        took = int(seconds * 1e9)
        attributes = {spans.ISSUE: issue_id, "huiyin.result": result}
        spans.keep(spans.Kept(own.trace_id, own.span_id, 0, name, time.time_ns() - took, took, None, attributes))


def current_traceparent() -> str | None:
    """The W3C traceparent of the current span, or None outside of a trace."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str | None:
    """The current trace's id in hex, or None outside of a trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def context_from(traceparent: str | None) -> Context:
    """An OpenTelemetry context that continues the trace of a traceparent; an empty one for None or nonsense."""
    return _W3C.extract({"traceparent": traceparent} if traceparent else {}, Context())


def describe_span(**named: str | None) -> None:
    """Set our attributes on the current span: `issue_id=…` becomes `huiyin.issue_id`. None is left out."""
    current = trace.get_current_span()
    for key, value in named.items():
        if value is not None:
            current.set_attribute(f"huiyin.{key}", value)


def _hide_secrets(current: Span, scope: dict[str, Any]) -> None:
    path = _SECRET_PART.sub(r"\1***", scope.get("path", ""))
    for attribute in ("http.target", "url.path"):
        current.set_attribute(attribute, path)
    for attribute in ("http.url", "url.full", "url.query"):
        current.set_attribute(attribute, "")


def _hide_query(current: Span, request: Any) -> None:
    address = str(request.url).partition("?")[0]
    for attribute in ("http.url", "url.full"):
        current.set_attribute(attribute, _SECRET_PART.sub(r"\1***", address))


async def _hide_query_async(current: Span, request: Any) -> None:
    _hide_query(current, request)
