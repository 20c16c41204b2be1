import pytest

from shared.screening import has_control_characters, has_personal_number, names


@pytest.mark.parametrize(
    "text",
    [
        "请联系13812345678",
        "电话138 1234 5678修路灯",
        "电话138-1234-5678",
        "电话1 3 8 1 2 3 4 5 6 7 8",
        "电话+86 138 1234 5678",
        "１３８１２３４５６７８",
        "一三八一二三四五六七八",
        "幺三八 一二三四 五六七八",
        "138\u200b12345678",
        "座机0571-87654321",
        "座机(010) 87654321",
        "热线400-123-4567",
        "身份证11010519491231002X",
        "身份证11010519491231002x办理",
        "身份证 330182 19800101 001 8",
        "2025年 5 138 1234 5678",
        "邮箱wang@example.cn",
        "老证330182800101001",
    ],
)
def test_phone_and_identity_numbers_are_found(text: str):
    assert has_personal_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "村里主路没有路灯",
        "二十五户危房要维修",
        "事项330182-20251122-0001重复反映",
        "村码330182104228",
        "2025年11月22日 08:30",
        "2025-11-22至2025-12-31",
        "补助12345678901元",
        "请拨12345热线",
        "110105194913310021",
        "330182801301001",
        "订单号20251122138123456789012",
        "@村委会 路灯",
        "海拔1380米 长5678米",
    ],
)
def test_other_numbers_pass(text: str):
    assert not has_personal_number(text)


@pytest.mark.parametrize(
    ("title", "name", "found"),
    [
        ("王小明家门口路灯坏了", "王小明", True),
        ("王 小 明家门口路灯坏了", "王小明", True),
        ("路灯坏了", "王小明", False),
        ("李子树挡住了路", "李", False),
        ("阿依古丽·买买提家", "阿依古丽买买提", True),
        ("The lamp of JOHN  SMITH", "John Smith", True),
        ("Lighting is broken", "Li", False),
        ("Li has no light", "Li", True),
    ],
)
def test_the_reporters_name_is_found(title: str, name: str, found: bool):
    assert names(title, name) is found


def test_control_and_reordering_characters_are_found():
    assert has_control_characters("a\x00b")
    assert has_control_characters("a\u202eb")
    assert has_control_characters("a\nb")
    assert not has_control_characters("a\nb", allowed="\n\t\r")
    assert not has_control_characters("路灯💡 é")
