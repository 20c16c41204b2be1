"""The demo's 42 matters, judged by its own outcome and then from NATS alone, by a client that knows only the contract."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import nats
import pytest
import rfc8785
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.e2e.conftest import Stack

pytestmark = pytest.mark.timeout(400)
"""Starting a stack and playing the demo take their time on a busy machine."""

Event = Mapping[str, Any]


def test_every_matter_ends_as_its_row_says(demo: Mapping[str, Any]) -> None:
    assert [row["no"] for row in demo["per_matter"] if not row["as_expected"]] == []
    assert (demo["matters"], demo["answered"], demo["closed"]) == (42, 42, 42)
    assert demo["escalations"] == {"township": 31, "county": 21}
    assert demo["reopened"] == 6


def test_a_finished_run_only_prints_its_table(stack: Stack, demo: Mapping[str, Any]) -> None:
    assert json.loads(stack.huiyin("demo", "--json").stdout) == demo


@pytest.fixture
async def published(stack: Stack, demo: Mapping[str, Any]) -> list[tuple[str, Mapping[str, str], bytes]]:
    """Subject, headers and body of every message of the stream, by the observer's address."""
    client = await nats.connect(stack.state.nats_url("observer"))  # pyright: ignore[reportUnknownMemberType]
    try:
        stream = client.jetstream()  # pyright: ignore[reportUnknownMemberType]
        subscription = await stream.subscribe("huiyin.>", ordered_consumer=True)
        total = (await stream.stream_info("HUIYIN")).state.messages
        return [(m.subject, m.headers or {}, m.data) for m in [await subscription.next_msg(timeout=10) for _ in range(total)]]
    finally:
        await client.close()


async def test_nats_alone_tells_the_whole_story(published: list[tuple[str, Mapping[str, str], bytes]]) -> None:
    by_issue: dict[str, list[Event]] = defaultdict(list)
    for subject, headers, body in published:
        parsed = JSONFormat().read(CloudEvent, body)
        event = json.loads(body)
        assert headers["content-type"] == "application/cloudevents+json"
        assert headers["Nats-Msg-Id"] == parsed.get_id() == event["id"]
        by_issue[f"{subject.split('.')[1]}/{event['subject']}"].append(event)
        if subject.startswith("huiyin.issue."):
            _, _, *parts, name = subject.split(".")
            assert "".join(parts) == event["region"]
            assert [len(part) for part in parts] == [2, 2, 2, 3, 3]
            assert event["type"] == f"huiyin.issue.{name}.v1"
    for events in by_issue.values():
        _one_story(events)
    closed = [events for key, events in by_issue.items() if key.startswith("issue/") and _names(events).count("Closed")]
    assert len(closed) == 42


def _one_story(events: list[Event]) -> None:
    assert [event["streamversion"] for event in events] == list(range(1, len(events) + 1))
    former = None
    for event in events:
        assert event.get("prevhash") == former
        bare = {key: value for key, value in event.items() if key != "hash"}
        assert event["hash"] == hashlib.sha256(rfc8785.dumps(bare)).hexdigest()
        former = event["hash"]
        missed = event["data"].get("missed") if event["type"].endswith(".Escalated.v1") else None
        if missed:
            assert datetime.fromisoformat(event["time"]) >= datetime.fromisoformat(missed["due_at"])
    names = _names(events)
    for index, name in enumerate(names):
        if name == "Closed":
            assert "Answered" in names[:index]


def _names(events: list[Event]) -> list[str]:
    return [event["type"].split(".")[2] for event in events]


def test_log_and_stream_agree(stack: Stack, demo: Mapping[str, Any]) -> None:
    stack.huiyin("events", "verify")
