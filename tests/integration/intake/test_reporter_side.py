import asyncio
from datetime import timedelta
from typing import Any

import httpx

from shared.contracts import intake as facts
from shared.contracts import routing
from shared.contracts.values import Evidence
from tests.integration.intake.conftest import CADRE, OFFICER, Intake, Start
from tests.support.events import (
    COUNTY,
    LOOK_ALIKE_TOWNSHIP,
    OTHER_COUNTY,
    OTHER_TOWNSHIP,
    SIBLING_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    example,
)
from tests.support.platform import LOOK_ALIKE_VILLAGE, bearer, principal

RESOLVED = (example(routing.Assigned), example(routing.Resolved, evidence=()), example(routing.Answered))
CLOSED = (*RESOLVED, example(routing.Closed))


async def statement(intake: Intake, issue_id: str, who: Any) -> httpx.Response:
    return await intake.http.get(f"/api/intake/v1/issues/{issue_id}/statement", headers=bearer(who))


async def lookup(intake: Intake, number: str, last4: str) -> httpx.Response:
    return await intake.http.post("/api/intake/v1/lookup", json={"number": number, "phone_last4": last4})


async def contacts(intake: Intake, issue_id: str, token: str = "internal-secret") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await intake.http.post("/internal/v1/contacts", json={"issue_id": issue_id}, headers=headers)


async def test_a_rating_is_appended_with_its_words_in_the_vault(intake: Intake):
    issue = await intake.raised()
    await intake.routed(issue["issue_id"], *RESOLVED)
    answer = await intake.say(issue["token"], "rating", rating="dissatisfied", comment="灯只亮了一天")
    assert (answer.status_code, answer.json()["version"]) == (200, 5)
    last = (await intake.stream(issue["issue_id"]))[-1]
    assert isinstance(last.data, facts.Rated)
    assert last.data.rating == "dissatisfied"
    (said,) = (await statement(intake, issue["issue_id"], OFFICER)).json()["words"]
    assert (said["words"], said["said"], said["text"]) == (last.data.words, "rating", "灯只亮了一天")


async def test_a_withdrawal_and_a_reopening_are_appended(intake: Intake):
    issue = await intake.raised()
    assert (await intake.say(issue["token"], "withdrawal")).status_code == 200
    withdrawn = (await intake.stream(issue["issue_id"]))[-1].data
    assert withdrawn == facts.IssueWithdrawn(words=None)
    other = await intake.raised()
    await intake.routed(other["issue_id"], *CLOSED)
    assert (await intake.say(other["token"], "reopening", reason="又坏了")).status_code == 200
    assert isinstance((await intake.stream(other["issue_id"]))[-1].data, facts.ReopenAsked)


async def test_what_the_state_forbids_is_409_with_what_it_allows(intake: Intake):
    issue = await intake.raised()
    refused = await intake.say(issue["token"], "rating", rating="satisfied")
    assert (refused.status_code, refused.json()["code"]) == (409, "forbidden_by_state")
    assert refused.json()["allowed"] == ["withdrawal"]
    await intake.routed(issue["issue_id"], *RESOLVED)
    assert (await intake.say(issue["token"], "rating", rating="dissatisfied")).status_code == 200
    second = await intake.say(issue["token"], "reopening", reason="又坏了")
    assert (second.status_code, second.json()["code"], second.json()["allowed"]) == (409, "consequence_pending", [])
    assert [event.name for event in await intake.stream(issue["issue_id"])].count("ReopenAsked") == 0


async def test_thirty_days_after_closing_it_is_too_late(intake: Intake):
    issue = await intake.raised()
    await intake.routed(issue["issue_id"], *CLOSED)
    intake.clock.shift = timedelta(days=30, minutes=1)
    late = await intake.say(issue["token"], "reopening", reason="又坏了")
    assert (late.status_code, late.json()["code"], late.json()["allowed"]) == (409, "window_over", ["rating", "withdrawal"])
    assert (await intake.say(issue["token"], "rating", rating="satisfied")).status_code == 200


