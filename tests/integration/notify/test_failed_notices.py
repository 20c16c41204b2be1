"""Operators: notices that failed for good, why, and sending them again from the page."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.contracts.intake import IssueRaised
from shared.ids import new_id
from shared.security.principal import Principal, Role
from shared.web.pages.sessions import COOKIE
from tests.integration.notify.conftest import MAIL, Builder, World
from tests.support.events import COUNTY, example
from tests.support.pages import Page
from tests.support.platform import bearer, principal, token

PATH = "/operate/notify/notices"
OPERATOR = principal("operator")


@pytest.fixture
async def failing(builder: Builder) -> tuple[World, list[str]]:
    """Three notices that failed, oldest first: two refused by the SMS gateway, one by the mail server."""
    world = await builder.build(receipts=False)
    issues = [new_id() for _ in range(3)]
    world.reporter(issues[0], phone="13800000001")
    world.reporter(issues[1], phone="13900000001")
    world.reporter(issues[2], phone=None, email="refused@example.cn")
    for nth, issue in enumerate(issues):
        await world.happens(issue, example(IssueRaised, number=f"330182-20261122-{nth}"))
        await world.drain()
        world.clock.advance(world.app.settings.notice_timeout)
    return world, issues


async def listed(world: World, **query: str | int) -> dict[str, Any]:
    answer = await world.http.get("/api/notify/v1/notices/failed", params=query, headers=bearer(OPERATOR))
    assert answer.status_code == 200, answer.text
    return answer.json()


def issues_of(told: dict[str, Any]) -> list[str]:
    return [item["issue_id"] for item in told["items"]]


def browser(who: Principal) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={token(who)}"}


async def page(world: World, **query: str) -> httpx.Response:
    return await world.http.get(PATH, params=query, headers=browser(OPERATOR))


async def post(world: World, *, who: Role = "operator", origin: str | None = None, **form: str | list[str]) -> httpx.Response:
    headers = {"Origin": origin or str(world.http.base_url).rstrip("/")} | browser(principal(who))
    return await world.http.post(PATH, data=form, headers=headers)


async def test_newest_first_by_reason_and_channel_in_pages(failing: tuple[World, list[str]]) -> None:
    world, issues = failing
    told = await listed(world)
    assert issues_of(told) == issues[::-1]
    assert told["reasons"] == {"gateway_400": 2, "smtp_550": 1}
    assert issues_of(await listed(world, reason="smtp_550")) == issues[2:]
    assert issues_of(await listed(world, channel="sms")) == [issues[1], issues[0]]
    assert issues_of(await listed(world, issue_id=issues[1])) == [issues[1]]
    first = await listed(world, limit=2)
    second = await listed(world, limit=2, cursor=str(first["next"]))
    assert issues_of(first) + issues_of(second) == issues[::-1]
    assert second["next"] is None
    answer = await world.http.get("/api/notify/v1/notices/failed", params={"cursor": "yesterday|x"}, headers=bearer(OPERATOR))
    assert answer.status_code == 422


async def test_addresses_are_masked(failing: tuple[World, list[str]]) -> None:
    world, _ = failing
    api = await world.http.get("/api/notify/v1/notices/failed", headers=bearer(OPERATOR))
    shown = await page(world)
    assert "138****0001" in shown.text
    for text_ in (api.text, shown.text):
        assert "13800000001" not in text_
        assert MAIL not in text_
        assert "refused@" not in text_


async def test_the_page_says_why_and_sends_one_again(failing: tuple[World, list[str]]) -> None:
    world, issues = failing
    shown = Page(await page(world))
    assert "短信网关不收或不应答" in shown.text
    assert "330182-20261122-0" in shown.text
    told = await listed(world, issue_id=issues[0])
    notice = str(told["items"][0]["notice_id"])
    world.reporter(issues[0], phone="13800000009")
    sent = await post(world, notice=[notice], reason="gateway_400")
    assert sent.status_code == 303
    assert "1 条已重新排队" in (await page(world, **dict(httpx.URL(sent.headers["location"]).params))).text
    assert issues_of(await listed(world)) == issues[:0:-1]
    await world.drain()
    assert [message["to"] for message in world.messages][2:] == ["13800000009"]
    async with world.app.database.transaction() as session:
        entries = (await session.execute(text("SELECT who, issue_id FROM audit WHERE action = 'resend' AND status = 202"))).all()
    assert [tuple(entry) for entry in entries] == [("operator", issues[0])]


async def test_all_of_a_page_are_sent_again_and_what_is_refused_is_counted(failing: tuple[World, list[str]]) -> None:
    world, _ = failing
    ids = [str(item["notice_id"]) for item in (await listed(world))["items"]]
    sent = await post(world, every="1", listed=[*ids, "nonsense"])
    assert dict(httpx.URL(sent.headers["location"]).params) == {"done": "3", "of": "3"}
    again = await post(world, notice=ids[:1])
    assert dict(httpx.URL(again.headers["location"]).params) == {"done": "0", "of": "1"}
    shown = await page(world, done="0", of="1")
    assert "其余的可能别人已经重发" in shown.text
    assert "没有选中任何一条" in (await page(world, done="0", of="0")).text


async def test_nobody_else_and_no_other_site(failing: tuple[World, list[str]]) -> None:
    world, _ = failing
    ids = [str(item["notice_id"]) for item in (await listed(world))["items"]]
    others: tuple[Role, ...] = ("cadre", "officer", "dispatcher", "supervisor", "admin", "auditor")
    for role in others:
        who = principal(role, COUNTY)
        assert (await world.http.get("/api/notify/v1/notices/failed", headers=bearer(who))).status_code == 403
        assert (await world.http.get(PATH, headers=browser(who))).status_code == 403
        await post(world, who=role, notice=ids)
    assert (await world.http.get("/api/notify/v1/notices/failed")).status_code == 401
    assert (await post(world, origin="http://evil.example", notice=ids)).status_code == 403
    assert len((await listed(world))["items"]) == 3


async def test_the_queue_and_what_failed_are_figures(failing: tuple[World, list[str]]) -> None:
    world, _ = failing
    late = new_id()
    world.reporter(late)
    await world.happens(late, example(IssueRaised))
    world.clock.advance(2 * world.app.settings.notice_lease)
    lag = (await world.http.get("/api/notify/v1/lag", headers=bearer(OPERATOR))).json()["figures"]
    found = {figure["name"]: (figure["value"], figure["count"], figure["good"]) for figure in lag}
    assert found["notices"] == (120, 1, False)
    assert found["failed_notices"] == (3, None, False)
    shown = Page(await world.http.get("/operate/notify", headers=browser(OPERATOR)))
    assert "等着发出的通知" in shown.text
    assert PATH in shown.links
