import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from shared.contracts.intake import IssueRaised
from shared.contracts.values import Handler
from tests.integration.intake.conftest import CADRE, OFFICER, Intake, Start, body
from tests.support.events import COUNTY, LOOK_ALIKE_TOWNSHIP, OTHER_COUNTY, OTHER_TOWNSHIP, SIBLING_VILLAGE, TOWNSHIP, VILLAGE
from tests.support.platform import client, principal


async def raised_event(intake: Intake, issue_id: str) -> IssueRaised:
    (recorded,) = await intake.stream(issue_id)
    assert isinstance(recorded.data, IssueRaised)
    return recorded.data


def pointers(answer: Any) -> set[tuple[str, str]]:
    return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}


async def test_a_citizen_raises_an_issue(intake: Intake):
    answer = await intake.raise_issue(location={"lat": 29.5, "lon": 119.3}, occurred_at="2025-11-20T08:00:00+08:00")
    assert answer.status_code == 201
    document = answer.json()
    assert set(document) == {"issue_id", "number", "tracking_url"}
    assert answer.headers["location"].endswith(document["issue_id"])
    token = document["tracking_url"].removeprefix("http://127.0.0.1:8080/api/tracking/v1/public/")
    (recorded,) = await intake.stream(document["issue_id"])
    assert (recorded.version, recorded.region, recorded.source) == (1, VILLAGE, "/huiyin/intake")
    event = await raised_event(intake, document["issue_id"])
    assert event.number == document["number"]
    assert event.tracking_digest == sha256(token.encode()).hexdigest()
    assert event.reporter == "named"
    assert event.first_receiver is None
    assert event.occurred_at == datetime(2025, 11, 20, tzinfo=UTC)


async def test_the_tracking_token_has_128_bits(intake: Intake):
    tokens = {(await intake.raised())["token"] for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) == 22 for token in tokens)


async def test_an_anonymous_issue_keeps_no_reporter(intake: Intake):
    issue = await intake.raised(reporter=None, anonymous=True)
    assert (await raised_event(intake, issue["issue_id"])).reporter == "anonymous"
    kinds = intake.rows("SELECT kind FROM intake.vault WHERE issue_id = %s", issue["issue_id"])
    assert {kind for (kind,) in kinds} == {"statement", "token"}


async def test_staff_raise_with_all_that_staff_may_say(intake: Intake):
    issue = await intake.raised(CADRE, channel="home_visit", priority="emergency", labels=["demo-1"])
    event = await raised_event(intake, issue["issue_id"])
    assert event.first_receiver == Handler(officer_id=CADRE.subject, name=CADRE.name, unit=f"{VILLAGE}/village_committee")
    assert (event.channel, event.priority, event.labels) == ("home_visit", "emergency", ("demo-1",))


async def test_on_the_spot_is_told_in_the_event(intake: Intake):
    spot = {"outcome": "explained", "result": "已当场解释政策"}
    issue = await intake.raised(CADRE, channel="duty_desk", resolved_on_the_spot=spot)
    event = await raised_event(intake, issue["issue_id"])
    assert event.on_the_spot is not None
    assert event.on_the_spot.model_dump() == spot


async def test_staff_may_name_the_first_receiver(intake: Intake):
    issue = await intake.raised(OFFICER, first_receiver=CADRE.subject)
    event = await raised_event(intake, issue["issue_id"])
    assert event.first_receiver == Handler(officer_id=CADRE.subject, name=CADRE.name, unit=f"{VILLAGE}/village_committee")