async def test_the_reporters_word_survives_other_writers(intake: Intake):
    issue = await intake.raised()
    await intake.routed(issue["issue_id"], *RESOLVED)
    busy = asyncio.gather(*(intake.routed(issue["issue_id"], example(routing.Supervised)) for _ in range(3)), return_exceptions=True)
    answer = await intake.say(issue["token"], "rating", rating="satisfied")
    await busy
    assert answer.status_code == 200
    events = await intake.stream(issue["issue_id"])
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [event.name for event in events].count("Rated") == 1


async def test_one_key_is_one_word(intake: Intake):
    issue = await intake.raised()
    await intake.routed(issue["issue_id"], *CLOSED)
    path, said = f"/api/intake/v1/public/{issue['token']}/rating", {"rating": "fair"}
    first = await intake.http.post(path, json=said, headers={"Idempotency-Key": "r-1"})
    again = await intake.http.post(path, json=said, headers={"Idempotency-Key": "r-1"})
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await intake.raised()
    await intake.routed(other["issue_id"], *CLOSED)
    elsewhere = await intake.http.post(f"/api/intake/v1/public/{other['token']}/rating", json=said, headers={"Idempotency-Key": "r-1"})
    assert elsewhere.json()["issue_id"] == other["issue_id"]


async def test_strict_bodies_and_unknown_tokens(intake: Intake):
    issue = await intake.raised()
    assert (await intake.say(issue["token"], "rating", rating="great")).status_code == 422
    assert (await intake.say(issue["token"], "rating", rating="fair", state="closed")).status_code == 422
    assert (await intake.say(issue["token"], "reopening")).status_code == 422
    for ask in ("rating", "withdrawal", "reopening"):
        assert (await intake.say("A" * 22, ask, rating="fair")).status_code == 404
        assert (await intake.say(("B" if issue["token"][0] == "A" else "A") + issue["token"][1:], ask, rating="fair")).status_code == 404


async def test_a_lost_link_is_found_by_number_and_phone(intake: Intake):
    issue = await intake.raised()
    assert (await lookup(intake, issue["number"], "1234")).json() == {"tracking_url": issue["tracking_url"]}
    wrong_phone = await lookup(intake, issue["number"], "1235")
    unknown = await lookup(intake, issue["number"][:-1] + "9", "1234")
    assert wrong_phone.status_code == unknown.status_code == 404
    assert {name: value for name, value in wrong_phone.json().items() if name != "instance"} == {
        name: value for name, value in unknown.json().items() if name != "instance"
    }
    anonymous = await intake.raised(reporter=None, anonymous=True)
    assert (await lookup(intake, anonymous["number"], "1234")).status_code == 404
    assert (await lookup(intake, issue["number"], "12a4")).status_code == 422
    assert intake.rows("SELECT count(*) FROM intake.issues WHERE lookup_index LIKE '%%1234%%'") == [(0,)]


async def test_ten_thousand_guesses_are_throttled(start: Start):
    async with start(lookup_burst=5, lookup_rate_per_minute=6) as intake:
        issue = await intake.raised()
        statuses = [(await lookup(intake, issue["number"], f"{guess:04}")).status_code for guess in range(30)]
        assert statuses[:5] == [404] * 5
        assert set(statuses[6:]) == {429}


async def test_the_statement_is_read_by_staff_in_charge_and_audited(intake: Intake):
    issue = await intake.raised(location={"lat": 29.5, "lon": 119.25})
    answer = await statement(intake, issue["issue_id"], CADRE)
    assert answer.status_code == 200
    assert answer.json() == {
        "issue_id": issue["issue_id"],
        "number": issue["number"],
        "anonymous": False,
        "reporter": {"name": "张三丰", "phone": "13800001234", "email": "zhang@example.cn", "language": "zh-CN"},
        "narrative": "晚上出行看不见路。",
        "location": {"lat": 29.5, "lon": 119.25},
        "attachments": [],
        "words": [],
    }
    assert answer.headers["cache-control"] == "no-store"
    for who in (
        principal("cadre", SIBLING_VILLAGE),
        principal("officer", OTHER_TOWNSHIP),
        principal("officer", LOOK_ALIKE_TOWNSHIP),
        principal("cadre", LOOK_ALIKE_VILLAGE),
        principal("supervisor", OTHER_COUNTY),
    ):
        assert (await statement(intake, issue["issue_id"], who)).status_code == 404
    for role in ("admin", "operator", "auditor"):
        assert (await statement(intake, issue["issue_id"], principal(role))).status_code == 403
    assert (await intake.http.get(f"/api/intake/v1/issues/{issue['issue_id']}/statement")).status_code == 401
    for unknown in ("0197f4a0-0000-7000-8000-000000000001", "x", "%00"):
        assert (await statement(intake, unknown, CADRE)).status_code == 404
    reads = intake.rows("SELECT who, issue_id FROM intake.audit WHERE action = 'read_statement'")
    assert reads == [(CADRE.subject, issue["issue_id"])]
    for who in (principal("dispatcher", TOWNSHIP), principal("supervisor", COUNTY)):
        assert (await statement(intake, issue["issue_id"], who)).status_code == 200


