"""Each turn of an issue's life reaches the reporter, in their language, once; and the log says so."""

import pytest
from opentelemetry.context import attach, detach

from shared.contracts import Event
from shared.contracts.intake import IssueRaised, OnTheSpot
from shared.contracts.notify import NoticeDelivered
from shared.contracts.routing import (
    Answered,
    Assigned,
    Closed,
    Escalated,
    InterimAnswered,
    Referred,
    Reopened,
    Resolved,
    Resumed,
    Suspended,
)
from shared.ids import new_id
from shared.telemetry import context_from
from tests.integration.notify.conftest import MAIL, PHONE, World, eventually
from tests.support.events import example, handler

LIFE: list[tuple[Event, str, str]] = [
    (example(IssueRaised), "已经收到", "we have received"),
    (example(Assigned), "村民委员会办理", "is handled by"),
    (example(Escalated), "已从", "went up from"),
    (example(Suspended), "暂时挂起", "is paused"),
    (example(InterimAnswered, state="in_progress", handler=handler("township"), level="township"), "还没有办结", "not finished yet"),
    (example(Referred), "已上报省交通运输厅协调", "referred it to"),
    (example(Resolved, level="township", handler=handler("township")), "请评价", "Please rate"),
    (example(Reopened, level="county", handler=handler("county")), "重新办理", "is reopened"),
    (example(Closed), "已按您的评价销号", "is closed with your rating"),
]
KINDS = ["received", "assigned", "escalated", "suspended", "interim", "referred", "resolved", "reopened", "closed"]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_whole_life_by_sms(world: World, language: str) -> None:
    issue = new_id()
    world.reporter(issue, language=language)
    for nth, (event, zh, en) in enumerate(LIFE, start=1):
        await world.happens(issue, event)
        await world.drain()
        assert len(world.messages) == nth, type(event).__name__
        assert (zh if language == "zh-CN" else en) in world.messages[-1]["text"]
        assert f"https://huiyin.example/t/{issue}" in world.messages[-1]["text"]
        assert world.messages[-1]["to"] == PHONE

    async def delivered() -> list[str]:
        return [kind for kind, stage, _ in await world.told(issue) if stage == "delivered"]

    async def all_delivered() -> bool:
        return sorted(await delivered()) == sorted(KINDS)

    await eventually(all_delivered)
    assert [kind for kind, stage, _ in await world.told(issue) if stage == "accepted"] == KINDS
    assert len({message["message_id"] for message in world.messages}) == len(KINDS)


async def test_a_notice_names_its_event_and_goes_on_in_its_story(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    (raised,) = await world.happens(issue, example(IssueRaised))
    await world.drain()
    recorded = (await world.history(issue))[-1]
    assert isinstance(recorded.data, NoticeDelivered)
    assert (recorded.data.event_id, recorded.data.event_version) == (raised.id, raised.version)
    assert (recorded.source, recorded.causation_id, recorded.correlation_id) == ("/huiyin/notify", raised.id, raised.correlation_id)
    assert recorded.region == raised.region


async def test_a_notice_goes_on_in_the_trace_that_caused_it(world: World) -> None:
    issue, trace = new_id(), "4bf92f3577b34da6a3ce929d0e0e4736"
    world.reporter(issue)
    token = attach(context_from(f"00-{trace}-00f067aa0ba902b7-01"))
    try:
        recorded = await world.append(issue, example(IssueRaised))
    finally:
        detach(token)
    await world.hand(recorded)
    await world.drain()
    delivered = (await world.history(issue))[-1]
    assert delivered.name == "NoticeDelivered"
    assert delivered.traceparent
    assert delivered.traceparent.split("-")[1] == trace


async def test_on_the_spot_is_one_notice_and_not_five(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    settled = OnTheSpot(outcome="explained", result="已当面解释")
    await world.happens(
        issue,
        example(IssueRaised, on_the_spot=settled),
        example(Resolved, level="on_the_spot", outcome="explained", result="已当面解释", evidence=()),
        example(Answered, how="on_the_spot"),
        example(Closed, how="on_the_spot"),
    )
    await world.drain()
    (message,) = world.messages
    assert "已当场办结" in message["text"]
    assert "结果:已当面解释" in message["text"]


async def test_anonymous_reporters_are_sent_nothing(world: World) -> None:
    issue = new_id()
    await world.happens(issue, example(IssueRaised, reporter="anonymous"), *(event for event, _, _ in LIFE[1:]))
    await world.drain()
    assert world.messages == []
    assert world.mails == []
    assert world.intake.asked == []
    assert await world.told(issue) == []


async def test_without_a_mobile_it_goes_by_mail_and_acceptance_is_all_that_is_known(world: World) -> None:
    issue = new_id()
    world.reporter(issue, phone="0571-64712345", email=MAIL)
    await world.happens(issue, example(IssueRaised, title="路灯\r\nBcc: x@example.cn"))
    await world.drain()
    (mail,) = world.mails
    assert mail["to"] == [MAIL]
    assert "bcc" not in mail["headers"]
    assert "编号330182-20260302-000001" in mail["text"]
    assert await world.told(issue) == [("received", "accepted", "email")]


async def test_a_notice_does_not_overtake_an_earlier_one(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, *(event for event, _, _ in LIFE[:4]), example(Resumed))
    await world.drain()
    assert [kind for kind, stage, _ in await world.told(issue) if stage == "accepted"] == KINDS[:4]
