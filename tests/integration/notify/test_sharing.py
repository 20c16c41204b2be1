"""Notices that are sent side by side share claims and transactions, and not their fate."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from unittest.mock import patch

import orjson
import psycopg
from aiosmtpd import smtp
from fastapi import Request, Response

from services.notify.channels.mail import CONNECTIONS
from shared.contracts.intake import IssueRaised
from shared.ids import new_id
from tests.integration.notify.conftest import Builder, World, eventually
from tests.support.events import example

PHONES = tuple(f"138000022{number:02}" for number in range(12))


async def received(world: World, *phones: str) -> list[str]:
    """Issues that were raised just now; the notice to each reporter waits."""
    issues = [new_id() for _ in phones]
    for issue, phone in zip(issues, phones, strict=True):
        world.reporter(issue, phone=phone)
        await world.happens(issue, example(IssueRaised))
    return issues


class Gate:
    """The gateway answers the messages to some numbers at once, the others when it opens."""

    def __init__(self, *at_once: str) -> None:
        self.open = asyncio.Event()
        self._at_once = at_once

    def __call__(self, take: Callable[[Request], Awaitable[Response]]) -> object:
        async def taken(request: Request) -> Response:
            answer = await take(request)
            if orjson.loads(await request.body())["to"] not in self._at_once:
                await self.open.wait()
            return answer

        return taken


async def test_what_is_due_is_claimed_and_recorded_together(world: World) -> None:
    issues = await received(world, *PHONES)
    assert await world.app.sender.send_due() == len(PHONES)
    assert sorted(message["to"] for message in world.messages) == sorted(PHONES)
    for issue in issues:
        assert ("received", "accepted", "sms") in await world.told(issue)


async def test_killed_in_the_middle_nothing_is_lost_and_only_what_was_not_recorded_is_repeated(builder: Builder) -> None:
    gate = Gate(PHONES[0])
    world = await builder.build(receipts=False, take=gate)
    issues = await received(world, *PHONES[:4])
    dying = asyncio.create_task(world.app.sender.send_due())

    async def answered() -> bool:
        return len(world.messages) == 4 and await world.told(issues[0]) != []

    await eventually(answered)
    dying.cancel()
    await asyncio.wait([dying])
    gate.open.set()
    assert await world.app.sender.send_due() == 0
    await world.tick(world.app.settings.notice_lease)
    assert Counter(message["to"] for message in world.messages) == {PHONES[0]: 1} | dict.fromkeys(PHONES[1:4], 2)
    assert len({message["message_id"] for message in world.messages}) == 4
    for issue in issues:
        assert await world.told(issue) == [("received", "accepted", "sms")]


async def test_a_slow_gateway_keeps_no_answer_of_the_others_waiting(builder: Builder) -> None:
    gate = Gate(*PHONES[1:])
    world = await builder.build(receipts=False, take=gate)
    slow, *quick = await received(world, *PHONES)
    sending = asyncio.create_task(world.app.sender.send_due())

    async def told() -> bool:
        return all([await world.told(issue) for issue in quick])

    await eventually(told)
    assert await world.told(slow) == []
    gate.open.set()
    await sending
    assert await world.told(slow) == [("received", "accepted", "sms")]


async def test_a_notice_that_cannot_be_read_stumbles_alone(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    broken, *sound = await received(world, *PHONES[:3])
    with psycopg.connect(world.stack.superuser) as connection:
        connection.execute("UPDATE notify.notices SET facts = '{\"level\": 5}' WHERE issue_id = %s", (broken,))
    await world.drain()
    for issue in sound:
        assert await world.told(issue) == [("received", "accepted", "sms")]
    with psycopg.connect(world.stack.superuser) as connection:
        rows = connection.execute("SELECT state, stumbles FROM notify.notices WHERE issue_id = %s", (broken,)).fetchall()
    assert rows == [("queued", 1)]
    assert len(world.messages) == 2


async def test_two_processes_share_the_queue(builder: Builder) -> None:
    one, other = await builder.build(receipts=False, notice_workers=3), await builder.build(receipts=False, notice_workers=3)
    issues = await received(one, *PHONES)
    other.intake.contacts.update(one.intake.contacts)
    await asyncio.gather(one.drain(), other.drain())
    assert sorted(message["to"] for message in [*one.messages, *other.messages]) == sorted(PHONES)
    for issue in issues:
        assert await one.told(issue) == [("received", "accepted", "sms")]


async def test_mails_that_wait_for_a_connection_go_over_those_that_are_open(world: World) -> None:
    connections: list[object] = []
    opened = smtp.SMTP.connection_made

    def counted(self: smtp.SMTP, transport: asyncio.BaseTransport) -> None:
        connections.append(transport)
        opened(self, transport)

    issues = [new_id() for _ in PHONES]
    for number, issue in enumerate(issues):
        world.reporter(issue, phone=None, email=f"{'refused' if number == 5 else 'wang'}@example.cn")
        await world.happens(issue, example(IssueRaised))
    with patch.object(smtp.SMTP, "connection_made", counted):
        assert await world.app.sender.send_due() == len(PHONES)
    assert len(world.mails) == len(PHONES) - 1
    assert CONNECTIONS <= len(connections) <= CONNECTIONS + 1
    for number, issue in enumerate(issues):
        assert await world.told(issue) == ([] if number == 5 else [("received", "accepted", "email")])
