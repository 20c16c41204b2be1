"""Gateways that refuse, fail, hang or forget; crashes in between; and what the log and the reporter get of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import orjson
from fastapi import Request, Response

from shared.contracts import Event
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, Escalated, ProgressReported, Resolved
from shared.ids import new_id
from tests.integration.notify.conftest import MAIL, Builder, World, eventually
from tests.support.events import example

DAY = timedelta(hours=24)


async def resolved(world: World, *, phone: str | None, email: str | None = None) -> str:
    """An issue whose one notice waits: settled on the spot."""
    issue = new_id()
    world.reporter(issue, phone=phone, email=email)
    raised = example(IssueRaised, on_the_spot={"outcome": "explained", "result": "已解释"})
    await world.happens(issue, raised, example(Resolved, level="on_the_spot"))
    return issue


def receipt_of(world: World, status: str) -> bytes:
    return orjson.dumps({"message_id": world.messages[-1]["message_id"], "status": status})


async def test_a_number_that_the_gateway_refuses_goes_by_mail(world: World) -> None:
    issue = await resolved(world, phone="13800000001", email=MAIL)
    await world.drain()
    assert [message["status"] for message in world.messages] == [400]
    assert len(world.mails) == 1
    assert await world.told(issue) == [("resolved", "accepted", "email")]


async def test_a_number_that_the_gateway_refuses_and_no_mail_fails_for_good(world: World) -> None:
    issue = await resolved(world, phone="13800000001")
    await world.drain()
    assert await world.told(issue) == [("resolved", "gateway_400", "sms")]
    await world.tick(DAY)
    assert len(world.messages) == 1


async def test_a_gateway_that_is_busy_is_asked_again_with_the_same_id(world: World) -> None:
    issue = await resolved(world, phone="13800000002")
    await world.drain()
    await world.drain()
    assert len(world.messages) == 1
    await world.tick(timedelta(seconds=60))
    await world.tick(timedelta(seconds=299))
    assert len(world.messages) == 2
    await world.tick(timedelta(seconds=1))
    assert [message["status"] for message in world.messages] == [503, 503, 202]
    assert len({message["message_id"] for message in world.messages}) == 1
    assert ("resolved", "accepted", "sms") in await world.told(issue)


async def test_a_gateway_that_is_down_uses_the_tries_up_then_it_is_a_failure(builder: Builder) -> None:
    world = await builder.build(sms_url="http://127.0.0.1:1/messages")
    issue = await resolved(world, phone="13800002207")
    await world.drain()
    await world.tick(timedelta(seconds=60))
    assert await world.told(issue) == []
    await world.tick(timedelta(seconds=300))
    assert await world.told(issue) == [("resolved", "gateway_ConnectError", "sms")]


async def test_mail_that_is_refused_or_greylisted(world: World) -> None:
    refused = await resolved(world, phone=None, email="refused@example.cn")
    greylisted = await resolved(world, phone=None, email="greylisted@example.cn")
    await world.drain()
    assert await world.told(refused) == [("resolved", "smtp_550", "email")]
    assert await world.told(greylisted) == []
    await world.tick(timedelta(seconds=60))
    await world.tick(timedelta(seconds=300))
    assert await world.told(greylisted) == [("resolved", "accepted", "email")]


async def test_nobody_to_tell(world: World) -> None:
    erased, landline = await resolved(world, phone=None), await resolved(world, phone="0571-64712345")
    del world.intake.contacts[erased]
    await world.drain()
    assert await world.told(erased) == [("resolved", "no_contact", None)]
    assert await world.told(landline) == [("resolved", "no_address", None)]


async def test_intake_being_down_is_no_failed_try(world: World) -> None:
    issue = await resolved(world, phone="13800002207")
    world.intake.down = True
    for _ in range(10):
        await world.drain()
        world.clock.advance(timedelta(minutes=10))
    assert await world.told(issue) == []
    world.intake.down = False
    await world.drain()
    assert await world.told(issue) == [("resolved", "accepted", "sms")]


async def test_an_sms_without_a_receipt_is_a_failure_after_a_day_and_a_late_receipt_is_believed(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue = await resolved(world, phone="13800000003")
    await world.drain()
    world.clock.advance(DAY)
    assert await world.app.receipts.expire() == 0
    await world.tick(timedelta(seconds=1))
    assert await world.app.receipts.expire() == 1
    assert await world.app.receipts.expire() == 0
    await world.drain()
    assert await world.told(issue) == [("resolved", "accepted", "sms"), ("resolved", "no_receipt", "sms")]
    assert await world.receipt(receipt_of(world, "delivered")) == 202
    assert (await world.told(issue))[-1] == ("resolved", "delivered", "sms")


async def test_a_receipt_that_says_failed_hands_over_to_mail(world: World) -> None:
    issue = await resolved(world, phone="13800000004", email=MAIL)
    await world.drain()

    async def mailed() -> bool:
        await world.drain()
        return bool(world.mails)

    await eventually(mailed)
    assert await world.told(issue) == [("resolved", "accepted", "sms"), ("resolved", "accepted", "email")]


async def test_receipts_twice_and_contradicting(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue = await resolved(world, phone="13800002207")
    await world.drain()
    for status in ("delivered", "delivered", "failed"):
        assert await world.receipt(receipt_of(world, status)) == 202
    assert await world.told(issue) == [("resolved", "accepted", "sms"), ("resolved", "delivered", "sms")]


async def test_receipts_that_are_not_the_gateways(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue = await resolved(world, phone="13800002207")
    await world.drain()
    body = receipt_of(world, "delivered")
    signed = world.app.signer
    assert signed
    good = signed.headers("r1", body)
    assert await world.receipt(body, secret="another") == 401
    assert await world.receipt(body, headers={}) == 401
    assert await world.receipt(body.replace(b"delivered", b"failed"), headers=good) == 401
    assert await world.receipt(body, headers=good | {"webhook-timestamp": "1"}) == 401
    assert await world.receipt(body, headers=good | {"webhook-signature": "v1,%%%"}) == 401
    assert await world.receipt(body, headers=good | {"webhook-signature": "nonsense"}) == 401
    assert await world.receipt(body, provider="other") == 404
    assert await world.receipt(b'{"message_id": 5}') == 422
    assert await world.receipt(orjson.dumps({"message_id": new_id(), "status": "delivered"})) == 202
    assert await world.told(issue) == [("resolved", "accepted", "sms")]
    assert await world.receipt(body, headers=good) == 202
    assert await world.receipt(body, headers=good) == 202
    assert (await world.told(issue))[1:] == [("resolved", "delivered", "sms")]


def held(gate: asyncio.Event) -> Callable[[Callable[[Request], Awaitable[Response]]], object]:
    """The gateway takes messages at once and answers when the gate opens."""

    def wrap(take: Callable[[Request], Awaitable[Response]]) -> object:
        async def taken(request: Request) -> Response:
            answer = await take(request)
            await gate.wait()
            return answer

        return taken

    return wrap


async def test_a_crash_between_accepting_and_recording_repeats_the_same_id(builder: Builder) -> None:
    gate = asyncio.Event()
    world = await builder.build(receipts=False, take=held(gate))
    issue = await resolved(world, phone="13800002207")
    dying = asyncio.create_task(world.app.sender.send_due())
    await eventually(lambda: world.messages)
    dying.cancel()
    await asyncio.wait([dying])
    gate.set()
    assert not await world.app.sender.send_due()
    await world.tick(world.app.settings.notice_lease)
    assert [message["duplicate"] for message in world.messages] == [False, True]
    assert len({message["message_id"] for message in world.messages}) == 1
    assert await world.told(issue) == [("resolved", "accepted", "sms")]


async def test_a_worker_that_comes_back_after_its_lease_writes_nothing(builder: Builder) -> None:
    gate = asyncio.Event()
    world = await builder.build(receipts=False, take=held(gate))
    issue = await resolved(world, phone="13800002207")
    slow = asyncio.create_task(world.app.sender.send_due())
    await eventually(lambda: world.messages)
    world.clock.advance(world.app.settings.notice_lease)
    second = asyncio.create_task(world.app.sender.send_due())
    await eventually(lambda: len(world.messages) == 2)
    gate.set()
    await asyncio.gather(slow, second)
    assert await world.told(issue) == [("resolved", "accepted", "sms")]


async def test_an_earlier_notice_in_hand_holds_back_the_later_one(builder: Builder) -> None:
    gate = asyncio.Event()
    world = await builder.build(receipts=False, take=held(gate))
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised), example(Assigned))
    first = asyncio.create_task(world.app.sender.send_due())
    await eventually(lambda: world.messages)
    try:
        async with asyncio.timeout(10):
            await world.drain()
        assert len(world.messages) == 1
    finally:
        gate.set()
        await first
    await world.drain()
    assert [kind for kind, _, _ in await world.told(issue)] == ["received", "assigned"]


async def test_a_receipt_that_is_faster_than_the_gateways_answer(builder: Builder) -> None:
    gate = asyncio.Event()
    world = await builder.build(receipts=False, take=held(gate))
    issue = await resolved(world, phone="13800002207")
    sending = asyncio.create_task(world.app.sender.send_due())
    await eventually(lambda: world.messages)
    assert await world.receipt(receipt_of(world, "delivered")) == 202
    gate.set()
    await sending
    assert await world.told(issue) == [("resolved", "delivered", "sms")]


async def test_appends_that_meet_are_all_kept(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised), example(Assigned))
    notes: list[Event] = [example(ProgressReported, note=f"进展{n}") for n in range(8)]
    await asyncio.gather(world.drain(), world.drain(), *(world.append(issue, note) for note in notes))
    await world.drain()
    history = await world.history(issue)
    assert [recorded.version for recorded in history] == list(range(1, len(history) + 1))
    assert len([kind for kind, stage, _ in await world.told(issue) if stage == "accepted"]) == 2
    assert len(world.messages) == 2


async def test_after_an_outage_the_reporter_hears_where_it_stands_and_the_result(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens(issue, example(IssueRaised), example(Assigned), example(Resolved), example(Assigned), example(Escalated))
    world.clock.advance(timedelta(hours=3))
    await world.drain()
    assert [kind for kind, stage, _ in await world.told(issue) if stage == "accepted"] == ["resolved", "escalated"]
    assert len(world.messages) == 2
