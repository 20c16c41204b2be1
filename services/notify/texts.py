"""Texts of notices: one template file for each audience and language, one block for each kind.

The first line of a block is the subject (mail only), the rest is the text. Every value that a template prints is made one plain line, so
no title or result can inject a header, turn text around or hide something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from services.notify.domain.notice import Facts, Language
from services.notify.domain.wording import length, plain, shortened, when
from shared.contracts.values import Deadline, Handler, Level
from shared.regions import Regions, UnknownRegion, at_level, level_of

SMS_LIMIT = 500
"""Characters of one SMS: what gateways in China take as one long message."""

_CLIPS = (400, 240, 140, 80, 40, 20)
"""How long free text (results, reasons, titles) may be, tried in turn until the SMS fits; the link is never cut."""


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered notice; `subject` is used by mail alone."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The issue that a text speaks of."""

    number: str
    title: str
    region: str


@dataclass(frozen=True)
class UnitNames:
    """Names of units by `unit_id`, as (zh, en), from the directory."""

    names: Mapping[str, tuple[str, str]]


class Texts:
    """Renders notices.

    Args:
        regions: names of villages, townships and counties.
        public_url: where staff sign in.
    """

    def __init__(self, *, regions: Regions, public_url: str) -> None:
        self._regions = regions
        self._public_url = public_url
        self._environment = Environment(
            loader=PackageLoader("services.notify", "templates"),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_plain,
        )

    def for_reporter(
        self,
        kind: str,
        facts: Facts,
        subject: Subject,
        units: UnitNames,
        *,
        language: Language,
        now: datetime,
        name: str,
        link: str,
        limit: int,
    ) -> Text:
        """A text of at most `limit` characters to a reporter who is addressed as `name`; `link` is the tracking page."""
        values = {**self._values(facts, subject, units, language, now), "name": name, "link": link}
        template = self._environment.get_template(f"reporter.{language}.j2")
        texts = (_rendered(template, kind, {**values, "clip": clip}) for clip in _CLIPS)
        return next((text for text in texts if len(text.body) <= limit), None) or _rendered(template, kind, {**values, "clip": _CLIPS[-1]})

    def for_staff(self, kind: str, facts: Facts, subject: Subject | None, units: UnitNames, *, language: Language, now: datetime) -> Text:
        """A text to staff, about an issue or (`subject` None) about a roll-out."""
        values = self._values(facts, subject or Subject(number="", title="", region=""), units, language, now)
        return _rendered(
            self._environment.get_template(f"staff.{language}.j2"), kind, {**values, "url": self._public_url, "clip": _CLIPS[0]}
        )

    def _values(self, facts: Facts, subject: Subject, units: UnitNames, language: Language, now: datetime) -> dict[str, Any]:
        def until(deadline: Deadline) -> str:
            return when(deadline.due_at, language, now=now)

        return {
            "facts": facts,
            "number": subject.number,
            "title": subject.title,
            "unit": partial(self._unit, units=units, language=language),
            "place": partial(self._place, subject.region),
            "when": partial(when, language=language, now=now),
            "until": until,
            "length": partial(length, language=language),
            "brief": shortened,
        }

    def _unit(self, handler: Handler | None, units: UnitNames, language: Language) -> str:
        """`大慈岩镇村镇建设办公室`: the unit with its region's name, officers by post and never by name."""
        if handler is None:
            return ""
        region, _, code = handler.unit.partition("/")
        place = self._regions.name(region)
        zh, en = units.names.get(handler.unit, _VILLAGE_COMMITTEE if code == "village_committee" else (code, code.replace("_", " ")))
        if language == "en":
            return en if place in en else f"{en}, {place}"
        return zh if zh.startswith(place) else f"{place}{zh}"

    def _place(self, region: str, level: Level | None = None) -> str:
        """The name of the issue's region at `level`: its village, township or county."""
        try:
            return self._regions.name(at_level(region, level or level_of(region)))
        except UnknownRegion:
            return region


_VILLAGE_COMMITTEE = ("村民委员会", "Village committee")


def _plain(value: object) -> str:
    return "" if value is None else plain(str(value))


def _rendered(template: Template, kind: str, values: Mapping[str, Any]) -> Text:
    lines = "".join(template.blocks[kind](template.new_context(dict(values)))).strip().splitlines()
    return Text(subject=lines[0].strip(), body="\n".join(line.strip() for line in lines[1:]).strip())
