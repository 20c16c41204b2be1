"""Which transitions a rate of a month counts, so that a rate leads to its issues. README.md defines each rate; `flows` counts them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement

from services.tracking.domain.words import SHANGHAI

RateName = Literal["response_rate", "resolution_rate", "satisfaction_rate", "on_time_rate"]

PATTERN = r"^(response|resolution|satisfaction|on_time)_rate(:missed)?@20\d\d-(0[1-9]|1[0-2])$"


@dataclass(frozen=True, slots=True)
class CountedIn:
    """What counts in a rate of a month, which is named by its first day; with `missed` only what lowers it."""

    rate: RateName
    month: date
    missed: bool

    @classmethod
    def parse(cls, text: str) -> "CountedIn":
        """Of `on_time_rate@2026-03` or `on_time_rate:missed@2026-03`. Raises ValueError for what `PATTERN` does not match."""
        if not re.fullmatch(PATTERN, text):
            raise ValueError(text)
        named, _, month = text.partition("@")
        rate, _, missed = named.partition(":")
        return cls(cast(RateName, rate), date.fromisoformat(f"{month}-01"), bool(missed))

    def conditions(self, of: Any) -> Iterator[ColumnElement[bool]]:
        """The same of transitions, whose columns `of` are."""
        year, month = divmod(self.month.year * 12 + self.month.month, 12)
        yield of.at >= _midnight(self.month)
        yield of.at < _midnight(date(year, month + 1, 1))
        match self.rate:
            case "response_rate":
                yield of.event.in_(("Answered", "VisitDue"))
                yield of.on_time.is_(False) if self.missed else of.on_time.is_not(None)
            case "on_time_rate":
                yield of.event == "Resolved"
                yield of.on_time.is_(False) if self.missed else of.on_time.is_not(None)
            case "resolution_rate":
                yield of.event == "Closed"
                yield of.reason.is_distinct_from("withdrawn")
                if self.missed:
                    yield of.outcome.is_distinct_from("solved")
            case "satisfaction_rate":
                yield of.event == "Rated"
                if self.missed:
                    yield of.rating.not_in(("satisfied", "fair"))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
