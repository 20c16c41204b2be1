"""Signing in on the pages, one's sessions, and the work on an issue by forms."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from services.routing.browser_sessions import IDLE, LONGEST
from services.routing.entrypoints.command_bodies import BODIES
from services.routing.entrypoints.work_forms import COMMANDS
from shared.ids import new_id
from tests.integration.routing.issue_support import Office, office
from tests.support.life import TOWNSHIP, VILLAGE
from tests.support.pages import Page
from tests.support.servers import StackDatabase

CADRE, OFFICER, STRANGER = f"cadre-{VILLAGE}", f"officer-{TOWNSHIP}", "officer-330523000000"
ORIGIN = {"Origin": "http://routing"}
HOSTILE = "<script>alert(1)</script>\u202e\"'&"


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        yield found


async def sign_in(here: Office, username: str = CADRE, password: str = "huiyin-demo", onward: str = "/work") -> httpx.Response:
    return await here.client.post("/sign-in", data={"username": username, "password": password, "next": onward}, headers=ORIGIN)


async def post(here: Office, path: str, **fields: str) -> httpx.Response:
    return await here.client.post(path, data=fields, headers=ORIGIN)


async def form(here: Office, issue_id: str, command: str) -> dict[str, str]:
    return Page(await here.client.get(f"/work/{issue_id}", params={"command": command})).forms[f"/work/{issue_id}/{command}"].fields


async def sessions(here: Office) -> int:
    async with here.app.database.transaction() as session:
        return int((await session.execute(text("SELECT count(*) FROM browser_sessions"))).scalar_one())


async def test_signing_in_gives_cookies_that_no_script_reads(here: Office) -> None:
    answer = await sign_in(here)
    assert (answer.status_code, answer.headers["location"]) == (303, "/work")
    given = answer.headers.get_list("set-cookie")
    assert len(given) == 2
    for cookie in given:
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
    async with here.app.database.transaction() as session:
        (digest,) = (await session.execute(text("SELECT digest FROM browser_sessions"))).scalars()
    assert digest not in "".join(given), "the table must not hold what a browser holds"


async def test_a_wrong_password_says_so_and_tells_nothing(here: Office) -> None:
    wrong, unknown = await sign_in(here, password="no"), await sign_in(here, username="nobody", password="no")
    assert "用户名或密码不正确" in Page(wrong).text
    assert Page(wrong).text == Page(unknown).text
    assert not wrong.headers.get_list("set-cookie")
    assert await sessions(here) == 0


async def test_who_guesses_has_to_wait(here: Office) -> None:
    for _ in range(5):
        await sign_in(here, password="no")
    answer = await sign_in(here, password="no")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
async def test_one_is_never_sent_to_another_site(here: Office, onward: str) -> None:
    assert (await sign_in(here, onward=onward)).headers["location"] == "/work"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Referer": "http://evil.example/x"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://routing"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Referer": "http://routing/work"}, 303),
        ({"Origin": "http://127.0.0.1:8080"}, 303),
    ],
)
async def test_a_form_of_another_site_does_nothing(here: Office, headers: dict[str, str], status: int) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    answer = await here.client.post(f"/work/{issue_id}/accept", data={}, headers=headers)
    assert answer.status_code == status
    assert ("Accepted" in await here.names(issue_id)) == (status == 303)


async def test_a_command_by_a_form_is_audited_once_and_a_forged_one_too(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    await post(here, f"/work/{issue_id}/accept")
    await post(here, f"/work/{issue_id}/resolve", outcome="solved", result="没有照片")
    await here.client.post(f"/work/{issue_id}/resolve", data={}, headers={"Origin": "http://evil.example"})
    assert await here.audit("accept") == [(CADRE, "ok")]
    async with here.app.database.transaction() as session:
        rows = (await session.execute(text("SELECT action, result FROM audit ORDER BY at"))).all()
    forged = [row for row in rows if row.result == "forbidden"]
    assert len(forged) == 1
    assert [row.action for row in rows if row not in forged] == ["sign_in", "accept", "resolve"]


async def test_a_session_outlives_its_token_and_nothing_typed_is_lost(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    del here.client.cookies["huiyin_access"]
    answer = await post(here, f"/work/{issue_id}/accept")
    assert answer.status_code == 303
    assert "Accepted" in await here.names(issue_id)
    assert "huiyin_access" in here.client.cookies


@pytest.mark.parametrize("over", [IDLE, LONGEST])
async def test_a_session_ends(here: Office, over: timedelta) -> None:
    await sign_in(here)
    del here.client.cookies["huiyin_access"]
    here.clock.instant += over + timedelta(seconds=1)
    answer = await here.client.get("/work")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/work")


async def test_a_disabled_account_is_out(here: Office) -> None:
    await sign_in(here)
    del here.client.cookies["huiyin_access"]
    async with here.app.database.transaction() as session:
        await session.execute(text("UPDATE accounts SET active = false WHERE username = :who"), {"who": CADRE})
    assert (await here.client.get("/work")).headers["location"].startswith("/sign-in")
    assert await sessions(here) == 0


async def test_one_sees_where_one_is_signed_in_and_ends_it_everywhere(here: Office) -> None:
    await sign_in(here)
    here.client.cookies.clear()
    await sign_in(here)
    page = Page(await here.client.get("/sessions"))
    assert page.text.count("python-httpx") == 2
    assert (await post(here, "/sessions")).status_code == 303
    assert await sessions(here) == 0
    assert await here.audit("sign_out") == [(CADRE, "ok")]


async def test_signing_out_ends_this_one(here: Office) -> None:
    await sign_in(here)
    await post(here, "/sign-out")
    assert await sessions(here) == 0
    assert (await here.client.get("/work")).headers["location"].startswith("/sign-in")


async def test_nobody_ends_the_session_of_another(here: Office) -> None:
    await sign_in(here, OFFICER)
    async with here.app.database.transaction() as session:
        (digest,) = (await session.execute(text("SELECT digest FROM browser_sessions"))).scalars()
    here.client.cookies.clear()
    await sign_in(here)
    await post(here, "/sessions", digest=digest)
    assert await sessions(here) == 2


async def test_the_worklist_counts_filters_and_accepts_many(here: Office) -> None:
    await sign_in(here)
    first, second = await here.raised(title="一号路灯"), await here.raised(title=HOSTILE)
    page = Page(await here.client.get("/work"))
    assert {f"/work/{first}", f"/work/{second}"} <= set(page.links)
    assert HOSTILE in page.text
    found = Page(await here.client.get("/work", params={"q": "一号"}))
    assert f"/work/{first}" in found.links
    assert f"/work/{second}" not in found.links
    answer = await here.client.post("/work", data={"issue": [first, second, "nonsense"]}, headers=ORIGIN)
    assert answer.headers["location"] == "/work?said=accept&done=2&of=2"
    assert "Accepted" in await here.names(first)
    assert "签收了 2 件" in Page(await here.client.get(answer.headers["location"])).text


async def test_an_issue_says_what_can_be_done_and_what_it_does_to_the_clock(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    page = Page(await here.client.get(f"/work/{issue_id}"))
    assert f"/work/{issue_id}?command=accept#form" in page.links
    assert f"/work/{issue_id}?command=supervise#form" not in page.links, "a cadre does not supervise"
    assert "签收不改变办理期限" in Page(await here.client.get(f"/work/{issue_id}", params={"command": "accept"})).text


async def test_what_is_refused_is_explained_beside_what_was_typed(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    await post(here, f"/work/{issue_id}/accept")
    filled = await form(here, issue_id, "resolve") | {"outcome": "solved", "result": f"修好了 {HOSTILE}"}
    answer = await post(here, f"/work/{issue_id}/resolve", **filled)
    assert answer.status_code == 422
    page = Page(answer)
    assert page.forms[f"/work/{issue_id}/resolve"].fields["result"].strip("\n") == filled["result"]
    assert "有地方要改一下" in page.text
    late = await post(here, f"/work/{issue_id}/suspend", condition="等审批", until="no date")
    assert "日期写法不对" in Page(late).text


async def test_who_was_slower_is_told_and_keeps_what_was_typed(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    filled = await form(here, issue_id, "request-escalation") | {"reason": "村里办不了"}
    await here.give(issue_id, "accept", by=here.staff(CADRE))
    answer = await post(here, f"/work/{issue_id}/request-escalation", **filled)
    assert answer.status_code == 412
    page = Page(answer)
    assert "有了变化" in page.text
    again = page.forms[f"/work/{issue_id}/request-escalation"].fields
    assert again["reason"].strip("\n") == "村里办不了"
    assert (await post(here, f"/work/{issue_id}/request-escalation", **again)).status_code == 303


async def test_a_form_sent_twice_is_one_command(here: Office) -> None:
    await sign_in(here)
    issue_id = await here.raised()
    await post(here, f"/work/{issue_id}/accept")
    filled = await form(here, issue_id, "report-progress") | {"note": "到现场看过"}
    for _ in range(2):
        assert (await post(here, f"/work/{issue_id}/report-progress", **filled)).status_code == 303
    assert (await here.names(issue_id)).count("ProgressReported") == 1


@pytest.mark.parametrize("path", ["/work/{}", "/work/{}?command=accept"])
async def test_an_officer_from_elsewhere_sees_nothing(here: Office, path: str) -> None:
    issue_id = await here.raised()
    await sign_in(here, STRANGER)
    assert (await here.client.get(path.format(issue_id))).status_code in (403, 404)
    assert (await post(here, f"/work/{issue_id}/accept")).status_code in (403, 404)
    assert "Accepted" not in await here.names(issue_id)


@pytest.mark.parametrize("who", ["admin", "operator", "auditor"])
async def test_who_handles_no_case_is_told_what_there_is(here: Office, who: str) -> None:
    await sign_in(here, who)
    assert "您的岗位不办具体事项" in Page(await here.client.get("/work")).text


def test_every_command_of_the_contract_has_a_form() -> None:
    assert set(COMMANDS) == set(BODIES)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_form_becomes_what_the_api_takes(name: str) -> None:
    command = COMMANDS[name]  # pyright: ignore[reportArgumentType]
    typed = {
        "task": new_id(),
        "text": "去现场看过",
        "day": "2026-12-01",
        "unit": f"{TOWNSHIP}/construction",
        "check": "yes",
        "topic": "road",
        "photo": "",
    }
    filled = {field.name: next(iter(field.choices)) if field.kind == "choice" else typed[field.kind] for field in command.fields}
    filled["evidence"] = ""
    body = command.body(filled)
    model = BODIES[name].model_validate_json(httpx.Request("POST", "http://x", json=body).content)
    for asked in ("until", "promised_by"):
        if asked in body:
            assert datetime.fromisoformat(body[asked]).utcoffset() == timedelta(hours=8)
    assert model is not None
