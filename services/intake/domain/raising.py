"""Who may raise what, and the fact that follows: domain.md, rules 1, 6 and 8, and contract.md's body of `issues`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.intake.domain.commands import RaiseIssue
from services.intake.domain.naming import names
from shared.contracts import intake
from shared.contracts.values import Evidence, Handler
from shared.personal_data import contains_personal_data
from shared.regions import LADDER, level_of, within

DISCIPLINE = "discipline"
"""Code of the unit that conduct matters belong to, at township and county (rule 8)."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A staff member as a token or the directory describes one; `units` are `<12-digit region>/<unit code>`."""

    officer_id: str
    name: str | None
    regions: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What has to be known of the world to raise an issue.

    Args:
        now: the present instant.
        caller: the staff member who raises it, None for anybody else.
        village_known: whether `village_code` is a village of this deployment.
        topic_known: whether the directory has the topic.
        named: the officer that `first_receiver` names; None where there is none of that name.
        evidence: what the receipts stand for; None in the place of a receipt that is not good.
    """

    now: datetime
    caller: Staff | None
    village_known: bool
    topic_known: bool
    named: Staff | None
    evidence: tuple[Evidence | None, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a command: JSON pointer and code."""

    pointer: str
    code: str


def faults(command: RaiseIssue, facts: Facts) -> tuple[Fault, ...]:
    """Everything that refuses the command; empty if it may be recorded."""
    found = [*_of_anybody(command, facts)]
    found += _of_a_citizen(command) if facts.caller is None else _of_staff(command, facts)
    return tuple(found)


def raised(command: RaiseIssue, facts: Facts, *, number: str, tracking_digest: str) -> intake.IssueRaised:
    """The event of a command without faults."""
    spot = command.resolved_on_the_spot
    return intake.IssueRaised(
        number=number,
        channel=command.channel,
        category=command.category,
        topic=command.topic,
        title=command.title,
        priority=command.priority,
        reporter="named" if command.reporter else "anonymous",
        first_receiver=first_receiver(command, facts),
        occurred_at=command.occurred_at,
        labels=command.labels,
        on_the_spot=intake.OnTheSpot(outcome=spot.outcome, result=spot.result) if spot else None,
        evidence=tuple(evidence for evidence in facts.evidence if evidence),
        tracking_digest=tracking_digest,
    )


def first_receiver(command: RaiseIssue, facts: Facts) -> Handler | None:
    """Who stays accountable to the end: the officer that staff named, else the caller.

    None leaves it to routing: for citizens, for staff without a unit, and for a conduct matter outside a discipline office (rule 8).
    """
    person = facts.named if command.first_receiver else facts.caller
    if person is None:
        return None
    units = [unit for unit in person.units if command.category != "conduct" or _code(unit) == DISCIPLINE]
    if not units:
        return None
    nearest = min(units, key=lambda unit: _distance(unit, command.village_code))
    return Handler(officer_id=person.officer_id, name=person.name, unit=nearest)


def unknown(*, village_known: bool, topic_known: bool) -> Iterator[Fault]:
    """What a command names that is not there."""
    if not village_known:
        yield Fault("/village_code", "unknown_village")
    if not topic_known:
        yield Fault("/topic", "unknown_topic")


def _of_anybody(command: RaiseIssue, facts: Facts) -> Iterator[Fault]:
    yield from unknown(village_known=facts.village_known, topic_known=facts.topic_known)
    if command.anonymous == (command.reporter is not None):
        yield Fault("/reporter", "reporter_or_anonymous")
    if command.reporter and names(command.title, command.reporter.name):
        yield Fault("/title", "reporter_named")
    if command.reporter and command.resolved_on_the_spot and names(command.resolved_on_the_spot.result, command.reporter.name):
        yield Fault("/resolved_on_the_spot/result", "reporter_named")
    if command.occurred_at and command.occurred_at > facts.now:
        yield Fault("/occurred_at", "in_the_future")
    for index, label in enumerate(command.labels):
        if contains_personal_data(label):
            yield Fault(f"/labels/{index}", "personal_data_in_text")
    for index, evidence in enumerate(facts.evidence):
        if evidence is None:
            yield Fault(f"/attachments/{index}", "receipt_not_valid")
        elif evidence in facts.evidence[:index]:
            yield Fault(f"/attachments/{index}", "receipt_used")


def _of_a_citizen(command: RaiseIssue) -> Iterator[Fault]:
    if command.channel != "web":
        yield Fault("/channel", "staff_only")
    if command.priority == "emergency":
        yield Fault("/priority", "staff_only")
    for name in ("first_receiver", "resolved_on_the_spot", "labels"):
        if getattr(command, name):
            yield Fault(f"/{name}", "staff_only")


def _of_staff(command: RaiseIssue, facts: Facts) -> Iterator[Fault]:
    if command.first_receiver and facts.named is None:
        yield Fault("/first_receiver", "unknown_officer")
    elif command.first_receiver and facts.named and not any(within(command.village_code, region) for region in facts.named.regions):
        yield Fault("/first_receiver", "officer_elsewhere")
    elif command.first_receiver and first_receiver(command, facts) is None:
        yield Fault("/first_receiver", "not_a_discipline_officer" if command.category == "conduct" else "officer_without_unit")
    elif command.resolved_on_the_spot and first_receiver(command, facts) is None:
        yield Fault("/resolved_on_the_spot", "needs_first_receiver")


def _code(unit: str) -> str:
    return unit.partition("/")[2]


def _distance(unit: str, village: str) -> tuple[bool, int]:
    """How far a unit is from the village: units of other regions last, then by level."""
    region = unit.partition("/")[0]
    return not within(village, region), LADDER.index(level_of(region))
