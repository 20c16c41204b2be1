"""Rules as people type them into a table: `level=village, priority=urgent` and `handle=5 working_days, warn=75 percent`."""

from collections.abc import Mapping
from typing import Any


def written(side: Mapping[str, Any]) -> str:
    """A rule's `match` or `set` as text."""
    return ", ".join(f"{name}={_value(value)}" for name, value in side.items())


def matches_of(text: str) -> dict[str, str]:
    """`match` of a rule. Raises ValueError for what is no `name=value`."""
    return dict(_pairs(text))


def allowances_of(text: str) -> dict[str, dict[str, object]]:
    """`set` of a rule: an amount and its unit each. Raises ValueError."""
    found: dict[str, dict[str, object]] = {}
    for name, value in _pairs(text):
        amount, _, unit = value.partition(" ")
        if not amount.lstrip("-").isdigit() or not unit.strip():
            raise ValueError(f"{name}={value}")
        found[name] = {"amount": int(amount), "unit": unit.strip()}
    return found


def _value(value: Any) -> str:
    return value if isinstance(value, str) else f"{value['amount']} {value['unit']}"


def _pairs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part in text.split(","):
        if not part.strip():
            continue
        name, separator, value = part.partition("=")
        if not separator or not name.strip() or not value.strip():
            raise ValueError(part.strip())
        found.append((name.strip(), value.strip()))
    return found
