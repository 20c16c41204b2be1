"""Operators: whether a service is well and how far behind, its dead letters, decided on with a reason, and what was done for an issue."""

from typing import Any

import pytest
from nats.errors import NoServersError
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from sqlalchemy import text

from services.tracking.bootstrap import reading
from services.tracking.entrypoints.api import OPERATION, PAGES, ROUTERS
from services.tracking.settings import Settings
from shared import telemetry
from shared.contracts.intake import IssueRaised
from shared.messaging.backlog import backlogs
from shared.messaging.connection import connect
from shared.messaging.inbox import Inbox
from shared.messaging.topology import ensure_topology
from shared.security.principal import Principal
from shared.web.app import create_app
from tests.integration.messaging.harness import publish
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, bodies, example
from tests.support.pages import Page
from tests.support.platform import bearer, client, principal, settings_values, token, verifier
from tests.support.servers import NatsAddress

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


async def figures(api: Api) -> dict[str, dict[str, Any]]:
    answer = await api.get("/lag", OPERATOR)
    assert answer.status_code == 200, answer.text
    return {figure["name"]: figure for figure in answer.json()["figures"]}


async def test_what_is_behind_is_told_with_what_to_do(dead: Api) -> None:
    await dead.world.happens(example(IssueRaised), publish=False)
    async with dead.world.tracking.transaction() as session:
        await session.execute(
            text("INSERT INTO parked VALUES ('tracking', 's', 2, '{}', clock_timestamp() - interval '5 minutes')"),
        )
    found = await figures(dead)
    assert (found["relay"]["count"], found["relay"]["good"]) == (1, True)
    assert (found["dead_letters"]["value"], found["dead_letters"]["good"]) == (1, False)
    assert (found["parked"]["count"], found["parked"]["value"] > 299, found["parked"]["good"]) == (1, True, False)
    assert (found["consumer"]["consumer"], found["consumer"]["value"], found["consumer"]["good"]) == ("tracking", None, False), (
        "no NATS here"
    )
    page = Page(await dead.page("/operate/tracking", OPERATOR))
    for said in ("已写入、还没有发布的事件", "最多 10 秒", "5 分钟", "现在读不到", "看一下", "deploy/operating-pages.md"):
        assert said in page.text
    english = Page(await dead.page("/operate/tracking", OPERATOR, headers={"Accept-Language": "en"}))
    assert "Dead letters" in english.text
    await dead.world.publish()
    assert (await figures(dead))["relay"]["count"] == 0


async def test_a_consumers_backlog_is_asked_of_jetstream(nats: NatsAddress) -> None:
    relay = await connect(nats.url("relay"), "test")
    try:
        await ensure_topology(relay)
        (before,) = await backlogs(nats.url("tracking"), ["tracking"])
        await publish(relay, *bodies(example(IssueRaised)))
        assert await backlogs(nats.url("tracking"), ["tracking"]) == [before + 1]
    finally:
        await relay.close()
    with pytest.raises(NoServersError):
        await backlogs("nats://tracking:x@127.0.0.1:1", ["tracking"])


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process whose traces go nowhere: OpenTelemetry records nothing."""
    monkeypatch.setattr(telemetry, "_TRACER", TracerProvider(sampler=ParentBased(ALWAYS_OFF)).get_tracer("huiyin"))


async def work_on(api: Api) -> str:
    """An issue, and two steps that this process took for it."""
    with telemetry.span("request"):
        (raised,) = await api.world.happens(example(IssueRaised, number="330182-20261122-77"))
        with telemetry.span("process IssueRaised", {"messaging.consumer.group.name": "tracking"}, issue_id=raised.stream):
            pass
    await api.world.sees()
    return raised.stream


@pytest.mark.usefixtures("traced")
async def test_the_last_spans_of_an_issue_by_its_number(api: Api) -> None:
    issue_id = await work_on(api)
    told = (await api.get("/spans", OPERATOR, issue="330182-20261122-77")).json()
    assert told["issue_id"] == issue_id
    (trace,) = told["traces"]
    assert (trace["address"], trace["events"]) == (None, ["IssueRaised"])
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["process IssueRaised"]["parent_id"] == spans["request"]["span_id"]
    assert spans["request"]["milliseconds"] > spans["process IssueRaised"]["milliseconds"] > 0
    page = Page(await api.page("/operate/tracking/spans", OPERATOR, issue=issue_id))
    for said in ("process IssueRaised", "tracking", trace["trace_id"], "毫秒"):
        assert said in page.text
    assert not [link for link in page.links if trace["trace_id"] in link], "no viewer is configured"
    missing = await api.page("/operate/tracking/spans", OPERATOR, issue="330182-20261122-78")
    assert missing.status_code == 404


@pytest.mark.usefixtures("traced")
async def test_trace_ids_lead_to_the_configured_viewer(api: Api) -> None:
    issue_id = await work_on(api)
    settings = Settings(**settings_values(trace_viewer="https://jaeger.example/trace/{trace_id}?uiFind=1"))
    services = reading(settings, api.world.tracking)
    database = api.world.tracking
    app = create_app(
        "tracking",
        settings=settings,
        database=database,
        services=services,
        routers=ROUTERS,
        pages=PAGES,
        operation=OPERATION,
        verifier=verifier(),
    )
    viewing = Api(api.world, app)
    (trace,) = (await viewing.get("/spans", OPERATOR, issue=issue_id)).json()["traces"]
    page = Page(await viewing.page("/operate/tracking/spans", OPERATOR, issue=issue_id))
    assert f"https://jaeger.example/trace/{trace['trace_id']}?uiFind=1" in page.links


@pytest.mark.parametrize("viewer", ["javascript:{trace_id}", "https://jaeger.example/trace/"])
def test_a_viewer_is_an_address_with_a_place_for_the_trace(viewer: str) -> None:
    with pytest.raises(ValueError, match="trace_viewer"):
        Settings(**settings_values(trace_viewer=viewer))


async def test_an_issue_is_found_for_all_services(api: Api) -> None:
    issue_id = await work_on(api)
    page = Page(await api.page("/operate", OPERATOR, issue=" 330182-20261122-77 "))
    assert {f"/operate/{service}/spans?issue={issue_id}" for service in ("intake", "routing", "tracking", "notify")} <= set(page.links)
    nothing = await api.page("/operate", OPERATOR, issue="330182-20261122-78")
    assert nothing.status_code == 200
    assert issue_id not in nothing.text


@pytest.mark.parametrize("who", OTHERS, ids=lambda who: who.role)
async def test_nobody_else_sees_lag_or_spans(api: Api, who: Principal) -> None:
    issue_id = await work_on(api)
    assert (await api.get("/lag", who)).status_code == 403
    assert (await api.get("/spans", who, issue=issue_id)).status_code == 403
    assert (await api.page("/operate/tracking/spans", who, issue=issue_id)).status_code == 403


async def test_all_services_are_on_one_page(dead: Api) -> None:
    page = Page(await dead.page("/operate", OPERATOR))
    assert {f"/operate/{service}" for service in ("intake", "routing", "tracking", "notify")} <= set(page.links)
