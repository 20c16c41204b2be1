"""Only the relay publishes events, a service reads its own durables, an observer disturbs nobody.

NATS shows a denied publish twice: the request times out, and an error arrives on the connection's callback.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import nats as nats_client
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeout

from deploy.local.layout import SERVICES
from shared.messaging.api import call
from shared.messaging.topology import DURABLES, durable_config, durables_missing, ensure_topology
from tests.support.servers import NatsAddress
from tests.support.waiting import eventually

OWN = {"intake": ("intake",), "routing": ("routing", "timers"), "tracking": ("tracking",), "notify": ("notify",)}


@dataclass
class Session:
    """A connection and what the server complained about on it."""

    client: Client
    complaints: list[str] = field(default_factory=list[str])

    async def denied(self, *subjects: str, body: object = None) -> None:
        """Assert that publishing there is refused: by a time-out, and by an error that names the subject."""
        payload = b"" if body is None else json.dumps(body).encode()
        asked = [self.client.request(subject, payload, timeout=0.5) for subject in subjects]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [NatsTimeout] * len(subjects)
        for subject in subjects:
            await eventually(lambda: any("permissions violation" in each and subject.lower() in each for each in self.complaints))  # noqa: B023

    async def next_of(self, durable: str) -> Msg:
        """One message of a durable."""
        inbox = self.client.new_inbox()
        messages: Subscription = await self.client.subscribe(inbox)  # pyright: ignore[reportUnknownMemberType]
        await self.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.HUIYIN.{durable}", b'{"batch":1}', reply=inbox)
        return await messages.next_msg(timeout=2)


Connect = Callable[[str], Awaitable[Session]]


@pytest.fixture
async def connect(nats: NatsAddress) -> AsyncIterator[Connect]:
    sessions: list[Session] = []

    async def open_session(user: str) -> Session:
        complaints: list[str] = []

        async def on_error(error: Exception) -> None:
            complaints.append(str(error))

        inbox = "_INBOX" if user == "observer" else f"_INBOX_{user}"
        client: Any = await nats_client.connect(nats.url(user), inbox_prefix=inbox, error_cb=on_error)  # pyright: ignore[reportUnknownMemberType]
        sessions.append(Session(client, complaints))
        return sessions[-1]

    yield open_session
    for session in sessions:
        await session.client.close()


async def publish(session: Session, subject: str, body: bytes) -> dict[str, Any]:
    return json.loads((await session.client.request(subject, body, timeout=2)).data)


EVENT = "huiyin.issue.33.01.82.104.000.IssueRaised"


@pytest.mark.parametrize("user", [*SERVICES, "observer"])
async def test_nobody_but_the_relay_publishes_events(connect: Connect, user: str) -> None:
    await (await connect(user)).denied(EVENT, body={})
    relay = await connect("relay")
    assert (await publish(relay, EVENT, b"{}"))["seq"] == 1


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_pulls_from_its_own_durables_and_no_other(connect: Connect, user: str) -> None:
    relay, service = await connect("relay"), await connect(user)
    await publish(relay, EVENT, b"{}")
    for durable in DURABLES:
        if durable in OWN[user]:
            message = await service.next_of(durable)
            assert message.data == b"{}"
            await message.ack_sync(timeout=2)
            info = await call(relay.client, f"CONSUMER.INFO.HUIYIN.{durable}")
            assert (info["ack_floor"]["stream_seq"], info["num_ack_pending"]) == (1, 0)
        else:
            await service.denied(f"$JS.API.CONSUMER.MSG.NEXT.HUIYIN.{durable}", f"$JS.ACK.HUIYIN.{durable}.1.1.1.0.0")


@pytest.mark.parametrize("user", SERVICES)
async def test_a_service_changes_no_stream_and_hears_no_other_inbox(connect: Connect, user: str) -> None:
    service = await connect(user)
    endpoints = ("STREAM.PURGE.HUIYIN", "STREAM.DELETE.HUIYIN", "STREAM.MSG.GET.HUIYIN", f"CONSUMER.DELETE.HUIYIN.{OWN[user][0]}")
    await service.denied(*(f"$JS.API.{endpoint}" for endpoint in endpoints))
    for subject in (">", "huiyin.>", "_INBOX.>", "_INBOX_relay.>"):
        service.complaints.clear()
        await service.client.subscribe(subject)  # pyright: ignore[reportUnknownMemberType]
        await eventually(lambda: any("permissions violation for subscription" in each for each in service.complaints))


async def test_an_observer_can_not_touch_a_services_durable(connect: Connect) -> None:
    observer = await connect("observer")
    api = "$JS.API.CONSUMER"
    for durable in DURABLES:
        config = {"durable_name": durable, "name": durable, "ack_policy": "explicit", "filter_subject": "huiyin.nothing"}
        await observer.denied(
            f"{api}.CREATE.HUIYIN.{durable}",
            f"{api}.CREATE.HUIYIN.{durable}.huiyin.nothing",
            f"{api}.DURABLE.CREATE.HUIYIN.{durable}",
            f"{api}.DELETE.HUIYIN.{durable}",
            f"{api}.PAUSE.HUIYIN.{durable}",
            f"{api}.MSG.NEXT.HUIYIN.{durable}",
            f"$JS.ACK.HUIYIN.{durable}.1.1.1.0.0",
            body={"stream_name": "HUIYIN", "config": config},
        )


async def test_an_observer_can_not_change_a_stream(connect: Connect) -> None:
    observer = await connect("observer")
    verbs = ("UPDATE", "PURGE", "DELETE", "MSG.DELETE", "SNAPSHOT", "RESTORE")
    streams = ("HUIYIN", "HUIYIN_DEAD")
    await observer.denied("$JS.API.STREAM.CREATE.MINE", *(f"$JS.API.STREAM.{verb}.{stream}" for verb in verbs for stream in streams))


async def test_an_observer_reads_everything_with_an_ordinary_client(connect: Connect) -> None:
    relay, observer = await connect("relay"), await connect("observer")
    bodies = [b"%d" % number for number in range(3)]
    for body in bodies:
        await publish(relay, EVENT, body)
    jetstream: Any = observer.client.jetstream()  # pyright: ignore[reportUnknownMemberType]

    ordered = await jetstream.subscribe("huiyin.>", ordered_consumer=True)
    assert [(await ordered.next_msg(timeout=2)).data for _ in bodies] == bodies
    pulled = await jetstream.pull_subscribe("huiyin.>", stream="HUIYIN")
    assert [message.data for message in await pulled.fetch(3, timeout=2)] == bodies
    plain = await jetstream.subscribe("huiyin.issue.33.01.82.>")
    assert (await plain.next_msg(timeout=2)).data == bodies[0]
    assert (await jetstream.get_msg("HUIYIN", 2)).data == bodies[1]
    assert (await jetstream.stream_info("HUIYIN")).state.messages == 3
    assert observer.complaints == []


async def test_an_observers_push_consumer_reaches_nothing_but_its_own_inbox(connect: Connect) -> None:
    """A push consumer's subject is not checked against its maker's rights, so planting the server's own has to come to nothing."""
    relay, observer = await connect("relay"), await connect("observer")
    await publish(relay, EVENT, b"{}")
    endpoints = ("STREAM.DELETE.HUIYIN", "STREAM.PURGE.HUIYIN", "CONSUMER.DELETE.HUIYIN.intake")
    for target in ("huiyin_dead.planted", *(f"$JS.API.{endpoint}" for endpoint in endpoints)):
        config = {"deliver_subject": target, "ack_policy": "none", "deliver_policy": "all"}
        await call(observer.client, "CONSUMER.CREATE.HUIYIN", {"stream_name": "HUIYIN", "config": config})
    # A consumer of our own that has seen the next event stands for "the planted ones had their chance".
    jetstream: Any = observer.client.jetstream()  # pyright: ignore[reportUnknownMemberType]
    seen = await jetstream.subscribe("huiyin.>", ordered_consumer=True)
    await publish(relay, EVENT, b"{}")
    for _ in range(2):
        await seen.next_msg(timeout=2)
    assert (await call(relay.client, "STREAM.INFO.HUIYIN"))["state"]["messages"] == 2
    assert (await call(relay.client, "STREAM.INFO.HUIYIN_DEAD"))["state"]["messages"] == 0
    names = (await call(relay.client, "CONSUMER.NAMES.HUIYIN"))["consumers"]
    assert set(DURABLES) <= set(names)


async def test_a_durable_that_an_observer_changed_is_made_anew_and_has_skipped_nothing(connect: Connect) -> None:
    """The server lets the way that clients make nameless consumers change named ones too, so the relay looks after them."""
    relay, observer = await connect("relay"), await connect("observer")
    assert not await durables_missing(relay.client)
    filtered = {
        "name": "intake",
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "filter_subject": "huiyin.nothing",
        "max_ack_pending": 2000,
    }
    await call(observer.client, "CONSUMER.CREATE.HUIYIN", {"stream_name": "HUIYIN", "config": filtered})
    await publish(relay, EVENT, b"{}")

    assert await durables_missing(relay.client)
    await ensure_topology(relay.client)

    mended = await call(relay.client, "CONSUMER.INFO.HUIYIN.intake")
    assert mended["config"].items() >= durable_config("intake").items()
    assert mended["num_pending"] == 1
    assert not await durables_missing(relay.client)
