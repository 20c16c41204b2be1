"""Spans reach a real OTLP receiver under the service's name; without one nothing is sent and traces still pass on."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROGRAM = """
import logging
from shared import telemetry
telemetry.setup("intake")
with telemetry.span("append", issue_id="i-1"):
    logging.getLogger("x").warning("call 13812345678")
    print(telemetry.current_traceparent())
"""


class Receiver(HTTPServer):
    """An OTLP/HTTP receiver that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[ExportTraceServiceRequest] = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Receiver)
        self.server.got.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever)
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()


def run(**variables: str) -> tuple[str, dict[str, str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | variables
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip(), orjson.loads(done.stderr)


def is_sampled(traceparent: str) -> bool:
    """W3C Trace Context, 3.2.2.5: the lowest flag."""
    return bool(int(traceparent.rpartition("-")[2], 16) & 1)


def test_spans_are_exported(receiver: Receiver) -> None:
    traceparent, line = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.server_port}")
    [resource_spans] = receiver.got[0].resource_spans
    resource = {attribute.key: attribute.value.string_value for attribute in resource_spans.resource.attributes}
    assert resource["service.name"] == "huiyin-intake"
    [span] = resource_spans.scope_spans[0].spans
    assert (span.name, span.attributes[0].key, span.attributes[0].value.string_value) == ("append", "huiyin.issue_id", "i-1")
    assert traceparent.startswith(f"00-{span.trace_id.hex()}-{span.span_id.hex()}-")
    assert is_sampled(traceparent)
    assert (line["message"], line["trace_id"], line["span_id"]) == ("call ***", span.trace_id.hex(), span.span_id.hex())


def test_without_a_receiver_ids_are_made_and_marked_as_not_kept() -> None:
    traceparent, line = run()
    assert not is_sampled(traceparent)
    assert traceparent.split("-")[1] == line["trace_id"]


def test_sampling_follows_the_standard_variables(receiver: Receiver) -> None:
    endpoint = f"http://127.0.0.1:{receiver.server_port}"
    traceparent, _ = run(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_TRACES_SAMPLER="always_off")
    assert not is_sampled(traceparent)
    assert not receiver.got
