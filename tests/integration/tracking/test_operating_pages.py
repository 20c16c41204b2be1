"""Operators: whether a service is well, and its dead letters, looked at, replayed or discarded with a reason."""

import pytest
from sqlalchemy import text

from shared.messaging.inbox import Inbox
from shared.security.principal import Principal
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY
from tests.support.pages import Page
from tests.support.platform import bearer, client, principal, token

HOSTILE = b'{"title": "<script>alert(1)</script>"}'
OPERATOR = Principal("operator", "运维岗", "operator")
OTHERS = [principal("supervisor", COUNTY), Principal("admin", "admin", "admin"), Principal("auditor", "auditor", "auditor")]


@pytest.fixture
async def dead(api: Api) -> Api:
    async with api.world.tracking.transaction() as session:
        await Inbox(session, "tracking").bury(None, HOSTILE, "huiyin.issue.33.01.82.104.228.Danced", ValueError("no event"), attempts=5)
    return api


async def decided(api: Api) -> list[tuple[str | None, str | None, str | None]]:
    async with api.world.tracking.transaction() as session:
        rows = await session.execute(text("SELECT decision, reason, decided_by FROM dead_letters"))
        return [(row.decision, row.reason, row.decided_by) for row in rows]


async def post(api: Api, path: str, reason: str, *, origin: str = "http://test") -> int:
    async with client(api.app) as caller:
        caller.cookies.set("huiyin_access", token(OPERATOR))
        return (await caller.post(path, data={"reason": reason}, headers={"Origin": origin})).status_code


async def test_a_dead_letter_is_looked_at_and_decided_on_with_a_reason(dead: Api) -> None:
    page = Page(await dead.page("/operate/tracking", OPERATOR))
    assert HOSTILE.decode() in page.text
    assert "database" in page.text
    (replay,) = (action for action in page.forms if action.endswith("/replay"))
    assert await post(dead, replay, " ") == 422
    assert await post(dead, replay, "网关已修好", origin="http://evil.example") == 403
    assert await decided(dead) == [(None, None, None)]
    assert await post(dead, replay, "网关已修好") == 303
    assert await decided(dead) == [("replay", "网关已修好", "operator")]
    assert await post(dead, replay.replace("replay", "discard"), "不是事件") == 303
    assert await decided(dead) == [("discard", "不是事件", "operator")]
    assert await post(dead, "/operate/tracking/999/replay", "x") == 404
    async with dead.world.tracking.transaction() as session:
        actions = (await session.execute(text("SELECT action FROM audit WHERE status = 200 ORDER BY at"))).scalars().all()
    assert actions == ["replay_dead_letter", "discard_dead_letter"]


@pytest.mark.parametrize("who", OTHERS, ids=lambda who: who.role)
async def test_nobody_else_sees_them(dead: Api, who: Principal) -> None:
    assert (await dead.page("/operate/tracking", who)).status_code == 403
    assert (await dead.page("/operate", who)).status_code == 403
    async with client(dead.app) as caller:
        assert (await caller.get("/api/tracking/v1/dead-letters", headers=bearer(who))).status_code == 403
        answer = await caller.post("/api/tracking/v1/dead-letters/1/discard", json={"reason": "x"}, headers=bearer(who))
    assert answer.status_code == 403
    assert await decided(dead) == [(None, None, None)]


async def test_all_services_are_on_one_page(dead: Api) -> None:
    page = Page(await dead.page("/operate", OPERATOR))
    assert {f"/operate/{service}" for service in ("intake", "routing", "tracking", "notify")} <= set(page.links)
