"""The demo's policy rules: seconds for what the script lets lapse, ten minutes for everything else, by each matter's label.

`python -m deploy.demo.rules` writes them to `policy.json`, which routing publishes on a stack that is started with `--demo`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.demo.matters import Matter, matters
from shared.regions import LADDER

POLICY = Path(__file__).with_name("policy.json")

LAPSES = {"amount": 3, "unit": "seconds"}
"""What the script lets lapse: short enough for a demo, long enough for a handler to accept in between."""

HOLDS = {"amount": 10, "unit": "minutes"}
"""Everything else: nothing may lapse by accident on a slow machine."""

_CLOCKS = ("accept", "handle", "interim", "answer", "rating", "visit", "visit_again", "supervise_notice", "supervise_criticism")
_LAPSE_OF = {"lapse_handle": "handle", "lapse_accept": "accept", "refer_resolve": "interim"}


def rules() -> list[dict[str, Any]]:
    """Every rule of every matter."""
    return [rule for matter in matters() for rule in _rules_of(matter)]


def _rules_of(matter: Matter) -> Iterator[dict[str, Any]]:
    every = dict.fromkeys(_CLOCKS, HOLDS)
    if matter.rating == "none":
        every["rating"] = LAPSES
    yield {"rule": matter.label, "match": {"label": matter.label}, "set": every}
    for level in LADDER:
        clock = _LAPSE_OF.get(matter.script[level])
        if clock:
            yield {"rule": f"{matter.label}-{level}", "match": {"label": matter.label, "level": level}, "set": {clock: LAPSES}}


def rendered() -> str:
    """The content of `policy.json`."""
    return json.dumps(rules(), indent=1) + "\n"


if __name__ == "__main__":
    POLICY.write_text(rendered(), encoding="utf-8")
