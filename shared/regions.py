"""Regions: China's 12-digit codes (GB/T 2260 and GB/T 10114), read once from a file that every service loads.

A code reads 2.2.2.3.3: province, city, county, township, village. A county's code ends in six zeros, a township's in three.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shared.contracts.values import Level

LADDER: tuple[Level, ...] = ("village", "township", "county")
"""Lowest first. What lies above another level is read from here alone."""

_DIGITS: dict[Level, int] = {"county": 6, "township": 9, "village": 12}


@dataclass(frozen=True, slots=True)
class Region:
    """A county, township or village."""

    code: str
    parent: str | None
    level: Level
    name: str
    full_name: str


class UnknownRegion(ValueError):
    """A code that the region file does not hold."""


def level_of(code: str) -> Level:
    """The level that the form of a 12-digit code says. Raises `UnknownRegion` for any other text."""
    if len(code) != 12 or not code.isascii() or not code.isdigit():
        raise UnknownRegion(code)
    if not code.endswith("000"):
        return "village"
    return "county" if code.endswith("000000") else "township"


def prefix(code: str) -> str:
    """The digits that every region below starts with: 6 for a county, 9 for a township, all 12 for a village."""
    return code[: _DIGITS[level_of(code)]]


def within(code: str, region: str) -> bool:
    """Whether `code` is `region` or lies inside it. Compares whole parts, so 330182104 is not inside 330182100."""
    return code.startswith(prefix(region))


def at_level(code: str, level: Level) -> str:
    """The code of the region of `level` that `code` lies in (itself if it is of that level)."""
    return code[: _DIGITS[level]].ljust(12, "0")


def county_of(code: str) -> str:
    """The six digits of the county."""
    return code[:6]


class Regions:
    """All regions of a deployment."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code = {region.code: region for region in regions}

    @classmethod
    def load(cls, path: Path) -> "Regions":
        """Read `code,parent_code,level,name,full_name` in UTF-8."""
        with path.open(encoding="utf-8", newline="") as file:
            return cls(
                Region(row["code"], row["parent_code"] or None, row["level"], row["name"], row["full_name"])  # pyright: ignore[reportArgumentType]
                for row in csv.DictReader(file)
            )

    def get(self, code: str) -> Region | None:
        """The region, or None if the deployment does not serve it."""
        return self._by_code.get(code)

    def name(self, code: str) -> str:
        """The region's own name, or the code where it is unknown."""
        region = self._by_code.get(code)
        return region.name if region else code

    def __iter__(self) -> Iterator[Region]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    @cached_property
    def counties(self) -> tuple[Region, ...]:
        """The counties, in file order."""
        return tuple(region for region in self if region.level == "county")

    def children(self, code: str) -> tuple[Region, ...]:
        """The regions directly below, in file order."""
        return tuple(region for region in self if region.parent == code)
