"""What staff and the reporter see of each event, in both languages."""

import pytest

from services.tracking.domain.sentences import sentence
from services.tracking.domain.timeline import REPORTER_SEES, STAFF_ONLY, entry_of, shown_to_reporter
from services.tracking.domain.words import DEADLINES, IF_MISSED, IF_MISSED_AT_THE_TOP, LEVELS, STATES, Language, if_missed, local
from shared.contracts import EVENTS, Event
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Escalated, ProgressReported, Resolved, Returned, Suspended
from tests.support.events import EXAMPLES, MONDAY, digest, example, handler, history

OF_ISSUES = [event for event in EXAMPLES.values() if event.aggregate == "issue"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")


class Codes:
    """Names that are their own codes."""

    def unit(self, unit_id: str) -> str:
        return unit_id

    def topic(self, code: str) -> str:
        return code


def facts_of(event: Event) -> dict[str, object]:
    return entry_of(history(event)[0]).facts


@pytest.mark.parametrize("event", OF_ISSUES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_reads_as_a_sentence_for_whoever_sees_it(event: Event, language: Language) -> None:
    entry = entry_of(history(event)[0])
    text = sentence(entry.event, entry.facts, Codes(), language)
    assert text
    assert "None" not in text
    assert "{" not in text
    shown = shown_to_reporter(entry.event, entry.facts)
    assert entry.public == (shown is not None)
    if shown is not None:
        assert sentence(entry.event, shown, Codes(), language)


def test_each_event_is_decided_on_once() -> None:
    decided = set(REPORTER_SEES) | STAFF_ONLY
    assert not set(REPORTER_SEES) & STAFF_ONLY
    assert decided == {event for event in EVENTS.values() if event.aggregate == "issue"}


@pytest.mark.parametrize(
    "event",
    [example(ProgressReported, note="内部备注"), example(Returned, reason="内部备注"), example(Escalated, note="内部备注", by="officer-1")],
    ids=lambda event: type(event).__name__,
)
def test_what_staff_say_to_each_other_stays_with_them(event: Event) -> None:
    shown = shown_to_reporter(type(event).__name__, facts_of(event))
    assert "内部备注" not in str(shown)
    assert "officer-1" not in str(shown)
    assert "内部备注" in str(facts_of(event))


def test_nobody_is_shown_the_digest_of_the_tracking_token() -> None:
    assert digest() not in str(facts_of(example(IssueRaised)))


def test_the_reporter_reads_who_is_in_charge_until_when_and_why() -> None:
    said = sentence("Escalated", facts_of(example(Escalated, handler=handler("township"))), Codes(), "zh-CN")
    assert "逾期未办结" in said
    assert "330182104000/construction" in said
    assert "2026-03-12 09:00" in said
    said = sentence("Suspended", facts_of(example(Suspended)), Codes(), "en")
    assert "等待材料到货" in said
    assert local(MONDAY).startswith("2026-03-02 09:00")
    rejected = example(Resolved, outcome="rejected", result="不属受理范围。", reason="已进入诉讼程序")
    assert "已进入诉讼程序" in sentence("Resolved", facts_of(rejected), Codes(), "zh-CN")


def test_what_happens_if_a_deadline_is_missed_depends_on_the_level() -> None:
    assert if_missed("handle", "village", "zh-CN") != if_missed("handle", "county", "zh-CN")
    assert if_missed("task", "village", "en") is None
    assert set(IF_MISSED_AT_THE_TOP) <= set(IF_MISSED) <= set(DEADLINES)


def test_every_word_has_both_languages() -> None:
    for words in (STATES, LEVELS, DEADLINES):
        assert all(zh and en and zh != en for zh, en in words.values())
