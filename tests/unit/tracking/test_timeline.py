"""What staff and the reporter see of each event, in both languages."""

import pytest

from services.tracking.domain.headings import heading
from services.tracking.domain.sentences import sentence
from services.tracking.domain.timeline import REPORTER_SEES, STAFF_ONLY, entry_of, shown_to_reporter
from services.tracking.domain.words import DEADLINES, IF_MISSED, IF_MISSED_AT_THE_TOP, LEVELS, STATES, Language, if_missed, level_word
from shared.contracts import EVENTS, Event
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Escalated, ProgressReported, Resolved, Returned, Suspended
from tests.support.events import EXAMPLES, digest, example, handler, history

OF_ISSUES = [event for event in EXAMPLES.values() if event.aggregate == "issue"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")


class Codes:
    """Names that are their own codes."""

    def unit(self, unit_id: str) -> str:
        return unit_id

    def topic(self, code: str) -> str:
        return code

    def level(self, level: str) -> str:
        return level

    def when(self, instant: str) -> str:
        return instant


def facts_of(event: Event) -> dict[str, object]:
    return entry_of(history(event)[0]).facts


@pytest.mark.parametrize("event", OF_ISSUES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_reads_as_a_sentence_for_whoever_sees_it(event: Event, language: Language) -> None:
    entry = entry_of(history(event)[0])
    text = sentence(entry.event, entry.facts, Codes(), language)
    assert text
    for level in (None, "village", "on_the_spot"):
        above = heading(entry.event, entry.facts, level, Codes(), language) or ""
        assert "None" not in above + text
        assert "{" not in above + text
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
    assert said.startswith("village没有按期办结，系统自动升级，由330182104000/construction")
    assert "2026-03-12T01:00" in said
    assert heading("Escalated", facts_of(example(Escalated)), "township", Codes(), "zh-CN") == "从village升到township"
    said = sentence("Suspended", facts_of(example(Suspended)), Codes(), "en")
    assert "等待材料到货" in said
    rejected = example(Resolved, outcome="rejected", result="不属受理范围。", reason="已进入诉讼程序")
    assert "已进入诉讼程序" in sentence("Resolved", facts_of(rejected), Codes(), "zh-CN")


def test_what_happens_if_a_deadline_is_missed_depends_on_the_level() -> None:
    assert if_missed("handle", "village", "梅城镇", "zh-CN") == "自动升到梅城镇接着办。"
    assert "催办" in (if_missed("handle", "county", "", "zh-CN") or "")
    assert if_missed("task", "village", "梅城镇", "en") is None
    assert set(IF_MISSED_AT_THE_TOP) <= set(IF_MISSED) <= set(DEADLINES)


def test_a_level_is_called_what_its_region_is_called() -> None:
    named = {"梅城镇": "镇", "更楼街道": "街道", "李家乡": "乡", "": "镇"}
    assert {place: level_word("township", place, "zh-CN") for place in named} == named
    assert level_word("county", "建德市", "zh-CN") == "市"
    assert level_word("county", "建德市", "en") == "county"


def test_every_word_has_both_languages() -> None:
    for words in (STATES, LEVELS, DEADLINES):
        assert all(zh and en and zh != en for zh, en in words.values())
