"""Channels, retries and receipts, without I/O."""

from datetime import timedelta

import pytest

from services.notify.domain.addresses import Contact, mail, mask_mail, mask_phone, mobile
from services.notify.domain.delivery import MessageState, ReceiptStatus, delay_after, next_way, on_receipt
from services.notify.settings import Settings
from tests.support.platform import settings_values


@pytest.mark.parametrize(
    ("state", "status", "then"),
    [
        ("sending", "delivered", "delivered"),
        ("sending", "failed", "failed"),
        ("accepted", "delivered", "delivered"),
        ("accepted", "failed", "failed"),
        ("delivered", "delivered", None),
        ("delivered", "failed", None),
        ("failed", "failed", None),
        ("failed", "delivered", "delivered"),
    ],
)
def test_receipts_late_twice_and_in_any_order(state: MessageState, status: ReceiptStatus, then: MessageState | None) -> None:
    assert on_receipt(state, status) == then


@pytest.mark.parametrize(
    ("phone", "digits"),
    [
        ("13800002207", "13800002207"),
        ("+86 138-0000-2207", "13800002207"),
        ("0086 13800002207", "13800002207"),
        ("0571-64712345", None),
        ("12345", None),
        ("+44 7700 900123", None),
        ("138000022071", None),
        (None, None),
    ],
)
def test_only_mobiles_get_sms(phone: str | None, digits: str | None) -> None:
    assert mobile(phone) == digits


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("wang@example.cn", True),
        ("wang.x+y@mail.example.cn", True),
        ("wang@example.cn\r\nBcc: x@example.cn", False),
        ("a@b.cn, c@d.cn", False),
        ("<a@b.cn>", False),
        ("王@example.cn", False),
        ("nobody", False),
    ],
)
def test_only_plain_addresses_get_mail(address: str, good: bool) -> None:
    assert (mail(address) is not None) == good


def test_masks() -> None:
    assert mask_phone("13800002207") == "138****2207"
    assert mask_mail("wang@example.cn") == "w***@example.cn"


def test_sms_first_then_mail_then_nothing() -> None:
    ways = Contact("王小明", "13800002207", "wang@example.cn", "zh-CN", "link").ways()
    assert [way.channel for way in ways] == ["sms", "email"]
    first = next_way(ways, frozenset())
    second = next_way(ways, frozenset({"sms"}))
    assert first
    assert second
    assert (first.channel, second.channel) == ("sms", "email")
    assert next_way(ways, frozenset({"sms", "email"})) is None
    assert Contact("王小明", "0571-64712345", None, "zh-CN", "link").ways() == ()


def test_a_contact_shows_nothing_when_it_is_printed() -> None:
    contact = Contact("王小明", "13800002207", "wang@example.cn", "zh-CN", "https://x/token")
    shown = repr((contact, contact.ways()))
    assert not any(secret in shown for secret in ("王小明", "13800002207", "wang@", "token"))


def test_delays_run_out() -> None:
    delays = (timedelta(seconds=1), timedelta(hours=1))
    assert [delay_after(tries, delays) for tries in (1, 2, 3, 4)] == [delays[0], delays[1], None, None]


def test_retries_grow_to_an_hour_and_are_quick_in_the_demo() -> None:
    real = Settings(**settings_values()).retry_delays()
    assert len(real) == 4
    assert real == tuple(sorted(real))
    assert real[-1] == timedelta(hours=1)
    assert sum(Settings(**settings_values(demo=True)).retry_delays(), timedelta()) < timedelta(seconds=10)
    assert Settings(**settings_values(demo=True, notice_retry_delays=(5,))).retry_delays() == (timedelta(seconds=5),)
