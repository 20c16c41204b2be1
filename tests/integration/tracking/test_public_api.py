"""What anybody sees: the reporter's page by its token, and the public board."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.intake import IssueRaised, Rated
from shared.contracts.routing import (
    Accepted,
    Answered,
    Assigned,
    CalendarChanged,
    Closed,
    DirectoryChanged,
    Escalated,
    ProgressReported,
    Resolved,
    Returned,
    Supervised,
    Suspended,
)
from shared.contracts.values import Allowance, Deadline, Topic
from shared.ids import new_id
from shared.worktime import Calendar
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, MONDAY, OTHER_TOWNSHIP, STREET_LIGHT, TOKEN, TOWNSHIP, VILLAGE, deadline, digest, example, missed
from tests.support.platform import principal

TOPICS = (
    STREET_LIGHT,
    Topic(code="pension", zh="养老金", en="Pensions", township_unit="social_security", county_unit="human_resources", board="category"),
    Topic(code="relief", zh="救助", en="Relief", township_unit="civil_affairs", county_unit="civil_affairs", board="none"),
)

OFFICER = principal("officer", TOWNSHIP)


async def happens(api: Api, *events: Any, **options: Any) -> None:
    await api.world.happens(*events, **options)
    await api.world.sees()


async def test_the_reporter_sees_where_it_stands_who_has_it_and_what_follows(api: Api) -> None:
    await happens(api, example(DirectoryChanged), stream="directory", region=None)
    await happens(api, example(IssueRaised), example(Assigned), example(Accepted), example(ProgressReported, note="内部备注"))
    answer = await api.get(f"/public/{TOKEN}")
    assert answer.status_code == 200
    body = answer.json()
    assert body["number"] == "330182-20260302-000001"
    assert (body["state"], body["state_text"], body["level"]) == ("in_progress", "办理中", "village")
    assert body["handler"] == {"unit": f"{VILLAGE}/village_committee", "unit_name": "龙泉村村民委员会", "name": "值班村干部"}
    assert body["due_at"].startswith((MONDAY + timedelta(days=5)).isoformat()[:19])
    assert body["if_missed"] == "自动升到梅城镇接着办。"
    assert [place["word"] for place in body["places"]] == ["村", "镇", "市"]
    assert [moment["event"] for moment in body["timeline"]] == ["IssueRaised", "Assigned", "Accepted"]
    assert [action["action"] for action in body["actions"]] == ["withdraw"]
    assert answer.headers["cache-control"] == "no-store"
    english = (await api.get(f"/public/{TOKEN}", headers={"Accept-Language": "en"})).json()
    assert english["state_text"] == "In progress"
    assert "Village committee" in english["timeline"][1]["text"]


async def test_what_staff_say_to_each_other_is_not_on_the_reporters_page(api: Api) -> None:
    secret = "内部备注"
    await happens(
        api,
        example(IssueRaised, labels=(secret,)),
        example(Assigned),
        example(Returned, reason=secret),
        example(Supervised, reason=secret),
        example(Escalated, note=secret, by="officer-secret"),
        example(Accepted, by="officer-secret"),
        example(Suspended, by="officer-secret"),
    )
    answer = await api.get(f"/public/{TOKEN}")
    assert answer.json()["state"] == "suspended"
    for hidden in (secret, "officer-", "cadre-", digest(), "policy_version"):
        assert hidden not in answer.text, hidden


async def test_time_is_told_as_the_deadline_counts_it(api: Api) -> None:
    """Five working days from now on, of which the present one may have begun; an urgent matter's hours by the clock."""
    calendar = example(CalendarChanged)
    await happens(api, calendar, stream="calendar-cn", region=None)
    await happens(api, example(DirectoryChanged), stream="directory", region=None)
    now = datetime.now(UTC)
    for unit, amount, named in (("working_days", 5, ("4 个工作日", "5 个工作日")), ("hours", 50, ("2 天",))):
        allowance = Allowance.model_validate({"amount": amount, "unit": unit})
        due_at = Calendar.of(calendar).after(now, allowance)
        handle = Deadline(
            deadline_id="handle-1", kind="handle", due_at=due_at, policy_version=1, calendar_version=1, started_at=now, allowance=allowance
        )
        raised = example(IssueRaised, tracking_digest=digest(unit), title=unit)
        await happens(api, raised, example(Assigned, deadlines=(handle,)), example(Accepted), at=now)
        (told,) = (await api.get(f"/public/{unit}")).json()["deadlines"]
        assert told["left_text"] in named
        assert told["whole_text"] == ("5 个工作日" if unit == "working_days" else "2 天")
        assert told["used_percent"] == 0
        shown = next(item for item in (await board_of(api, VILLAGE))["items"] if item["title"] == unit)
        assert shown["left_text"] in named
        listed = next(item for item in (await api.get("/issues", OFFICER)).json()["items"] if item["title"] == unit)
        assert listed["deadlines"][0]["left_text"] in named
        for path in ("/issues", f"/issues/{listed['issue_id']}"):
            page = (await api.page(path, OFFICER)).text
            assert any(f"还剩 {long}" in page for long in named), path


