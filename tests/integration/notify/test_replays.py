"""Replays never send again: neither redelivered events, nor a queue that was rebuilt from nothing."""

import asyncio
from datetime import timedelta

import psycopg

from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, DirectoryChanged, Resolved
from shared.contracts.values import Officer
from shared.ids import new_id
from shared.messaging.connection import connect
from shared.messaging.subjects import subject_of
from tests.integration.notify.conftest import PHONE, Builder, World, eventually
from tests.support.events import VILLAGE, example

CADRE = Officer(officer_id=f"cadre-{VILLAGE}", name="值班村干部", role="cadre", regions=(VILLAGE,), units=(), email="cadre@example.cn")


def lose_everything(world: World) -> None:
    """As if notify's schema had been restored from nothing."""
    with psycopg.connect(world.stack.superuser) as connection:
        connection.execute("TRUNCATE notify.messages, notify.notices, notify.issues")


async def test_an_event_that_comes_again_is_not_told_again(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    recorded = await world.happens(issue, example(IssueRaised))
    await world.drain()
    await world.hand(recorded)
    await world.drain()
    assert len(world.messages) == 1


async def test_a_queue_that_is_rebuilt_from_nothing_sends_nothing_that_the_log_knows(builder: Builder) -> None:
    world = await builder.build(receipts=False)
    issue, refused = new_id(), new_id()
    world.reporter(issue)
    world.reporter(refused, phone="13800000001")
    recorded = [*await world.happens(issue, example(IssueRaised)), *await world.happens(refused, example(IssueRaised))]
    await world.drain()
    before = (await world.told(issue), await world.told(refused))
    lose_everything(world)
    await world.hand(recorded)
    await world.drain()
    assert len(world.messages) == 2
    assert (await world.told(issue), await world.told(refused)) == before
    # The receipt of what was sent in the earlier life still finds its message.
    delivered = next(message for message in world.messages if message["to"] == PHONE)
    assert await world.receipt(f'{{"message_id": "{delivered["message_id"]}", "status": "delivered"}}'.encode()) == 202
    assert (await world.told(issue))[-1] == ("received", "delivered", "sms")


async def test_staff_are_not_told_old_news_when_a_queue_is_rebuilt(world: World) -> None:
    issue = new_id()
    world.reporter(issue)
    await world.happens("directory-330182", example(DirectoryChanged, officers=(CADRE,)), region=None)
    recorded = await world.happens(issue, example(IssueRaised), example(Assigned))
    await world.drain()
    assert len(world.mails) == 1
    lose_everything(world)
    world.clock.advance(timedelta(days=2))
    await world.hand(recorded)
    await world.drain()
    assert len(world.mails) == 1


async def test_from_jetstream_to_the_phone(builder: Builder) -> None:
    """Subscriber, queue, sender and receipts run as in the service; every event comes twice, one of them out of order."""
    world = await builder.build(notice_workers=2)
    issue = new_id()
    world.reporter(issue)
    recorded = await world.append(issue, example(IssueRaised), example(Assigned), example(Resolved))
    async with world.roles["notify"].transaction() as session:
        rows = await session.connection()
        stored = (await rows.exec_driver_sql("SELECT body FROM log.events WHERE stream = %s ORDER BY version", (issue,))).scalars().all()
    stop = asyncio.Event()
    running = [asyncio.create_task(task(stop)) for task in (world.app.subscriber.run, world.app.sender.run, world.app.receipts.run)]
    relay = await connect(world.nats.url("relay"), "relay")
    try:
        for nth in (0, 2, 1, 0, 1, 2):
            await relay.request(subject_of(recorded[nth]), stored[nth].encode(), timeout=5)

        async def delivered() -> bool:
            return sorted(kind for kind, stage, _ in await world.told(issue) if stage == "delivered") == [
                "assigned",
                "received",
                "resolved",
            ]

        await eventually(delivered)
    finally:
        stop.set()
        await asyncio.gather(*running)
        await relay.close()
    assert len(world.messages) == 3