async def test_conduct_matters_are_hidden_from_village_staff(intake: Intake):
    conduct = await intake.raised(category="conduct", topic="cadre")
    assert (await statement(intake, conduct["issue_id"], CADRE)).status_code == 404
    assert (await statement(intake, conduct["issue_id"], OFFICER)).status_code == 200


async def test_notify_learns_the_contact_and_nobody_else(intake: Intake):
    issue = await intake.raised()
    assert (await contacts(intake, issue["issue_id"])).json() == {
        "name": "张三丰",
        "phone": "13800001234",
        "email": "zhang@example.cn",
        "language": "zh-CN",
        "tracking_url": issue["tracking_url"],
    }
    assert (await contacts(intake, issue["issue_id"], token="wrong")).status_code == 401
    assert (await intake.http.post("/internal/v1/contacts", json={"issue_id": issue["issue_id"]})).status_code == 401
    assert (await contacts(intake, "0197f4a0-0000-7000-8000-000000000001")).status_code == 404
    anonymous = await intake.raised(reporter=None, anonymous=True)
    assert (await contacts(intake, anonymous["issue_id"])).status_code == 404
    entries = intake.rows("SELECT who, result FROM intake.audit WHERE action = 'read_contact' ORDER BY at")
    assert entries[0] == ("notify", "ok")
    assert len(entries) == 5


async def test_the_subscriber_follows_reclassification_and_evidence(intake: Intake):
    from services.intake.entrypoints.subscriber import HANDLERS
    from shared.contracts import EVENTS

    assert set(HANDLERS) == set(EVENTS.values()), "every event is named, none is dropped in silence"
    issue = await intake.raised()
    photo = Evidence(attachment_id="0197f4a0-0000-7000-8000-000000000001", sha256="a" * 64, media_type="image/jpeg")
    intake.rows(
        "INSERT INTO intake.attachments VALUES (%s, NULL, 'staff:x', 'image/jpeg', 1, %s, now()) RETURNING 1", photo.attachment_id, "a" * 64
    )
    await intake.routed(
        issue["issue_id"],
        example(routing.Assigned),
        example(routing.Reclassified, category="conduct"),
        example(routing.Resolved, evidence=(photo,)),
    )
    async with intake.app.database.transaction() as session:
        for recorded in await intake.stream(issue["issue_id"]):
            await HANDLERS[type(recorded.data)](session, recorded)
    assert intake.rows("SELECT category FROM intake.issues WHERE issue_id = %s", issue["issue_id"]) == [("conduct",)]
    assert intake.rows("SELECT issue_id FROM intake.attachments") == [(issue["issue_id"],)]
    assert (await statement(intake, issue["issue_id"], CADRE)).status_code == 404


async def test_the_directory_is_followed(intake: Intake):
    from services.intake.entrypoints.subscriber import HANDLERS
    from tests.support.events import history

    (change,) = history(
        routing.DirectoryChanged(removed=("topic:street_light", "unit:x", f"officer:{CADRE.subject}"), by="admin"), stream="directory"
    )
    async with intake.app.database.transaction() as session:
        await HANDLERS[routing.DirectoryChanged](session, change)
    assert (await intake.raise_issue()).status_code == 422
    assert (await intake.raise_issue(OFFICER, topic="road", first_receiver=CADRE.subject)).status_code == 422
    assert {VILLAGE, TOWNSHIP} <= {region.code for region in intake.app.regions}
