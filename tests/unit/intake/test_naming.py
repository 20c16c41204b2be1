import pytest

from services.intake.domain.naming import names


@pytest.mark.parametrize(
    ("title", "name", "found"),
    [
        ("王小明家门口路灯坏了", "王小明", True),
        ("王 小 明家门口路灯坏了", "王小明", True),
        ("王\u200b小明家门口路灯坏了", "王小明", True),
        ("路灯坏了", "王小明", False),
        ("李子树挡住了路", "李", False),
        ("阿依古丽·买买提家", "阿依古丽买买提", True),
        ("The lamp of JOHN  SMITH", "John Smith", True),
        ("Ｊｏｈｎ Smith has no light", "John Smith", True),
        ("Lighting is broken", "Li", False),
        ("Li has no light", "Li", True),
    ],
)
def test_the_reporters_name_is_found(title: str, name: str, found: bool):
    assert names(title, name) is found
