"""Tracking shows what routing decides from: on any life of an issue both tell the same state, level, handler, deadline and version."""

import random
from collections.abc import Callable

import pytest

from services.routing.domain.evolve import evolve as as_routing_decides
from services.routing.domain.state import Issue
from services.tracking.domain.entry import LedgerEntry
from services.tracking.domain.ledger import evolve as as_tracking_shows
from shared.contracts.intake import IssueWithdrawn, ReopenAsked
from tests.support.life import Life

COMMANDS = (
    "accept",
    "report-progress",
    "resolve",
    "request-escalation",
    "return",
    "arbitrate",
    "reclassify",
    "invite",
    "complete-task",
    "suspend",
    "resume",
    "request-extension",
    "decide-extension",
    "refer",
    "supervise",
    "record-return-visit",
    "reopen",
)


def some_life(seed: int) -> Life:
    """A life that wanders through commands, ratings, notices and the passing of time."""
    choice = random.Random(seed)
    life = Life().raised(reporter=choice.choice(["named", "anonymous"]), category=choice.choice(["hardship", "conduct"]))
    happenings: list[Callable[[], object]] = [
        *(lambda name=name: life.do(name) for name in COMMANDS),
        *(lambda name=name: life.do(name) for name in ("accept", "resolve", "refer", "record-return-visit") * 2),
        lambda: life.pass_time(working_days=choice.choice([1, 3, 12])),
        lambda: life.pass_time(days=40),
        life.delivered,
        life.notice_failed,
        lambda: life.rated(choice.choice(["satisfied", "dissatisfied"])),
        lambda: life.fact(ReopenAsked()),
    ]
    for _ in range(30):
        choice.choice(happenings)()
    if choice.random() < 0.2:
        life.fact(IssueWithdrawn())
    return life


def agree(life: Life) -> None:
    decided: Issue | None = None
    shown: LedgerEntry | None = None
    for recorded in life.history:
        decided, shown = as_routing_decides(decided, recorded), as_tracking_shows(shown, recorded)
        assert shown.state == (decided.state or "raised"), recorded.name
        assert shown.level == (decided.level or ("on_the_spot" if decided.state else None)), recorded.name
        assert shown.handler == decided.handler, recorded.name
        assert shown.first_receiver == decided.first_receiver, recorded.name
        assert [(clock.deadline_id, clock.due_at) for clock in shown.running] == [
            (deadline.deadline_id, deadline.due_at) for deadline in decided.running
        ], recorded.name
        assert (shown.version, shown.stream_version) == (decided.version, decided.stream_version), recorded.name
        assert (shown.topic, shown.category, shown.priority) == (decided.topic, decided.category, decided.priority), recorded.name
        assert shown.closed_at == decided.closed_at, recorded.name


@pytest.mark.parametrize("seed", range(8))
def test_both_tell_the_same_after_every_event(seed: int) -> None:
    agree(some_life(seed))


def test_both_tell_the_same_of_the_rarer_turns() -> None:
    agree(Life().raised().ok("accept").ok("suspend").pass_time(days=8).ok("request-extension").ok("decide-extension").ok("resolve"))
    agree(Life().raised().ok("accept").ok("suspend").ok("resume").pass_time(working_days=30))
    agree(Life().raised().ok("request-escalation").ok("return").ok("return").ok("arbitrate").ok("accept").ok("invite").pass_time(days=9))
    referred = Life().raised().ok("request-escalation").ok("request-escalation").ok("accept").ok("refer").pass_time(days=45)
    agree(referred)
    agree(Life().raised(on_the_spot={"outcome": "explained", "result": "已解释"}).rated("dissatisfied"))