async def test_a_pause_says_what_it_has_kept(api: Api) -> None:
    await happens(api, example(CalendarChanged), stream="calendar-cn", region=None)
    await happens(api, example(IssueRaised), example(Assigned), example(Accepted), example(Suspended))
    assert (await api.get(f"/public/{TOKEN}")).json()["paused_text"] == "3 个工作日"


async def test_after_the_answer_the_page_says_what_came_of_it_and_where_to_rate(api: Api) -> None:
    await happens(api, example(IssueRaised), example(Assigned), example(Accepted), example(Resolved), example(Answered))
    body = (await api.get(f"/public/{TOKEN}")).json()
    assert (body["outcome"], body["outcome_text"], body["result"]) == ("solved", "已解决", "路灯已修复")
    assert {action["action"]: action["url"] for action in body["actions"]} == {
        "withdraw": f"http://127.0.0.1:8080/api/intake/v1/public/{TOKEN}/withdrawal",
        "rate": f"http://127.0.0.1:8080/api/intake/v1/public/{TOKEN}/rating",
        "reopen": f"http://127.0.0.1:8080/api/intake/v1/public/{TOKEN}/reopening",
    }


async def test_unknown_and_malformed_tokens_get_the_same_answer(api: Api) -> None:
    await happens(api, example(IssueRaised))
    answers = [await api.get(f"/public/{token}") for token in ("0" * 32, "x", TOKEN[:-1], TOKEN.upper(), "%00", "路")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["code"] for answer in answers}) == 1


async def test_guesses_are_throttled_by_address_and_a_token_in_hand_costs_nothing(api: Api) -> None:
    await happens(api, example(IssueRaised))
    for _ in range(40):
        assert (await api.get(f"/public/{TOKEN}")).status_code == 200
    statuses = [(await api.get(f"/public/{number:032x}")).status_code for number in range(30)]
    assert statuses[:20] == [404] * 20
    assert statuses[21:] == [429] * 9
    throttled = await api.get(f"/public/{TOKEN}")
    assert throttled.status_code == 429
    assert int(throttled.headers["retry-after"]) > 0
    assert (await api.get(f"/public/{TOKEN}", address="203.0.113.10")).status_code == 200


async def board_of(api: Api, region: str, page: int = 1) -> dict[str, Any]:
    answer = await api.get(f"/board/{region}", page=page)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_board_shows_of_each_topic_what_the_directory_allows_and_never_conduct(api: Api) -> None:
    await happens(api, example(DirectoryChanged, topics=TOPICS), stream="directory", region=None)
    for number, (topic, category) in enumerate(
        [
            ("street_light", "hardship"),
            ("pension", "hardship"),
            ("relief", "hardship"),
            ("street_light", "conduct"),
            ("unheard_of", "hardship"),
        ]
    ):
        raised = example(IssueRaised, topic=topic, category=category, title=f"标题-{topic}-{category}", tracking_digest=digest(str(number)))
        await happens(api, raised, example(Assigned), at=MONDAY + timedelta(minutes=number))
    for region in (COUNTY, TOWNSHIP, VILLAGE):
        board = await board_of(api, region)
        pension, light = board["items"]
        assert light["title"] == "标题-street_light-hardship"
        assert light["topic_text"] == "路灯照明"
        assert {name for name, value in pension.items() if value is not None} == {
            "category",
            "category_text",
            "state",
            "state_text",
            "level",
            "level_text",
        }
        assert board["counts"] == {"assigned": 2}
        assert "conduct" not in str(board)
        assert "cadre-" not in str(board)
    assert (await board_of(api, OTHER_TOWNSHIP))["items"] == []
    await happens(api, example(DirectoryChanged, topics=(TOPICS[0].model_copy(update={"board": "none"}),)), stream="directory", region=None)
    assert len((await board_of(api, VILLAGE))["items"]) == 1


async def test_the_board_is_paged_newest_first(api: Api) -> None:
    await happens(api, example(DirectoryChanged), stream="directory", region=None)
    for number in range(52):
        raised = example(IssueRaised, tracking_digest=digest(str(number)), title=str(number))
        await api.world.happens(raised, at=MONDAY + timedelta(minutes=number), publish=number == 51)
    await api.world.sees()
    first, second = await board_of(api, VILLAGE), await board_of(api, VILLAGE, page=2)
    assert [item["title"] for item in first["items"]] == [str(number) for number in range(51, 1, -1)]
    assert [item["title"] for item in second["items"]] == ["1", "0"]
    assert first["pages"] == 2
    assert (await api.get(f"/board/{VILLAGE}", page=101)).status_code == 422


