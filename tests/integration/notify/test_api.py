"""What staff read of notices, and what operators may do."""

from typing import Any

import httpx

from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, Resolved
from shared.ids import new_id
from shared.security.principal import Principal, Role
from tests.integration.notify.conftest import MAIL, Builder, World
from tests.support.events import COUNTY, LOOK_ALIKE_TOWNSHIP, OTHER_COUNTY, OTHER_TOWNSHIP, SIBLING_VILLAGE, TOWNSHIP, VILLAGE, example
from tests.support.platform import bearer, principal


async def get(world: World, issue_id: str, who: Principal | None) -> httpx.Response:
    return await world.http.get("/api/notify/v1/notices", params={"issue_id": issue_id}, headers=bearer(who) if who else {})


async def resend(world: World, notice_id: str, who: Principal | None, key: str | None = None, body: Any = None) -> httpx.Response:
    headers = (bearer(who) if who else {}) | ({"Idempotency-Key": key} if key else {})
    return await world.http.post(f"/api/notify/v1/notices/{notice_id}/resend", json={} if body is None else body, headers=headers)


OPERATOR = principal("operator")


async def test_what_was_sent_to_whom_by_which_channel_with_what_result(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue = new_id()
    world.reporter(issue, phone="13800000001", email=MAIL)
    await world.happens(issue, example(IssueRaised), example(Assigned), example(Resolved))
    await world.drain()
    answer = await get(world, issue, principal("cadre", VILLAGE))
    assert answer.status_code == 200
    found = answer.json()["notices"]
    assert [(notice["event"], notice["kind"], notice["recipient"], notice["state"]) for notice in found] == [
        ("IssueRaised", "received", "reporter", "accepted"),
        ("Assigned", "assigned", "reporter", "accepted"),
        ("Assigned", "assigned", f"officer:cadre-{VILLAGE}", "skipped"),
        ("Resolved", "resolved", "reporter", "accepted"),
    ]
    assert [(sent["channel"], sent["to"], sent["state"], sent["reason"]) for sent in found[0]["messages"]] == [
        ("sms", "138****0001", "failed", "gateway_400"),
        ("email", "w***@example.cn", "accepted", None),
    ]
    assert "13800000001" not in answer.text
    assert MAIL not in answer.text


READERS: list[tuple[Role | None, str | None, int, int]] = [
    ("cadre", VILLAGE, 200, 404),
    ("cadre", SIBLING_VILLAGE, 404, 404),
    ("officer", TOWNSHIP, 200, 200),
    ("dispatcher", TOWNSHIP, 200, 200),
    ("officer", OTHER_TOWNSHIP, 404, 404),
    ("officer", LOOK_ALIKE_TOWNSHIP, 404, 404),
    ("officer", COUNTY, 200, 200),
    ("supervisor", COUNTY, 200, 200),
    ("supervisor", OTHER_COUNTY, 404, 404),
    ("admin", None, 403, 403),
    ("operator", None, 403, 403),
    ("auditor", None, 403, 403),
    (None, None, 401, 401),
]
"""Role, region, the answer for an ordinary issue of `VILLAGE`, the answer for a conduct matter there."""


async def test_who_may_read(world: World) -> None:
    ordinary, conduct = new_id(), new_id()
    await world.happens(ordinary, example(IssueRaised, reporter="anonymous"))
    await world.happens(conduct, example(IssueRaised, reporter="anonymous", category="conduct"))
    answers: list[tuple[Role | None, str | None, int, int]] = []
    for role, region, _, _ in READERS:
        who = principal(role, *([region] if region else [])) if role else None
        both = [(await get(world, issue, who)).status_code for issue in (ordinary, conduct)]
        answers.append((role, region, both[0], both[1]))
    assert answers == READERS


async def test_an_unknown_issue_reads_like_a_hidden_one(world: World) -> None:
    hidden = new_id()
    await world.happens(hidden, example(IssueRaised))
    who = principal("officer", OTHER_TOWNSHIP)
    unknown = await get(world, new_id(), who)
    denied = await get(world, hidden, who)
    assert unknown.status_code == denied.status_code == 404
    assert unknown.json()["code"] == denied.json()["code"]


async def test_an_operator_sends_again_once(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised))
    (notice,) = (await get(world, issue, principal("officer", TOWNSHIP))).json()["notices"]
    identity = notice["notice_id"]
    assert (await resend(world, identity, OPERATOR)).json()["code"] == "notice_still_queued"
    await world.drain()
    first = await resend(world, identity, OPERATOR, key="k1")
    again = await resend(world, identity, OPERATOR, key="k1")
    assert (first.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (202, 202, "true")
    await world.drain()
    assert len(world.messages) == 2
    assert len({message["message_id"] for message in world.messages}) == 2
    assert (await resend(world, new_id(), OPERATOR)).status_code == 404
    assert (await resend(world, identity, OPERATOR, body={"state": "delivered"})).status_code == 422


async def test_nobody_else_sends_again(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised))
    await world.drain()
    (notice,) = (await get(world, issue, principal("officer", TOWNSHIP))).json()["notices"]
    others: tuple[Role, ...] = ("cadre", "officer", "dispatcher", "supervisor", "admin", "auditor")
    answers = [(await resend(world, notice["notice_id"], principal(role, COUNTY))).status_code for role in others]
    assert answers == [403] * len(others)
    assert (await resend(world, notice["notice_id"], None)).status_code == 401
    await world.drain()
    assert len(world.messages) == 1
