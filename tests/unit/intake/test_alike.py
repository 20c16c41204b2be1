"""Which open issues are suggested to somebody who is about to raise one."""

from datetime import UTC, datetime

import pytest

from services.intake.domain.alike import MOST, OnBoard, alike


def issue(title: str, topic: str = "road", number: int = 1) -> OnBoard:
    raised_at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return OnBoard(number=str(number), title=title, topic=topic, state="assigned", level=None, raised_at=raised_at)


@pytest.mark.parametrize(
    ("new", "known", "found"),
    [
        ("路灯坏了好几天", "村口路灯坏了", True),
        ("自来水管漏水没人修", "水管漏水", True),
        ("村口的 路灯,坏了!", "村口路灯坏了", True),
        ("ＷＩＦＩ没有信号", "wifi 没有信号", True),
        ("street light broken at school", "Broken street light near the school", True),
        ("村口道路不平", "村口路灯不亮", False),
        ("低保怎么申请", "村口路灯不亮", False),
        ("water pipe leaks", "street light broken", False),
        ("灯", "灯", False),
        ("🚰", "🚰", False),
    ],
)
def test_titles_of_different_topics_are_alike_or_not(new: str, known: str, found: bool):
    assert bool(alike(new, "other", [issue(known)])) is found


def test_the_same_topic_is_enough():
    assert alike("低保怎么申请", "road", [issue("村口道路不平")])


def test_the_likest_come_first_then_the_newest_and_no_more_than_fit():
    known = [issue("桥上没有栏杆", number=number) for number in range(1, 8)] + [issue("村口路灯坏了", "street_light", number=8)]
    assert [int(each.number) for each in alike("村口路灯坏了", "road", known)] == [8, 1, 2, 3, 4]
    assert MOST == 5
