"""Events that were published once must be readable for ever.

`samples/` holds one event per type and version as NATS carried it. A sample is written when its type is new, and never edited; its own hash
shows whether it was.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.contracts import EVENTS
from shared.contracts.envelope import hash_of, parse

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_an_old_sample_is_read_without_loss(sample: Path) -> None:
    body = sample.read_bytes()
    wire: dict[str, Any] = json.loads(body)
    recorded = parse(body)
    assert (recorded.data.type_name(), recorded.version, recorded.hash) == (wire["type"], wire["streamversion"], wire["hash"])
    read = recorded.data.model_dump(mode="json")
    assert {field: read[field] for field in wire["data"]} == wire["data"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_as_it_was_published(sample: Path) -> None:
    body = sample.read_bytes()
    assert hash_of(body) == json.loads(body)["hash"]


def test_every_type_that_is_published_now_has_a_sample() -> None:
    assert {event.type_name() for event in EVENTS.values()} <= {sample.stem for sample in SAMPLES}
