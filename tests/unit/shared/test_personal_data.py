import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.personal_data import contains_personal_data, masked

# Made-up numbers; the identity numbers have right check digits and nobody's birthday.
MOBILE = "13812345678"
IDENTITY = "11010519491231002X"


@pytest.mark.parametrize(
    "text",
    [
        "请回电 13812345678",
        "电话138-1234-5678。",
        "138 1234 5678",
        "138 12345678",
        "1 3 8 1 2 3 4 5 6 7 8",
        "138.1234.5678",
        "1-3-8-1-2-3-4-5-6-7-8",
        "13812345678",
        "１３８１２３４５６７８",
        "138\u200b1234\u200b5678",
        "138–1234–5678",
        "+86 138 1234 5678",
        "+8613812345678",
        "008613812345678",
        "tel13812345678找我",
        "0571-88881234",
        "(0571)88881234",
        "（0571）8888 1234",
        "057188881234",
        "010-62341234",
        "02162341234",
        "0578 2123456",
        "19912345678,18812345678",
    ],
)
def test_phone_numbers_are_found(text: str) -> None:
    assert contains_personal_data(text) == "phone"


@pytest.mark.parametrize(
    "text",
    [
        f"身份证{IDENTITY}",
        "11010519491231002x",
        "110105 19491231 002X",
        "110105-19491231-002X",
        "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X",
        "１１０１０５１９４９１２３１００２Ｘ",
        f"{IDENTITY} 和 {MOBILE}",
    ],
)
def test_identity_numbers_are_found(text: str) -> None:
    assert contains_personal_data(text) == "identity_number"


@pytest.mark.parametrize("text", ["写信到 a.b+c@example.com", "x@mail.gov.cn。", "ａ＠ｅｘａｍｐｌｅ．ｃｏｍ"])
def test_email_addresses_are_found(text: str) -> None:
    assert contains_personal_data(text) == "email"


@pytest.mark.parametrize(
    "text",
    [
        "路灯不亮",
        "事项 330182-20261122-0001 已办结",
        "330182-20261122-0001、330182-20261122-0002",
        "地区 330182104001 与 330182104002",
        "130102001001",  # a village's code that begins as a mobile number does
        "130102 001001",
        "110105194913310021",  # no date of birth
        "2026-11-22 08:30—12:00,13:30—17:30",
        "2026-11-22T08:30:00+08:00",
        "20261122 共 1256 户",
        "拨打 12345 或 12348,急救 120",
        "投资 1380 万元,长 1234.5678 米",
        "1.3.8.1 条",
        "018f5a3c-1382-7567-8901-138123456789",
        "3f13812345678a3f13812345678a3f13",
        "第138次 12 月 34 日 5678",
        "邮编 311600,门牌 138-1234 号",
        "@所有人 今天",
        "价格 0.5712 元",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert contains_personal_data(text) is None


def test_masked_keeps_the_rest_and_our_own_identifiers() -> None:
    text = f"issue 018f5a3c-1382-7567-8901-138123456789 of 330182-20261122-0001: {MOBILE}, {IDENTITY}, a@example.com!"
    assert masked(text) == "issue 018f5a3c-1382-7567-8901-138123456789 of 330182-20261122-0001: ***, ***, ***!"


def test_masked_leaves_a_harmless_text_as_it_is() -> None:
    assert masked("ｆｕｌｌ－ｗｉｄｔｈ 文本 № 5") == "ｆｕｌｌ－ｗｉｄｔｈ 文本 № 5"


@given(st.text(alphabet="0123456789- .X@abc路灯＠１３８年·_()+"))
def test_masked_leaves_nothing_behind(text: str) -> None:
    assert contains_personal_data(masked(f"{text}{MOBILE}。{text}")) is None


@given(st.sampled_from(["", " ", "-", ".", "\u200b"]), st.integers(10**8, 10**9 - 1), st.sampled_from("3456789"))
def test_every_mobile_number_is_found_however_it_is_separated(separator: str, rest: int, second: str) -> None:
    number = f"1{second}{rest}"
    assert contains_personal_data(f"电话:{separator.join(number)}。") in ("phone", "identity_number")


def test_a_mistyped_identity_number_still_points_at_somebody() -> None:
    assert contains_personal_data("110105194912310021") == "identity_number"
