"""iCalendar (RFC 5545) as far as whole days need it: lines folded and unfolded, entries read and written. Pure.

No library for it is among the requirements, and whole days need little of it: no time zones, no recurrence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

_LINE = re.compile(r'([\w-]+)((?:;(?:"[^"]*"|[^":;])*)*):(.*)', re.DOTALL)
"""Name, parameters (whose quoted values may hold colons), value (section 3.1)."""

_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_WHOLE_DAYS = re.compile(r"\+?P([0-9]{1,4})([DW])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_FOLD = 75
"""Octets of a line (section 3.1)."""


class Unreadable(ValueError):
    """This is no iCalendar; `line` (from 1) is the first that is none."""

    def __init__(self, line: int) -> None:
        super().__init__(f"no iCalendar from line {line} on")
        self.line = line


@dataclass(frozen=True, slots=True)
class Entry:
    """A VEVENT: the line on which it begins, and its properties by their names in capitals, without those of alarms within it."""

    line: int
    properties: Mapping[str, str] = field(default_factory=dict[str, str])

    def value(self, name: str) -> str:
        """A property as it stands; empty if there is none."""
        return self.properties.get(name, "").strip()

    def text(self, name: str) -> str:
        """A property as text, with its escapes undone (section 3.3.11); empty if there is none."""
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.properties.get(name, ""))

    @property
    def recurs(self) -> bool:
        """Whether it stands for further days that only a rule tells."""
        return not self.properties.keys().isdisjoint({"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})

    @property
    def days(self) -> tuple[date | None, date | None]:
        """Its first day and the day after its last; null where it is not of whole days. Without an end it lasts one day."""
        first = _date(self.value("DTSTART"))
        if first is None or "DTEND" in self.properties:
            return first, _date(self.value("DTEND"))
        length = _WHOLE_DAYS.fullmatch(self.properties.get("DURATION", "P1D"))
        try:
            return first, first + timedelta(days=int(length[1]) * (7 if length[2] == "W" else 1)) if length else None
        except OverflowError:
            return first, None


def entries(text: str) -> Iterator[Entry]:
    """The entries (VEVENT) of a file, in its order. Raises `Unreadable` where it reaches what cannot be read."""
    within: list[str] = []
    line, properties = 0, dict[str, str]()
    for number, content in _unfolded(text):
        found = _LINE.fullmatch(content)
        name, value = (found[1].upper(), found[3]) if found else ("", "")
        if not found or (not within and (name, value.strip().upper()) != ("BEGIN", "VCALENDAR")):
            raise Unreadable(number if line else 1)
        if name == "BEGIN":
            within.append(value.strip().upper())
            if within[1:] == ["VEVENT"]:
                line, properties = number, {}
        elif name == "END":
            if within[-1] != value.strip().upper():
                raise Unreadable(number)
            if within[1:] == ["VEVENT"]:
                yield Entry(line, properties)
            within.pop()
        elif within[1:] == ["VEVENT"]:
            properties.setdefault(name, value)
        line = line or number
    if within or not line:
        raise Unreadable(max(line, 1))


def entry_lines(*, uid: str, day: date, sequence: int, summary: str, extra: Mapping[str, str]) -> list[str]:
    """The folded lines of an entry that lasts one whole day and leaves the day free for appointments."""
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{day:%Y%m%d}T000000Z",
        f"SEQUENCE:{sequence}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped(summary)}",
        "TRANSP:TRANSPARENT",
        *(f"{name}:{value}" for name, value in extra.items()),
        "END:VEVENT",
    ]
    return [part for line in lines for part in _folded(line)]


def _escaped(text: str) -> str:
    plain = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"[\\;,]", r"\\\g<0>", plain).replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """A line in parts of at most 75 octets, no character torn; all but the first begin with a space."""
    part, size = "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _FOLD:
            yield part
            part, size = " ", 1
        part, size = part + character, size + octets
    yield part


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Whole lines, each with the number of its first part. Empty ones are passed over."""
    begun, parts = 1, list[str]()
    for number, part in enumerate(re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), start=1):
        if parts and part[:1] in (" ", "\t"):
            parts.append(part[1:])
            continue
        if parts:
            yield begun, "".join(parts)
        begun, parts = number, [part] if part else []
    if parts:
        yield begun, "".join(parts)


def _date(value: str) -> date | None:
    parts = _DATE.fullmatch(value)
    try:
        return date(int(parts[1]), int(parts[2]), int(parts[3])) if parts else None
    except ValueError:
        return None
