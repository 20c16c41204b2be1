"""Signing in with a real OpenID provider: the whole way, and every way that ends before."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.routing.openid import PATIENCE
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.openid_support import CADRE, CALLBACK, back, query, refusal, sent_out, signed_out, told
from tests.support.life import directory
from tests.support.openid.provider import SECRET, RealProvider, real_provider
from tests.support.pages import Page
from tests.support.servers import StackDatabase

OPENID = {"by": "openid"}


@pytest.fixture(scope="module")
def provider() -> Iterator[RealProvider]:
    with real_provider(CALLBACK) as provider:
        yield provider


@pytest.fixture
def opened(stack_database: StackDatabase, tmp_path: Path, provider: RealProvider) -> "partial[AbstractAsyncContextManager[Office]]":
    known: dict[str, Any] = {"oidc_issuer": provider.issuer, "oidc_client_id": "huiyin-web", "oidc_client_secret": SECRET}
    named = {"oidc_subject_claim": "preferred_username", "oidc_name_zh": "县政务通", "oidc_name_en": "the county's portal"}
    return partial(office, stack_database, tmp_path, datetime.now(UTC), **known, **named)


@pytest.fixture
async def here(opened: "partial[AbstractAsyncContextManager[Office]]") -> AsyncIterator[Office]:
    async with opened() as found:
        yield found


@pytest.mark.parametrize(
    "client",
    [
        {},
        {"oidc_client_id": "huiyin-post", "oidc_client_secret": "another secret of the client", "oidc_client_auth": "client_secret_post"},
        {"oidc_client_id": "huiyin-public", "oidc_client_secret": None},
    ],
    ids=["basic", "post", "public"],
)
async def test_the_whole_way(
    opened: "partial[AbstractAsyncContextManager[Office]]", provider: RealProvider, client: dict[str, str | None]
) -> None:
    async with opened(**client) as here:
        there = await sent_out(here, "/work?tab=over")
        asked = query(there)
        assert (asked["code_challenge_method"], asked["response_type"], asked["redirect_uri"]) == ("S256", "code", CALLBACK)
        answer = await back(here, await provider.visited(there, CADRE))
        assert (answer.status_code, answer.headers["location"]) == (303, "/work?tab=over")
        given = answer.headers.get_list("set-cookie")
        for name in ("huiyin_session", "huiyin_access"):
            (cookie,) = (each for each in given if each.startswith(f"{name}="))
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
        page = await here.client.get("/work?tab=over")
        assert page.status_code == 200
        assert directory().officers[CADRE].name in Page(page).text
        assert await told(here) == [(CADRE, "ok", OPENID)]
        del here.client.cookies["huiyin_access"]
        assert (await here.client.get("/work")).status_code == 200, "the session is renewed like any other"


async def test_role_and_regions_are_the_account_s(here: Office, provider: RealProvider) -> None:
    issue_id = await here.raised()
    await back(here, await provider.visited(await sent_out(here), "officer-330523000000"))
    assert (await here.client.get(f"/work/{issue_id}")).status_code in (403, 404)


async def test_the_cookie_of_the_way_is_short_lived_and_no_script_reads_it(here: Office) -> None:
    answer = await here.client.get("/sign-in/openid")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Max-Age={int(PATIENCE.total_seconds())}" in cookie
    async with here.app.database.transaction() as session:
        (row,) = (await session.execute(text("SELECT * FROM openid_attempts"))).all()
    secret = here.client.cookies["huiyin_openid"]
    assert secret not in str(row), "the table must not hold what a browser holds"
    assert row.verifier not in answer.headers["location"]


async def test_a_callback_counts_once(here: Office, provider: RealProvider) -> None:
    there = await sent_out(here)
    kept = here.client.cookies["huiyin_openid"]
    returning = await provider.visited(there, CADRE)
    assert (await back(here, returning)).headers["location"] == "/work"
    here.client.cookies.clear()
    here.client.cookies.set("huiyin_openid", kept)
    assert "这次登录已经失效" in await refusal(here, await back(here, returning))
    assert [result for _, result, _ in await told(here)] == ["ok", "openid_over"]


async def test_a_code_of_another_sign_in_is_worth_nothing(here: Office, provider: RealProvider) -> None:
    """Injected: the state is right, the code was given for another verifier."""
    stolen = query(await provider.visited(await sent_out(here), CADRE))["code"]
    mine = query(await sent_out(here))["state"]
    answer = await back(here, f"{CALLBACK}?code={stolen}&state={mine}")
    assert "没能确认您的身份" in await refusal(here, answer)
    assert await told(here) == [("anonymous", "openid_unconfirmed", OPENID)]


async def test_a_wrong_state_signs_nobody_in_and_does_not_break_off_the_right_one(here: Office, provider: RealProvider) -> None:
    returning = await provider.visited(await sent_out(here), CADRE)
    forged = returning.replace(query(returning)["state"], "forged")
    assert "这不是您刚才开始的登录" in await refusal(here, await back(here, forged))
    assert "not the sign-in that you began" in await refusal(here, await back(here, forged), "en")
    assert (await back(here, returning)).headers["location"] == "/work"
    assert [result for _, result, _ in await told(here)] == ["openid_mismatch", "openid_mismatch", "ok"]


async def test_another_browser_cannot_come_back(here: Office, provider: RealProvider) -> None:
    returning = await provider.visited(await sent_out(here), CADRE)
    here.client.cookies.clear()
    assert "这次登录已经失效" in await refusal(here, await back(here, returning))


async def test_who_takes_too_long_begins_anew(here: Office, provider: RealProvider) -> None:
    returning = await provider.visited(await sent_out(here), CADRE)
    here.clock.advance(PATIENCE + timedelta(seconds=1))
    assert "十分钟内" in await refusal(here, await back(here, returning))
    await sent_out(here)
    async with here.app.database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM openid_attempts"))).scalar_one() == 1, "what is over is cleared away"


async def test_who_cancels_there_is_told_and_may_go_on(here: Office, provider: RealProvider) -> None:
    answer = await back(here, await provider.visited(await sent_out(here, "/sessions"), ""))
    assert query(answer.headers["location"]) == {"next": "/sessions", "refused": "openid_denied"}
    assert "您在县政务通那里取消了登录" in await refusal(here, answer)
    assert await told(here) == [("anonymous", "openid_denied", OPENID)]


async def test_a_person_without_an_account_is_refused(here: Office, provider: RealProvider) -> None:
    said = await refusal(here, await back(here, await provider.visited(await sent_out(here), "nobody-here")))
    assert "您在回音里没有可用的账号" in said
    assert await told(here) == [("anonymous", "openid_nobody", OPENID)]


async def test_a_disabled_account_is_refused(here: Office, provider: RealProvider) -> None:
    async with here.app.database.transaction() as session:
        await here.app.staff.accounts.disable(session, CADRE, by="admin")
    answer = await back(here, await provider.visited(await sent_out(here), CADRE))
    assert "no account in Huiyin" in await refusal(here, answer, "en")
    assert await told(here) == [(CADRE, "openid_nobody", OPENID)]


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example/work", "/\\evil.example", "", "/" + "x" * 1001])
async def test_one_is_never_sent_to_another_site(here: Office, provider: RealProvider, onward: str) -> None:
    answer = await here.client.get("/sign-in/openid", params={"next": onward})
    assert (await back(here, await provider.visited(answer.headers["location"], CADRE))).headers["location"] == "/work"


async def test_a_password_still_does_and_guessing_it_does_not_shut_out_the_provider(here: Office, provider: RealProvider) -> None:
    wrong = {"username": CADRE, "password": "no", "next": "/work"}
    tries = [await here.client.post("/sign-in", data=wrong, headers={"Origin": "http://routing"}) for _ in range(6)]
    assert tries[-1].status_code == 429
    assert (await back(here, await provider.visited(await sent_out(here), CADRE))).headers["location"] == "/work"


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh-CN", ("您已退出回音", "正在转到县政务通")), ("en", ("You are signed out", "Now the county's portal is asked"))],
)
async def test_signing_out_here_leads_to_signing_out_there_and_back(
    here: Office, provider: RealProvider, language: str, words: tuple[str, str]
) -> None:
    await back(here, await provider.visited(await sent_out(here), CADRE))
    answer = await signed_out(here, language)
    page = Page(answer)
    assert all(each in page.text for each in words)
    (there,) = (link for link in page.links if link.startswith(provider.issuer))
    assert answer.headers["refresh"] == f"0;url={there}"
    assert answer.headers["cache-control"] == "no-store"
    assert query(there)["client_id"] == "huiyin-web"
    assert await provider.left(there) == "http://127.0.0.1:8080/"
    async with here.app.database.transaction() as session:
        assert (await session.execute(text("SELECT id_token FROM browser_sessions"))).all() == [], "it goes with the session"


async def test_who_gave_a_password_is_signed_out_here_alone(here: Office) -> None:
    await here.client.post("/sign-in", data={"username": CADRE, "password": "huiyin-demo"}, headers={"Origin": "http://127.0.0.1:8080"})
    assert "huiyin_session" in here.client.cookies
    assert (await signed_out(here)).headers["location"] == "/"
