"""The working calendar over HTTP: changes, files, days of single regions, years that are not announced; open deadlines follow."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.routing.domain.calendar_files import from_csv, from_ics
from shared.contracts.routing import DeadlineChanged
from shared.contracts.values import Deadline
from shared.security.principal import Principal
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.sla_support import CADRE, admin, rolled_out
from tests.support.life import COUNTY, MONDAY, VILLAGE
from tests.support.servers import StackDatabase

CALENDAR = "/api/routing/v1/calendars/cn"
WEDNESDAY = "2026-03-04"
CSV, ICS = "text/csv; charset=utf-8", "text/calendar"


@pytest.fixture
async def desk(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path) as made:
        yield made


async def current(desk: Office) -> dict[str, Any]:
    return (await desk.client.get(CALENDAR, headers=admin(desk))).json()


async def changed(desk: Office, match: str | None = "*", **days: Any) -> httpx.Response:
    headers = admin(desk) | ({"If-Match": match} if match else {})
    return await desk.client.put(CALENDAR, json=days, headers=headers)


async def brought_in(desk: Office, content: str | bytes, media_type: str = CSV, match: str | None = "*", **query: int) -> httpx.Response:
    headers = {**admin(desk), "Content-Type": media_type} | ({"If-Match": match} if match else {})
    return await desk.client.post(f"{CALENDAR}/import", content=content, params=query, headers=headers)


async def exported(desk: Office, format: str) -> str:
    return (await desk.client.get(f"{CALENDAR}/export", params={"format": format}, headers=admin(desk))).text


async def moved(desk: Office, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return await rolled_out(desk, answer.json()["rollout"]["rollout_id"])


async def running(desk: Office, issue_id: str) -> dict[str, Deadline]:
    async with desk.app.database.transaction() as session:
        return {each.kind: each for each in (await desk.issues.load(session, issue_id)).issue.running}


async def test_a_change_names_the_version_that_was_seen(desk: Office) -> None:
    issue_id = await desk.raised()
    before = (await running(desk, issue_id))["handle"]
    seen = await desk.client.get(CALENDAR, headers=admin(desk))
    assert seen.headers["ETag"] == '"1"'
    days = {"holidays": [*seen.json()["holidays"], WEDNESDAY], "note": "庙会"}

    blind = await changed(desk, None, **days)
    assert (blind.status_code, blind.json()["code"]) == (428, "version_required")
    stale = await changed(desk, '"7"', **days)
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    assert (await current(desk))["version"] == 1

    answer = await changed(desk, '"1"', **days)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (await changed(desk, '"1"', **days)).status_code == 412
    new = answer.json()["calendar"]
    assert (new["version"], new["by"], new["note"]) == (2, "admin", "庙会")
    assert WEDNESDAY in new["holidays"]
    for name in ("working_days", "office_hours", "confirmed_years", "overrides"):
        assert new[name] == seen.json()[name], "what is left out stays"

    assert (await moved(desk, answer))["moved"] == 1
    after = (await running(desk, issue_id))["handle"]
    assert (after.due_at, after.calendar_version) == (before.due_at + timedelta(days=1), 2)
    told = (await desk.history(issue_id))[-1].data
    assert isinstance(told, DeadlineChanged)
    assert told.reason == "calendar version 2"
    assert ("admin", "ok") in await desk.audit("change_calendar")

    listed = (await desk.client.get(f"{CALENDAR}/versions", headers=admin(desk))).json()["items"]
    assert (listed[0]["version"], listed[0]["by"], listed[0]["note"]) == (2, "admin", "庙会")
    assert (await desk.client.get(f"{CALENDAR}/versions/1", headers=admin(desk))).json() == seen.json()
    assert (await desk.client.get(f"{CALENDAR}/versions/9", headers=admin(desk))).status_code == 404


async def test_a_repeated_request_changes_once(desk: Office) -> None:
    headers = {**admin(desk), "If-Match": '"1"', "Idempotency-Key": "once-and-no-more-0001"}
    answers = [await desk.client.put(CALENDAR, json={"confirmed_years": [2026]}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (await current(desk))["version"] == 2


async def test_a_preview_writes_nothing(desk: Office) -> None:
    issue_id = await desk.raised()
    known = await current(desk)
    answer = await desk.client.post(f"{CALENDAR}/preview", json={"holidays": [*known["holidays"], WEDNESDAY]}, headers=admin(desk))
    assert answer.status_code == 200, answer.text
    looked = answer.json()
    assert (looked["open"], looked["moved"], looked["earlier"], looked["overdue_at_once"]) == (1, 1, 0, 0)
    assert looked["later"] == 2, "the handle deadline and the interim answer; the accept deadline comes before the holiday"
    assert looked["by_level"]["village"]["issues"] == 1
    assert await current(desk) == known
    assert "DeadlineChanged" not in await desk.names(issue_id)
    assert (await desk.client.get("/api/routing/v1/sla/rollouts", headers=admin(desk))).json() == {"items": []}


@pytest.mark.parametrize(
    ("days", "pointer", "code"),
    [
        ({"holidays": ["2026-02-30"]}, "/holidays/0", "bad_date"),
        ({"holidays": [WEDNESDAY], "working_days": [WEDNESDAY]}, "/working_days", "day_twice"),
        ({"overrides": [{"region": "99", "day": WEDNESDAY, "kind": "closed"}]}, "/overrides/0/region", "unknown_region"),
        ({"overrides": [{"region": COUNTY[:6], "day": "tomorrow", "kind": "closed"}]}, "/overrides/0/day", "bad_date"),
        (
            {"overrides": [{"region": code, "day": WEDNESDAY, "kind": "closed"} for code in (COUNTY[:6], COUNTY)]},
            "/overrides/1",
            "day_twice",
        ),
        ({"office_hours": [["12:00", "08:30"]]}, "/office_hours", "bad_hours"),
        ({"office_hours": [["08:30", "12:00"], ["11:00", "17:00"]]}, "/office_hours", "bad_hours"),
        ({"office_hours": []}, "/office_hours", "bad_hours"),
    ],
)
async def test_days_that_cannot_be_are_named(desk: Office, days: dict[str, Any], pointer: str, code: str) -> None:
    for answer in (await changed(desk, **days), await desk.client.post(f"{CALENDAR}/preview", json=days, headers=admin(desk))):
        assert answer.status_code == 422, answer.text
        assert (pointer, code) in [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert (await current(desk))["version"] == 1


async def test_a_file_replaces_all_days(desk: Office) -> None:
    before = await current(desk)
    text = f"day,kind,region,note\n2026/3/4,holiday,,\n2026-03-07,working_day,,\n2026-03-05,closed,{COUNTY},集市\n"
    assert (await brought_in(desk, text, match=None)).status_code == 428
    assert (await brought_in(desk, text, match='"4"')).status_code == 412
    answer = await brought_in(desk, "\ufeff" + text, match='"1"')
    assert answer.status_code == 200, answer.text
    new = await current(desk)
    assert (new["holidays"], new["working_days"]) == ([WEDNESDAY], ["2026-03-07"])
    assert new["overrides"] == [{"region": COUNTY[:6], "day": "2026-03-05", "kind": "closed", "note": "集市"}]
    assert (new["office_hours"], new["confirmed_years"]) == (before["office_hours"], before["confirmed_years"])
    assert answer.json()["rollout"]["calendar_version"] == 2


@pytest.mark.parametrize("media_type", [CSV, ICS])
async def test_a_file_of_one_year_leaves_the_others(desk: Office, media_type: str) -> None:
    before = await current(desk)
    year = max(before["confirmed_years"]) + 1
    override = {"region": COUNTY[:6], "day": WEDNESDAY, "kind": "closed", "note": ""}
    assert (await changed(desk, overrides=[override])).status_code == 200
    if media_type == CSV:
        text = f"day,kind,region,note\n{year}-01-01,holiday,,\n{year}-01-02,working_day,,\n"
    else:
        days = [(f"{year}0101", "元旦"), (f"{year}0102", "元旦补班")]
        text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n"
        for day, summary in days:
            text += f"BEGIN:VEVENT\r\nUID:{day}\r\nDTSTAMP:{day}T000000Z\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:{summary}\r\nEND:VEVENT\r\n"
        text += "END:VCALENDAR\r\n"
    answer = await brought_in(desk, text, media_type, confirm_year=year)
    assert answer.status_code == 200, answer.text
    new = await current(desk)
    others = [day for day in before["holidays"] if not day.startswith(str(year))]
    assert new["holidays"] == sorted([*others, f"{year}-01-01"])
    assert new["working_days"] == sorted([*before["working_days"], f"{year}-01-02"])
    assert new["confirmed_years"] == sorted([*before["confirmed_years"], year])
    assert new["overrides"] == [override], "days of single regions stay"


@pytest.mark.parametrize("format", ["csv", "ics"])
async def test_what_was_exported_can_be_brought_in(desk: Office, format: str) -> None:
    override = {"region": VILLAGE, "day": WEDNESDAY, "kind": "stopped", "note": "=台风,停工"}
    assert (await changed(desk, overrides=[override])).status_code == 200
    before = await current(desk)
    file = await exported(desk, format)
    read = from_csv(file) if format == "csv" else from_ics(file)
    assert len(read.holidays) == len(before["holidays"])
    answer = await brought_in(desk, file, CSV if format == "csv" else ICS)
    assert answer.status_code == 200, answer.text
    after = await current(desk)
    assert {**after, "version": 2, "by": before["by"], "note": before["note"]} == before
    assert from_csv(await exported(desk, "csv")) == read


async def test_wrong_rows_are_named(desk: Office) -> None:
    rows = ("2026-02-30,holiday,,", "2026-03-04,party,,", "2026-03-05,closed,,", "2026-03-06,holiday,33,", "2026-03-07,holiday,,")
    text = "\n".join(("day,kind,region,note", *rows, ""))
    answer = await brought_in(desk, text)
    assert answer.status_code == 422, answer.text
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/rows/2", "calendar_bad_date"),
        ("/rows/3", "calendar_unknown_kind"),
        ("/rows/4", "calendar_region_missing"),
        ("/rows/5", "calendar_region_not_wanted"),
    ]
    assert all(error["detail"] for error in answer.json()["errors"])
    assert (await current(desk))["version"] == 1, "taken whole or not at all"


async def test_what_is_no_calendar_file(desk: Office) -> None:
    for content, media_type in (("", CSV), ("a,b\n", CSV), ("hello", ICS), ("", ICS)):
        answer = await brought_in(desk, content, media_type)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/rows/1"), content
    assert (await brought_in(desk, b"\xff\xfe\x00", CSV)).status_code == 422
    other = await brought_in(desk, "{}", "application/json")
    assert (other.status_code, other.headers["Accept-Post"]) == (415, "text/csv, text/calendar")


async def test_deadlines_of_a_year_that_is_not_announced(desk: Office) -> None:
    year = max((await current(desk))["confirmed_years"])
    desk.clock.instant = datetime(year, 12, 31, 10, 0, tzinfo=UTC)
    issue_id = await desk.raised()
    before = (await running(desk, issue_id))["accept"]
    assert before.due_at.year == year + 1
    asked = (await desk.client.get(f"{CALENDAR}/unconfirmed", headers=admin(desk))).json()
    assert year + 1 not in asked["confirmed_years"]
    assert [each["issue_id"] for each in asked["items"]] == [issue_id]

    off = [f"{year + 1}-01-0{day}" for day in range(1, 9)]
    text = "day,kind,region,note\n" + "".join(f"{day},holiday,,\n" for day in off)
    done = await moved(desk, await brought_in(desk, text, confirm_year=year + 1))
    assert (done["moved"], done["calendar_version"]) == (1, 2)
    after = (await running(desk, issue_id))["accept"]
    assert after.due_at > before.due_at
    assert after.due_at >= datetime(year + 1, 1, 8, 16, 0, tzinfo=UTC)
    asked = (await desk.client.get(f"{CALENDAR}/unconfirmed", headers=admin(desk))).json()
    assert (asked["items"], max(asked["confirmed_years"])) == ([], year + 1)


@pytest.mark.parametrize("region", [COUNTY[:6], COUNTY, VILLAGE[:9] + "000", VILLAGE])
async def test_a_typhoon_stops_every_clock_of_its_region(desk: Office, region: str) -> None:
    issue_id = await desk.raised(priority="urgent")
    await desk.give(issue_id, "accept", by=desk.staff(CADRE))
    before = (await running(desk, issue_id))["handle"]
    assert before.due_at == MONDAY + timedelta(hours=24), "by the clock"
    typhoon = {"region": region, "day": "2026-03-03", "kind": "stopped", "note": "台风"}
    answer = await changed(desk, overrides=[typhoon])
    done = await moved(desk, answer)
    assert done["moved"] == 1
    assert (await running(desk, issue_id))["handle"].due_at == before.due_at + timedelta(days=1)
    assert len(answer.json()["calendar"]["overrides"][0]["region"]) <= len(region)


@pytest.mark.parametrize("region", ["330523", "330523000000", "330182105000"])
async def test_a_typhoon_elsewhere_stops_nothing_here(desk: Office, region: str) -> None:
    issue_id = await desk.raised(priority="urgent")
    before = (await running(desk, issue_id))["handle"]
    done = await moved(desk, await changed(desk, overrides=[{"region": region, "day": "2026-03-03", "kind": "stopped"}]))
    assert done["moved"] == 0
    assert (await running(desk, issue_id))["handle"] == before


async def test_only_administrators_come_near(desk: Office) -> None:
    for who in (desk.staff(CADRE), desk.bearer(Principal("operator", "运维", "operator", (), ()))):
        for path in ("", "/versions", "/versions/1", "/unconfirmed", "/export"):
            assert (await desk.client.get(CALENDAR + path, headers=who)).status_code == 403, path
        assert (await desk.client.put(CALENDAR, json={}, headers=who)).status_code == 403
        for path in ("/preview", "/import"):
            assert (await desk.client.post(CALENDAR + path, headers=who)).status_code == 403, path
    assert (await desk.client.get(CALENDAR)).status_code == 401
    assert (await desk.client.put(CALENDAR, json={}, headers={"If-Match": "*"})).status_code == 401
