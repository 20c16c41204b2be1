"""Events that were published once must be readable for ever.

`samples/` holds one event per type and version as NATS carried it. A sample is written when its type is new, and never edited; its own hash
shows whether it was.
"""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from shared.contracts import EVENTS
from shared.contracts.envelope import hash_of, parse

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


def leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Every single value of a JSON document by its pointer, and the length of every array."""
    found: dict[str, Any] = {}
    match value:
        case dict():
            for name, item in cast("dict[str, Any]", value).items():
                found |= leaves(item, f"{place}/{name}")
        case list():
            items = cast("list[Any]", value)
            found[f"{place}/-"] = len(items)
            for index, item in enumerate(items):
                found |= leaves(item, f"{place}/{index}")
        case _:
            found[place] = value
    return found


def lost(old: Any, new: Any) -> list[str]:
    """Where `new` does not say what `old` says; fields that a later release added are no loss, at whatever depth."""
    known = leaves(new)
    return [place for place, value in leaves(old).items() if place not in known or known[place] != value]


def test_a_loss_is_seen_at_any_depth() -> None:
    old = {"deadlines": [{"kind": "handle", "due_at": "monday"}]}
    assert lost(old, {"deadlines": [{"kind": "handle", "due_at": "monday", "left": None}], "more": 1}) == []
    assert lost(old, {"deadlines": [{"kind": "handle", "due_at": "tuesday"}]}) == ["/deadlines/0/due_at"]
    assert lost(old, {"deadlines": [{"kind": "handle"}]}) == ["/deadlines/0/due_at"]
    assert lost(old, {"deadlines": []})[0] == "/deadlines/-"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_an_old_sample_is_read_without_loss(sample: Path) -> None:
    body = sample.read_bytes()
    wire: dict[str, Any] = json.loads(body)
    recorded = parse(body)
    assert (recorded.data.type_name(), recorded.version, recorded.hash) == (wire["type"], wire["streamversion"], wire["hash"])
    assert lost(wire["data"], recorded.data.model_dump(mode="json")) == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_as_it_was_published(sample: Path) -> None:
    body = sample.read_bytes()
    assert hash_of(body) == json.loads(body)["hash"]


def test_every_type_that_is_published_now_has_a_sample() -> None:
    assert {event.type_name() for event in EVENTS.values()} <= {sample.stem for sample in SAMPLES}
