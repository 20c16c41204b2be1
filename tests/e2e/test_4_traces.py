"""One trace from the request through all four services and Temporal; the deadline that fires later starts its own, linked to it."""

from collections.abc import Iterator

import pytest

from deploy.demo.staff import Api
from shared.ids import new_id
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import CADRE, body
from tests.e2e.test_3_loss import LAPSES, climbs
from tests.support.otlp import Receiver, Seen
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(200)

SERVICES = {"huiyin-intake", "huiyin-routing-worker", "huiyin-tracking", "huiyin-notify"}
"""Routing's part in an issue that nobody touches is the worker's."""


def about(traces: Receiver, issue_id: str, name: str) -> list[Seen]:
    return [span for span in traces.spans if span.name == name and span.attributes.get("huiyin.issue_id") == issue_id]


def trace(traces: Receiver, trace_id: str) -> list[Seen]:
    return [span for span in traces.spans if span.trace_id == trace_id]


async def test_raising_and_the_first_escalation_are_connected(stack: Stack, api: Api) -> None:
    answer = await api.post("/api/intake/v1/issues", body(labels=[LAPSES]), by=CADRE, key=new_id())
    issue_id = answer.json()["issue_id"]
    await climbs(api, issue_id)
    await eventually(lambda: any(raised_in(stack.traces, issue_id)), seconds=30)
    first = next(raised_in(stack.traces, issue_id))

    def missing(trace_id: str, services: set[str]) -> set[str]:
        return services - {span.service for span in trace(stack.traces, trace_id)}

    await eventually(lambda: not missing(first, SERVICES | {"huiyin-relay"}), seconds=30)
    names = {span.name for span in trace(stack.traces, first)}
    assert any("Workflow" in name for name in names), names

    def escalated() -> list[Seen]:
        return [span for span in about(stack.traces, issue_id, "append") if "Escalated" in span.attributes["huiyin.event"]]

    await eventually(escalated, seconds=30)
    later = escalated()[0].trace_id
    assert len(escalated()) == 1
    assert later != first
    await eventually(lambda: any(first in span.links for span in trace(stack.traces, later) if span.name == "deadline"), seconds=30)
    await eventually(lambda: not missing(later, SERVICES | {"huiyin-relay"} - {"huiyin-intake"}), seconds=30)


def raised_in(traces: Receiver, issue_id: str) -> Iterator[str]:
    return (span.trace_id for span in about(traces, issue_id, "append") if span.attributes["huiyin.event"] == "IssueRaised")
