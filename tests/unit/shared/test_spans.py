"""The last spans of a process, and a trace drawn as rows."""

from collections import deque

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from shared import spans, telemetry
from shared.spans import KEPT, Kept, keep, of_issue
from shared.web.pages.waterfall import DEEPEST, rows


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "_RING", deque[Kept](maxlen=KEPT))
    monkeypatch.setattr(telemetry, "_TRACER", TracerProvider(sampler=ParentBased(ALWAYS_OFF)).get_tracer("huiyin"))


def test_whole_traces_are_kept_though_nothing_is_recorded() -> None:
    with telemetry.span("outer") as outer, telemetry.span("append", issue_id="i-1", event="Assigned"):
        assert not outer.is_recording()
    with telemetry.span("else", issue_id="i-2"):
        pass
    append, whole = of_issue("i-1")
    assert (append.name, whole.name) == ("append", "outer")
    assert (append.parent_id, whole.parent_id) == (whole.span_id, 0)
    assert append.trace_id == whole.trace_id
    assert 0 < append.took <= whole.took
    assert append.attributes["huiyin.event"] == "Assigned"


def test_a_failure_is_kept_by_its_kind_alone() -> None:
    with pytest.raises(ValueError, match="13812345678"), telemetry.span("append", issue_id="i-1"):
        raise ValueError("13812345678")
    (kept,) = of_issue("i-1")
    assert kept.failed == "ValueError"
    assert "13812345678" not in repr(kept)


def test_outside_of_traces_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry.keep_request("GET /health", 0.1, issue_id="i-1", result="ok")
    assert of_issue("i-1") == []


def test_old_spans_give_way() -> None:
    for nth in range(KEPT + 1):
        keep(Kept(nth + 1, 1, 0, "s", nth, 1, None, {spans.ISSUE: "first" if nth == 0 else "later"}))
    assert of_issue("first") == []
    assert len(of_issue("later")) == KEPT


def span(name: str, parent: str | None, second: int, milliseconds: float) -> dict[str, object]:
    return {"span_id": name, "parent_id": parent, "began": f"2026-11-22T00:00:{second:02}+00:00", "milliseconds": milliseconds}


def test_parts_stand_below_the_whole() -> None:
    found = rows([span("b", "a", 3, 1000), span("a", None, 0, 10_000), span("c", "b", 3, 500), span("d", "gone", 5, 0)])
    assert [(row.span["span_id"], row.depth, row.after) for row in found] == [("a", 0, 0), ("b", 1, 3000), ("c", 2, 3000), ("d", 0, 5000)]
    assert [(row.left, row.width) for row in found] == [(0, 100), (30, 10), (30, 5), (50, 0.5)]


def test_a_deep_trace_stays_on_the_page() -> None:
    found = rows([span(str(nth), str(nth - 1), nth, 1) for nth in range(DEEPEST + 3)])
    assert max(row.depth for row in found) == DEEPEST


def test_no_spans_no_rows() -> None:
    assert rows([]) == []