@pytest.fixture
async def several(api: Api) -> Api:
    """Overdue, being worked on, paused, settled and struck off, in the village's level but for the first; one shows its category only."""
    await happens(api, example(DirectoryChanged, topics=TOPICS), stream="directory", region=None)
    late = missed(deadline("handle", id="handle-2"))
    soon, later = datetime.now(UTC) + timedelta(days=2), datetime.now(UTC) + timedelta(days=3)
    lives: dict[str, tuple[Any, ...]] = {
        "later": (example(Assigned, deadlines=(deadline("handle", later),)),),
        "overdue": (
            example(Assigned),
            example(Escalated, to_level="county"),
            example(Supervised, missed=late),
        ),
        "struck off": (example(Assigned), example(Accepted), example(Resolved), example(Answered), example(Rated), example(Closed)),
        "settled": (example(Assigned), example(Accepted), example(Resolved), example(Answered)),
        "paused": (example(Assigned), example(Accepted), example(Suspended, deadlines=(deadline("suspension", soon),))),
    }
    for number, (title, events) in enumerate(lives.items()):
        raised = example(IssueRaised, title=title, tracking_digest=digest(title), number=f"330182-20260302-{number:06d}")
        await happens(api, raised, *events, at=MONDAY + timedelta(minutes=number))
    hidden = example(IssueRaised, topic="pension", title="paused overdue hidden", tracking_digest=digest("hidden"))
    await happens(api, hidden, example(Assigned), at=MONDAY)
    return api


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({"sort": "urgent"}, ["overdue", "paused", "later", None, "settled", "struck off"]),
        ({"sort": "urgent", "closed_within": 7}, ["overdue", "paused", "later", None, "settled"]),
        ({"standing": "open", "sort": "urgent"}, ["overdue", "paused", "later", None]),
        ({"standing": "overdue"}, ["overdue"]),
        ({"standing": "paused"}, ["paused"]),
        ({"standing": "settled"}, ["settled"]),
        ({"standing": "closed"}, ["struck off"]),
        ({"level": "county"}, ["overdue"]),
        ({"q": "e"}, ["paused", "settled", "overdue", "later"]),
        ({"q": "000002"}, ["struck off"]),
        ({"q": "%"}, []),
        ({"topic": "pension"}, []),
        ({"topic": "street_light", "q": "PAUSED", "standing": "open", "level": "village"}, ["paused"]),
    ],
    ids=str,
)
async def test_a_board_is_narrowed_and_ordered(several: Api, asked: dict[str, Any], titles: list[str | None]) -> None:
    answer = await several.get(f"/board/{COUNTY}", **asked)
    assert [item["title"] for item in answer.json()["items"]] == titles
    assert answer.json()["overdue"] == int("overdue" in titles or ("standing" in asked and "q" not in asked))


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
async def test_pages_of_a_board_hold_each_issue_once_the_closed_ones_last(several: Api, limit: int) -> None:
    whole = (await several.get(f"/board/{COUNTY}", sort="urgent")).json()["items"]
    paged: list[Any] = []
    for page in range(1, 8):
        paged += (await several.get(f"/board/{COUNTY}", sort="urgent", limit=limit, page=page)).json()["items"]
    assert paged == whole


async def test_a_narrowed_board_is_paged(several: Api) -> None:
    pages = [(await several.get(f"/board/{VILLAGE}", standing="open", sort="urgent", limit=3, page=page)).json() for page in (1, 2)]
    assert [[item["title"] for item in page["items"]] for page in pages] == [["overdue", "paused", "later"], [None]]
    assert {page["pages"] for page in pages} == {2}
    assert {topic["code"] for topic in pages[0]["topics"]} == {"street_light"}


@pytest.mark.parametrize("wrong", [{"standing": "late"}, {"level": "province"}, {"q": "x" * 81}, {"limit": 51}, {"sort": "oldest"}])
async def test_what_a_board_cannot_be_asked(several: Api, wrong: dict[str, Any]) -> None:
    assert (await several.get(f"/board/{COUNTY}", **wrong)).status_code == 422


async def test_a_board_that_has_not_changed_is_not_sent_again(api: Api) -> None:
    await happens(api, example(DirectoryChanged), stream="directory", region=None)
    stream = new_id()
    await happens(api, example(IssueRaised), example(Assigned), stream=stream)
    first = await api.get(f"/board/{VILLAGE}")
    assert first.headers["cache-control"] == "public, max-age=30"
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await api.get(f"/board/{VILLAGE}", headers=tag)).status_code == 304
    assert (await api.get(f"/board/{VILLAGE}", headers=tag | {"Accept-Language": "en"})).status_code == 200
    await happens(api, example(Accepted), example(Resolved), example(Answered), example(Rated), example(Closed), stream=stream)
    assert (await api.get(f"/board/{VILLAGE}", headers=tag)).status_code == 200


@pytest.mark.parametrize("region", ["330182104999", "33", "x" * 12, "000000000000"])
async def test_a_region_that_is_not_served_has_no_board(api: Api, region: str) -> None:
    assert (await api.get(f"/board/{region}")).status_code == 404