async def test_a_conduct_matter_gets_a_discipline_officer_or_nobody(intake: Intake):
    by_cadre = await raised_event(intake, (await intake.raised(CADRE, category="conduct", topic="cadre"))["issue_id"])
    assert by_cadre.first_receiver is None
    by_officer = await raised_event(intake, (await intake.raised(OFFICER, category="conduct", topic="cadre"))["issue_id"])
    assert by_officer.first_receiver == Handler(officer_id=OFFICER.subject, name=OFFICER.name, unit=f"{TOWNSHIP}/discipline")
    named = await intake.raise_issue(OFFICER, category="conduct", topic="cadre", first_receiver=CADRE.subject)
    assert pointers(named) == {("/first_receiver", "not_a_discipline_officer")}
    spot = {"outcome": "solved", "result": "已批评教育"}
    on_the_spot = await intake.raise_issue(CADRE, category="conduct", topic="cadre", resolved_on_the_spot=spot)
    assert pointers(on_the_spot) == {("/resolved_on_the_spot", "needs_first_receiver")}


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"village_code": "330182104999"}, "/village_code", "unknown_village"),
    ({"village_code": TOWNSHIP}, "/village_code", "unknown_village"),
    ({"village_code": "33018210422"}, "/village_code", "text_pattern"),
    ({"topic": "spaceships"}, "/topic", "unknown_topic"),
    ({"title": "路" * 81}, "/title", "text_too_long"),
    ({"title": "  "}, "/title", "text_too_short"),
    ({"title": "张三丰家路灯不亮"}, "/title", "reporter_named"),
    ({"title": "路灯不亮请打13812345678"}, "/title", "personal_data_in_text"),
    ({"title": "路灯\n不亮"}, "/title", "text_control"),
    ({"title": "路灯\u202e不亮"}, "/title", "text_control"),
    ({"narrative": "长" * 4001}, "/narrative", "text_too_long"),
    ({"narrative": "a\x00b"}, "/narrative", "text_control"),
    ({"narrative": None}, "/narrative", "missing"),
    ({"category": "complaint"}, "/category", "choice_expected"),
    ({"priority": 1}, "/priority", "choice_expected"),
    ({"anonymous": 1}, "/anonymous", "boolean_expected"),
    ({"anonymous": True}, "/reporter", "reporter_or_anonymous"),
    ({"reporter": None}, "/reporter", "reporter_or_anonymous"),
    ({"reporter": {"name": "张三"}}, "/reporter/phone", "missing"),
    ({"reporter": {"name": "张三", "phone": "abc"}}, "/reporter/phone", "text_pattern"),
    ({"reporter": {"name": "张三", "phone": "13800001234", "email": "x"}}, "/reporter/email", "text_pattern"),
    ({"reporter": {"name": "张三", "phone": "13800001234", "language": "fr"}}, "/reporter/language", "choice_expected"),
    ({"reporter": {"name": "张三", "phone": "13800001234", "wechat": "x"}}, "/reporter/wechat", "extra_forbidden"),
    ({"location": {"lat": 91, "lon": 0}}, "/location/lat", "less_than_equal"),
    ({"location": {"lat": 0, "lon": -181}}, "/location/lon", "greater_than_equal"),
    ({"location": {"lat": "1", "lon": 0}}, "/location/lat", "number_expected"),
    ({"occurred_at": "2025-11-20T08:00:00"}, "/occurred_at", "instant_expected"),
    ({"occurred_at": "1700000000"}, "/occurred_at", "instant_expected"),
    ({"occurred_at": 1700000000}, "/occurred_at", "instant_expected"),
    ({"attachments": ["nonsense"]}, "/attachments/0", "receipt_not_valid"),
    ({"state": "closed"}, "/state", "extra_forbidden"),
    ({"level": "county"}, "/level", "extra_forbidden"),
    ({"due_at": "2030-01-01T00:00:00Z"}, "/due_at", "extra_forbidden"),
    ({"region": VILLAGE}, "/region", "extra_forbidden"),
    ({"version": 7}, "/version", "extra_forbidden"),
    ({"channel": "hotline"}, "/channel", "staff_only"),
    ({"priority": "emergency"}, "/priority", "staff_only"),
    ({"labels": ["x"]}, "/labels", "staff_only"),
    ({"first_receiver": CADRE.subject}, "/first_receiver", "staff_only"),
    ({"resolved_on_the_spot": {"outcome": "solved", "result": "已修好"}}, "/resolved_on_the_spot", "staff_only"),
]


async def test_what_a_citizen_may_not_say(intake: Intake):
    for changes, pointer, code in REFUSED:
        answer = await intake.raise_issue(**changes)
        assert answer.status_code == 422, (changes, answer.text)
        assert pointers(answer) == {(pointer, code)}, changes
    assert intake.rows("SELECT count(*) FROM log.events WHERE aggregate = 'issue'") == [(0,)]
    assert intake.rows("SELECT count(*) FROM intake.vault") == [(0,)]


async def test_refusals_are_told_in_the_callers_language(intake: Intake):
    for language, detail in (("zh-CN", "不得包含反映人姓名"), ("en", "must not contain the reporter's name")):
        intake.http.headers["accept-language"] = language
        answer = await intake.raise_issue(title="张三丰家路灯不亮")
        assert answer.json()["errors"] == [{"pointer": "/title", "code": "reporter_named", "detail": detail}]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_what_staff_may_not_say(intake: Intake):
    spot = {"outcome": "solved", "result": "已给13812345678回电"}
    named = {"outcome": "solved", "result": "已告知张三丰"}
    refused: list[tuple[dict[str, Any], str, str]] = [
        ({"first_receiver": "cadre-nobody"}, "/first_receiver", "unknown_officer"),
        ({"first_receiver": CADRE.subject, "village_code": SIBLING_VILLAGE}, "/first_receiver", "officer_elsewhere"),
        ({"resolved_on_the_spot": spot}, "/resolved_on_the_spot/result", "personal_data_in_text"),
        ({"resolved_on_the_spot": named}, "/resolved_on_the_spot/result", "reporter_named"),
        ({"resolved_on_the_spot": {"outcome": "planned", "result": "x"}}, "/resolved_on_the_spot/outcome", "choice_expected"),
        ({"labels": ["13812345678"]}, "/labels/0", "personal_data_in_text"),
        ({"labels": ["a b"]}, "/labels/0", "text_pattern"),
    ]
    for changes, pointer, code in refused:
        answer = await intake.raise_issue(OFFICER, **changes)
        assert answer.status_code == 422, (changes, answer.text)
        assert pointers(answer) == {(pointer, code)}, changes


