"""What may be the same matter: only open issues of the village, and only what the public board shows."""

from typing import Any

import httpx
import pytest

from shared.contracts import routing
from tests.integration.intake.conftest import Intake
from tests.integration.intake.test_reporter_side import RESOLVED
from tests.support.events import SIBLING_VILLAGE, VILLAGE, example

MATTER = {"village_code": VILLAGE, "category": "hardship", "topic": "street_light", "title": "学校门口晚上没有灯"}


async def ask(intake: Intake, **changes: Any) -> httpx.Response:
    return await intake.http.post("/api/intake/v1/issues/alike", json=MATTER | changes)


async def titles(intake: Intake, **changes: Any) -> list[str]:
    answer = await ask(intake, **changes)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_what_is_open_in_the_village_is_suggested_with_where_it_stands(intake: Intake):
    lamp = await intake.raised(title="村口路灯不亮")
    await intake.raised(title="村口路灯不亮", village_code=SIBLING_VILLAGE)
    (item,) = (await ask(intake)).json()["items"]
    assert item.pop("raised_at")
    assert item == {
        "number": lamp["number"],
        "title": "村口路灯不亮",
        "topic": "street_light",
        "state": "assigned",
        "level": None,
        "url": f"http://127.0.0.1:8080/board/{VILLAGE}?q={lamp['number']}",
    }
    await intake.hears(lamp["issue_id"], example(routing.Assigned), example(routing.Accepted), example(routing.Escalated))
    (item,) = (await ask(intake)).json()["items"]
    assert (item["state"], item["level"]) == ("assigned", "township")


async def test_the_likest_title_comes_first_whatever_its_topic(intake: Intake):
    await intake.raised(title="学校门口晚上没有灯光", topic="road")
    await intake.raised(title="桥头路灯不亮")
    await intake.raised(title="桥上没有栏杆", topic="road")
    assert await titles(intake) == ["学校门口晚上没有灯光", "桥头路灯不亮"]


async def test_what_is_closed_is_not_suggested_until_it_is_reopened(intake: Intake):
    lamp = await intake.raised(title="村口路灯不亮")
    await intake.hears(lamp["issue_id"], *RESOLVED)
    assert (await ask(intake)).json()["items"][0]["state"] == "answered"
    await intake.hears(lamp["issue_id"], example(routing.Closed))
    assert await titles(intake) == []
    await intake.hears(lamp["issue_id"], example(routing.Reopened))
    assert await titles(intake) == ["村口路灯不亮"]


@pytest.mark.parametrize(("category", "topic"), [("conduct", "street_light"), ("hardship", "relief"), ("hardship", "cadre")])
async def test_what_the_board_does_not_show_in_full_is_shown_to_nobody(intake: Intake, category: str, topic: str):
    await intake.raised(title=MATTER["title"], category=category, topic=topic)
    assert await titles(intake) == []
    assert await titles(intake, topic=topic) == []


async def test_what_becomes_a_conduct_matter_or_another_topic_disappears(intake: Intake):
    for category, topic in (("conduct", "street_light"), ("hardship", "relief")):
        lamp = await intake.raised(title=MATTER["title"])
        assert await titles(intake) == [MATTER["title"]]
        await intake.hears(lamp["issue_id"], example(routing.Assigned), example(routing.Reclassified, category=category, topic=topic))
        assert await titles(intake) == []


async def test_who_raises_a_conduct_matter_is_shown_nothing(intake: Intake):
    await intake.raised(title=MATTER["title"])
    assert await titles(intake, category="conduct") == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"title": "打我电话 13812345678"}, "personal_data_in_text"),
        ({"title": "灯\u202e"}, "text_control"),
        ({"topic": "no_such_topic"}, "unknown_topic"),
        ({"village_code": "330182104999"}, "unknown_village"),
        ({"category": "anything"}, "choice_expected"),
        ({"narrative": "x"}, "extra_forbidden"),
    ],
)
async def test_what_raising_would_refuse_is_said_at_once(intake: Intake, wrong: dict[str, str], code: str):
    answer = await ask(intake, **wrong)
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == [code]
