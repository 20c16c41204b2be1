"""What the messages say, in both languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.notify.domain.addresses import salutation
from services.notify.domain.notice import REPORTER_KINDS, STAFF_KINDS, Facts, Language
from services.notify.domain.wording import length, plain, shortened, when
from services.notify.texts import SMS_LIMIT, Subject, Text, Texts, UnitNames
from shared.contracts.values import Allowance, Task
from shared.regions import Regions
from tests.support.events import MONDAY, TOWNSHIP, VILLAGE, deadline, handler

NUMBER = "330182-20260302-000001"
LINK = "https://huiyin.example/t/4f1c0b7ad6e84e0fa2f1d8a0c3b5e7d9"
SUBJECT = Subject(NUMBER, "村口路灯不亮", VILLAGE)
UNITS = UnitNames({f"{TOWNSHIP}/construction": ("村镇建设办公室", "Village and town construction office")})
FULL = Facts(
    level="township",
    handler=handler("township"),
    accept=deadline("accept"),
    handle=deadline("handle"),
    from_level="village",
    from_handler=handler(),
    reason="handle_deadline_missed",
    note="等待材料到货",
    missed_at=MONDAY,
    allowance=Allowance(amount=5, unit="working_days"),
    until=MONDAY + timedelta(days=7),
    to="省交通运输厅",
    promised_by=MONDAY + timedelta(days=60),
    outcome="planned",
    result="已列入明年计划",
    state="in_progress",
    deadline_kind="handle",
    supervision="urge",
    visit_by=MONDAY,
    tasks=(Task(task_id="1", unit=f"{TOWNSHIP}/construction", handler=handler("township"), task="现场勘查", due_at=MONDAY),),
    policy="default",
    version=2,
    moved=12,
    failed=0,
)


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(regions=Regions.load(Path("deploy/demo/regions.csv")), public_url="https://huiyin.example")


def to_reporter(texts: Texts, kind: str, language: Language = "zh-CN", *, facts: Facts = FULL, subject: Subject = SUBJECT) -> Text:
    return texts.for_reporter(
        kind, facts, subject, UNITS, language=language, now=MONDAY, name=salutation("王小明", language), link=LINK, limit=SMS_LIMIT
    )


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("kind", REPORTER_KINDS)
def test_every_notice_to_a_reporter_names_the_issue_and_the_link(texts: Texts, kind: str, language: Language) -> None:
    text = to_reporter(texts, kind, language)
    assert NUMBER in text.body
    assert LINK in text.body
    assert SUBJECT.title in text.body
    assert SUBJECT.title in text.subject
    assert text.body.startswith("【回音】王先生/女士" if language == "zh-CN" else "[Huiyin] Mr/Ms 王")
    assert "小明" not in text.body
    assert "\n" not in text.body
    assert "  " not in text.body


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("kind", STAFF_KINDS)
def test_every_notice_to_staff_is_there_in_both_languages(texts: Texts, kind: str, language: Language) -> None:
    text = texts.for_staff(kind, FULL, None if kind == "rollout" else SUBJECT, UNITS, language=language, now=MONDAY)
    assert text.subject.startswith("[回音]" if language == "zh-CN" else "[Huiyin]")
    assert "https://huiyin.example" in text.body
    assert kind == "rollout" or NUMBER in text.body


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        ("assigned", "由梅城镇村镇建设办公室办理,3月7日(周六)09:00前办结(期限5个工作日)", "by Sat 7 Mar, 09:00 (5 working days)"),
        ("escalated", "已从龙泉村升到梅城镇", "went up from 龙泉村 to 梅城镇"),
        ("escalated", "原因:龙泉村没有在5个工作日内办结", "Why: 龙泉村 did not finish within 5 working days"),
        ("suspended", "等待:等待材料到货", "waits for: 等待材料到货"),
        ("suspended", "最迟3月9日(周一)09:00恢复办理", "by Mon 9 Mar, 09:00 at the latest"),
        ("referred", "已上报省交通运输厅协调,承诺5月1日(周五)09:00前有结果", "promises a result by Fri 1 May, 09:00"),
        ("interim", "梅城镇村镇建设办公室正在办", "Village and town construction office, 梅城镇 is working on it"),
        ("resolved", "已列入计划。结果:已列入明年计划。", "planned. Result: 已列入明年计划."),
        ("resolved", "请评价:" + LINK, "Please rate: " + LINK),
        ("resolved", "由上一级接手", "one level up"),
    ],
)
def test_what_is_said(texts: Texts, kind: str, zh: str, en: str) -> None:
    assert zh in to_reporter(texts, kind, "zh-CN").body
    assert en in to_reporter(texts, kind, "en").body


def test_clock_hours_are_told_from_working_time() -> None:
    assert length(Allowance(amount=24, unit="hours"), "zh-CN") == "24小时(按钟点计)"
    assert length(Allowance(amount=1, unit="hours"), "en") == "1 hour by the clock"
    assert length(Allowance(amount=5, unit="working_days"), "en") == "5 working days"


def test_dates_read_as_on_the_pages() -> None:
    instant = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)
    assert when(instant, "zh-CN", now=MONDAY) == "11月30日(周一)10:30"
    assert when(instant, "en", now=MONDAY) == "Mon 30 Nov, 10:30"
    # 16:30 UTC on New Year's Eve is next year in Shanghai.
    eve = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert when(eve, "zh-CN", now=MONDAY) == "2027年1月1日(周五)00:30"
    assert when(eve, "en", now=eve) == "Fri 1 Jan, 00:30"


@pytest.mark.parametrize("kind", REPORTER_KINDS)
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_an_sms_never_exceeds_its_limit_and_keeps_the_link(texts: Texts, kind: str, language: Language) -> None:
    endless = FULL.model_copy(update={"note": "因" * 2000, "result": "果" * 2000, "to": "省" * 300})
    text = to_reporter(texts, kind, language, facts=endless, subject=Subject(NUMBER, "题" * 80, VILLAGE))
    assert len(text.body) <= SMS_LIMIT
    assert LINK in text.body


@pytest.mark.parametrize(
    "hostile",
    [
        "路灯\r\nBcc: victim@example.com",
        "路灯\u202e\u2066坏了",
        "a\x00b\x1b[31mc\x7f",
        "题\u2028目\u2029",
        "\ufeff零\u200b宽",
        "{{ 7*7 }}<script>",
    ],
)
def test_hostile_text_is_one_harmless_line(texts: Texts, hostile: str) -> None:
    facts = FULL.model_copy(update={"result": hostile})
    text = to_reporter(texts, "resolved", facts=facts, subject=Subject(NUMBER, hostile, VILLAGE))
    for part in (text.subject, text.body):
        assert part.isprintable()
        assert not set(part) & set("\u202e\u2066\u200b\ufeff")
    assert "49" not in text.body


def test_plain_keeps_ordinary_text() -> None:
    assert plain("  王 小明:路灯坏了 😀 é ") == "王 小明:路灯坏了 😀 é"
    assert shortened("已修好。", 400) == "已修好"
    assert shortened("一二三四五", 3) == "一二…"


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("王小明", "王先生/女士", "Mr/Ms 王"),
        ("欧阳修", "欧阳先生/女士", "Mr/Ms 欧阳"),
        ("Ann Lee", "Ann", "Ann"),
        ("", "您好", "Hello"),
        (None, "您好", "Hello"),
    ],
)
def test_salutations_give_no_whole_name_away(name: str | None, zh: str, en: str) -> None:
    assert (salutation(name, "zh-CN"), salutation(name, "en")) == (zh, en)