async def test_nothing_happens_in_the_future(intake: Intake):
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    answer = await intake.raise_issue(occurred_at=tomorrow)
    assert pointers(answer) == {("/occurred_at", "in_the_future")}


CALLERS = [
    (principal("cadre", VILLAGE), 201),
    (principal("officer", TOWNSHIP), 201),
    (principal("dispatcher", TOWNSHIP), 201),
    (principal("supervisor", COUNTY), 201),
    (principal("cadre", SIBLING_VILLAGE), 403),
    (principal("officer", OTHER_TOWNSHIP), 403),
    (principal("officer", LOOK_ALIKE_TOWNSHIP), 403),
    (principal("supervisor", OTHER_COUNTY), 403),
    (principal("admin"), 403),
    (principal("operator"), 403),
    (principal("auditor"), 403),
]


async def test_staff_raise_inside_their_regions_only(intake: Intake):
    for caller, status in CALLERS:
        assert (await intake.raise_issue(caller)).status_code == status, caller
        if status == 403:
            assert (await intake.raise_issue(caller, nonsense=1)).status_code == 403, "403 comes before 422"


async def test_every_command_has_one_audit_entry(intake: Intake):
    await intake.raise_issue()
    await intake.raise_issue(topic="spaceships")
    await intake.raise_issue(principal("cadre", SIBLING_VILLAGE))
    await intake.http.post("/api/intake/v1/issues", json=body())
    entries = intake.rows("SELECT action, who, result, status, address FROM intake.audit ORDER BY at")
    assert [entry[:4] for entry in entries] == [
        ("raise_issue", "anonymous", "ok", 201),
        ("raise_issue", "anonymous", "invalid_request", 422),
        ("raise_issue", f"cadre-{SIBLING_VILLAGE}", "forbidden", 403),
        ("raise_issue", "anonymous", "idempotency_key_required", 400),
    ]
    assert {entry[4] for entry in entries} == {"203.0.113.9"}


async def test_fifty_at_once_with_one_key_are_one_issue(intake: Intake):
    answers = await asyncio.gather(*(intake.raise_issue(key="same") for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sum(answer.status_code == 201 and "idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert intake.rows("SELECT count(*) FROM log.events WHERE aggregate = 'issue'") == [(1,)]
    again = await intake.raise_issue(key="same")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == next(answer.json() for answer in answers if answer.status_code == 201)
    assert (await intake.raise_issue(key="same", title="另一个标题")).status_code == 422


async def test_another_callers_key_replays_nothing(intake: Intake):
    first = (await intake.raise_issue(key="same")).json()
    by_staff = (await intake.raise_issue(CADRE, key="same")).json()
    transport: Any = intake.http._transport  # pyright: ignore[reportPrivateUsage]
    async with client(transport.app, address="203.0.113.77") as elsewhere:
        by_other = (await intake.raise_issue(key="same", http=elsewhere)).json()
    assert len({first["issue_id"], by_staff["issue_id"], by_other["issue_id"]}) == 3


async def test_an_answer_lost_after_commit_is_given_again(start: Start):
    async with start() as intake:
        first = await intake.raise_issue(key="k-1")
    async with start() as intake:
        again = await intake.raise_issue(key="k-1")
        assert (again.status_code, again.json()) == (201, first.json())
        assert intake.rows("SELECT count(*) FROM log.events WHERE aggregate = 'issue'") == [(1,)]


async def test_citizens_are_limited_by_address_staff_by_account(start: Start):
    async with start(citizen_burst=2, citizen_rate_per_minute=1, staff_burst=3, staff_rate_per_minute=1) as intake:
        statuses = [(await intake.raise_issue()).status_code for _ in range(3)]
        assert statuses == [201, 201, 429]
        limited = await intake.raise_issue()
        assert int(limited.headers["retry-after"]) > 0
        assert [(await intake.raise_issue(CADRE)).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert (await intake.raise_issue(OFFICER)).status_code == 201


async def test_until_the_directory_is_there_nothing_is_raised(intake: Intake):
    intake.rows("WITH gone AS (DELETE FROM intake.topics RETURNING 1) SELECT count(*) FROM gone")
    answer = await intake.raise_issue()
    assert (answer.status_code, answer.json()["code"]) == (503, "directory_not_loaded")
