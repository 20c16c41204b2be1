"""Who is responsible where: units, posts and topics, and the choice of the handler of an issue. Pure and frozen.

An issue's place is its village; the unit in charge follows from level, topic and category (domain.md rules 1 and 8). Every choice among
several officers takes the lowest `officer_id`, so that a decision can be repeated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from shared.contracts.routing import DirectoryChanged
from shared.contracts.values import Category, Handler, Level, Officer, Topic, Unit
from shared.regions import LADDER, at_level, county_of

K = TypeVar("K")
V = TypeVar("V")

VILLAGE_COMMITTEE = "village_committee"
"""村民委员会: the one unit of a village."""

DISPATCH_UNITS: Mapping[Level, str] = {"township": "service_hall", "county": "administrative_service"}
"""Where the dispatcher of a level sits. A village has none: its township's dispatches for it."""

DISCIPLINE = "discipline"
"""Handles conduct matters at township and county (domain.md rule 8)."""

DESK_ROLES = frozenset({"cadre", "officer"})
"""Who can be a unit's officer on duty; a dispatcher or supervisor only stands in."""


def unit_id(region: str, code: str) -> str:
    """The identity of a unit: `<12-digit region>/<code>`."""
    return f"{region}/{code}"


@dataclass(frozen=True)
class Directory:
    """Topics by code, units by `unit_id`, officers by `officer_id`."""

    topics: Mapping[str, Topic] = field(default_factory=dict[str, Topic])
    units: Mapping[str, Unit] = field(default_factory=dict[str, Unit])
    officers: Mapping[str, Officer] = field(default_factory=dict[str, Officer])

    def unit_for(self, village: str, level: Level, topic: str, category: Category) -> str:
        """The unit that answers for a matter of `topic` at `level`.

        Conduct goes to discipline, from the township up even when `level` is the village. A topic that the directory does not know goes to
        the dispatcher's own unit, who sorts it.
        """
        if category == "conduct":
            return unit_id(at_level(village, "township" if level == "village" else level), DISCIPLINE)
        if level == "village":
            return unit_id(village, VILLAGE_COMMITTEE)
        known = self.topics.get(topic)
        if known is None:
            return unit_id(at_level(village, level), DISPATCH_UNITS[level])
        return unit_id(at_level(village, level), known.township_unit if level == "township" else known.county_unit)

    def seat(self, village: str, level: Level, topic: str, category: Category) -> Handler:
        """Who takes a matter when it comes to `level`: the officer on duty of its unit, else the level's dispatcher, else the bare unit."""
        unit = self.unit_for(village, level, topic, category)
        officer = self._on_duty(unit, DESK_ROLES)
        if officer is not None:
            return _handler(officer, unit)
        return self.dispatcher(village, level) or Handler(officer_id=None, name=None, unit=unit)

    def dispatcher(self, village: str, level: Level) -> Handler | None:
        """The dispatcher on duty of `level`; the village's is its township's. None where nobody is on duty."""
        desk: Level = "township" if level == "village" else level
        region = at_level(village, desk)
        dispatchers = [officer for officer in self._by_post.get(("dispatcher", region), ()) if officer.on_duty]
        return _handler(dispatchers[0], unit_id(region, DISPATCH_UNITS[desk])) if dispatchers else None

    def supervisor(self, village: str) -> Handler | None:
        """The supervisor (督办) of the county: one on duty, else any, for somebody has to be told. None if there is none at all."""
        county = at_level(village, "county")
        supervisors = sorted(self._by_post.get(("supervisor", county), ()), key=lambda officer: (not officer.on_duty, officer.officer_id))
        if not supervisors:
            return None
        own = supervisors[0].units
        return _handler(supervisors[0], own[0] if own else unit_id(county, DISPATCH_UNITS["county"]))

    def dispatcher_above(self, village: str, level: Level) -> Handler | None:
        """The dispatcher of the level above (U in domain.md); above the top stands the supervisor."""
        if level == LADDER[-1]:
            return self.supervisor(village)
        return self.dispatcher(village, LADDER[LADDER.index(level) + 1])

    def handler_of(self, unit: str, officer_id: str | None = None) -> Handler | None:
        """The unit with that officer, or with its officer on duty.

        With nobody on duty the handler is the bare unit. None if the directory does not know the unit or the officer is not a member of it.
        """
        if unit not in self.units:
            return None
        if officer_id is not None:
            chosen = self.officers.get(officer_id)
            return _handler(chosen, unit) if chosen is not None and unit in chosen.units else None
        officer = self._on_duty(unit, DESK_ROLES) or self._on_duty(unit, frozenset({"dispatcher"}))
        return _handler(officer, unit) if officer else Handler(officer_id=None, name=None, unit=unit)

    def find_unit(self, text: str, village: str, level: Level) -> str | None:
        """The `unit_id` that a person meant.

        Takes `<region>/<code>` of a unit in the issue's county, or a bare code: looked up at the issue's region of `level`, then at those
        above it, then at those below, nearest first. None if there is no such unit.
        """
        if "/" in text:
            return text if text in self.units and county_of(text) == county_of(village) else None
        here = LADDER.index(level)
        for near in (*LADDER[here:], *reversed(LADDER[:here])):
            candidate = unit_id(at_level(village, near), text)
            if candidate in self.units:
                return candidate
        return None

    def with_changes(self, change: DirectoryChanged) -> "Directory":
        """The directory after `change`: entries added or replaced, then those taken out that `removed` names.

        Names in `removed` read `topic:<code>`, `unit:<unit_id>` or `officer:<officer_id>`.
        """
        removed = frozenset(change.removed)
        return Directory(
            topics=_changed(self.topics, {topic.code: topic for topic in change.topics}, removed, "topic:"),
            units=_changed(self.units, {unit.unit_id: unit for unit in change.units}, removed, "unit:"),
            officers=_changed(self.officers, {officer.officer_id: officer for officer in change.officers}, removed, "officer:"),
        )

    def on_duty_in(self, region: str) -> tuple[str, ...]:
        """Names of those on duty at the desks of a region: in a village its cadre."""
        posts = (officer for role in ("cadre", "officer") for officer in self._by_post.get((role, region), ()))
        return tuple(officer.name for officer in posts if officer.on_duty)

    def members(self, unit: str) -> tuple[Officer, ...]:
        """The officers of a unit, lowest `officer_id` first, on duty or not."""
        return self._members.get(unit, ())

    def _on_duty(self, unit: str, roles: frozenset[str]) -> Officer | None:
        return next((officer for officer in self.members(unit) if officer.on_duty and officer.role in roles), None)

    @cached_property
    def _members(self) -> Mapping[str, tuple[Officer, ...]]:
        return _grouped((unit, officer) for officer in self.officers.values() for unit in officer.units)

    @cached_property
    def _by_post(self) -> Mapping[tuple[str, str], tuple[Officer, ...]]:
        return _grouped(((officer.role, region), officer) for officer in self.officers.values() for region in officer.regions)


def _handler(officer: Officer, unit: str) -> Handler:
    return Handler(officer_id=officer.officer_id, name=officer.name, unit=unit)


def _grouped(pairs: Iterable[tuple[K, Officer]]) -> Mapping[K, tuple[Officer, ...]]:
    groups: dict[K, list[Officer]] = {}
    for key, officer in pairs:
        groups.setdefault(key, []).append(officer)
    return {key: tuple(sorted(group, key=lambda officer: officer.officer_id)) for key, group in groups.items()}


def _changed(former: Mapping[str, V], upserts: Mapping[str, V], removed: frozenset[str], kind: str) -> Mapping[str, V]:
    if not upserts and not any(name.startswith(kind) for name in removed):
        return former
    merged = {**former, **upserts}
    return {key: value for key, value in merged.items() if kind + key not in removed}
