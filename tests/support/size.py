"""How much of a large test runs: a slice on every change, all of it with `make test LONG=1`."""

import os

LONG = os.environ.get("LONG") == "1"


def full(whole: int, part: int) -> int:
    """`whole` in a long run, else `part`."""
    return whole if LONG else part
