"""Which open issues may be the same matter as a new one.

An issue is alike if it has the same topic, or if its title is: by the pairs of neighbouring characters that both have (Dice 1945), which
needs no dictionary and so serves Chinese as it does English.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MOST = 5
"""Issues that are suggested: a screen of a phone or two, soon read."""
ALIKE = 0.4
"""Likeness from which titles of different topics may be one matter: 村口路灯坏了 and 路灯坏了好几天 reach it,
村口路灯不亮 and 村口道路不平 do not."""


@dataclass(frozen=True, slots=True)
class OnBoard:
    """An open issue as the public board shows it in full."""

    number: str
    title: str
    topic: str
    state: str
    level: str | None
    raised_at: datetime


def alike(title: str, topic: str, issues: Iterable[OnBoard]) -> list[OnBoard]:
    """Those of `issues` that may be the same matter, the likest titles first, then as they came; at most `MOST`."""
    wanted = _pairs(title)
    found = [(_likeness(wanted, _pairs(issue.title)), issue) for issue in issues]
    found = [(likeness, issue) for likeness, issue in found if issue.topic == topic or likeness >= ALIKE]
    return [issue for _, issue in sorted(found, key=lambda each: -each[0])[:MOST]]


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """What part of their pairs two titles share: 0 to 1."""
    return 2 * len(one & other) / max(1, len(one) + len(other))


def _pairs(title: str) -> frozenset[str]:
    """Each two neighbouring letters or digits, whatever their width and case, and whatever stands between them."""
    plain = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold()))
    return frozenset(plain[at : at + 2] for at in range(len(plain) - 1))
