"""Subjects: the one place that builds them (contract, "Events")."""

from shared.contracts.envelope import Recorded
from shared.contracts.event import Event

ROOT = "huiyin"
DEAD_ROOT = "huiyin_dead"


def subject(type_name: str, region: str | None) -> str:
    """Where an event of CloudEvents type `huiyin.<aggregate>.<Name>.v1` is published.

    Issues go by region, so that a county is one wildcard: `huiyin.issue.33.01.82.104.228.Escalated`.
    """
    _, aggregate, name, _ = type_name.split(".")
    if aggregate != "issue" or region is None:
        return f"{ROOT}.{aggregate}.{name}"
    return ".".join((ROOT, aggregate, region[:2], region[2:4], region[4:6], region[6:9], region[9:12], name))


def subject_of(recorded: Recorded[Event]) -> str:
    """Where `recorded` is published."""
    return subject(recorded.data.type_name(), recorded.region)


def dead_subject(durable: str) -> str:
    """Where events go that `durable` could not take."""
    return f"{DEAD_ROOT}.{durable}"
