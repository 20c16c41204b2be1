"""How much of a large test runs: a slice on every change, all of it with `make test LONG=1`."""

import os
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

LONG = os.environ.get("LONG") == "1"


T = TypeVar("T")


def full(whole: int, part: int) -> int:
    """`whole` in a long run, else `part`."""
    return whole if LONG else part


def portion(whole: Iterable[T], turn: int, turns: int) -> list[T]:
    """`whole` in a long run, else what falls to this one of several turns: after all of them, everything had its turn once."""
    return list(whole) if LONG else list(islice(whole, turn, None, turns))
