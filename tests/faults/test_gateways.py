"""A mail server and an SMS gateway misbehave: what the senders of `notify` make of it, and that they get through when it is over."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import orjson
import pytest
import pytest_asyncio

from deploy.local.layout import HOST
from services.notify.channels import Outgoing
from services.notify.channels.mail import Mail
from services.notify.channels.signing import Signer
from services.notify.channels.sms import SmsGateway
from services.notify.domain.delivery import Accepted, Attempt, Refused, Retry
from shared.ids import new_id
from tests.faults.injectors import gateways
from tests.faults.injectors.small import SmallStack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SmallStack]:
    async with SmallStack(tmp_path_factory.mktemp("gateways") / "data", {"sinks"}) as stack:
        yield stack


def outgoing(to: str) -> Outgoing:
    return Outgoing(new_id(), (to,), "回音", "您好", datetime.now(UTC))


async def listed(stack: SmallStack, path: str) -> list[str]:
    """Message ids that the sinks have."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{stack.layout.url('sms_sink')}{path}")
    return [record["message_id"] for record in orjson.loads(answer.content)]


MISBEHAVIOUR: dict[str, tuple[type[Attempt], bool]] = {
    "refuses connections": (Retry, False),
    "503": (Retry, False),
    "400": (Refused, False),
    "451": (Retry, False),
    "550": (Refused, False),
    "hangs": (Retry, False),
    "drops after it took the message": (Retry, True),
    "drops after DATA": (Retry, True),
}
"""What the sender makes of it, and whether the gateway has the message all the same."""


@pytest.mark.parametrize("what", gateways.MAIL)
async def test_a_mail_server_misbehaves_and_recovers(stack: SmallStack, what: str) -> None:
    port = stack.proxies.url("smtp_sink").rpartition(":")[2]
    channel = Mail(url=f"smtp://{HOST}:{port}", sender="huiyin@huiyin.invalid", timeout=timedelta(seconds=0.5))
    message, fault = outgoing("zhang@example.cn"), gateways.mail(what)
    verdict, has_it = MISBEHAVIOUR[what]
    await fault.strike(stack, random.Random(1))
    assert isinstance(await channel.send(message), verdict)
    assert (f"<{message.message_id}@huiyin.invalid>" in await listed(stack, "/mails")) is has_it
    await fault.heal(stack)
    assert await channel.send(message) == Accepted(final=True)


@pytest.mark.parametrize("what", gateways.SMS)
async def test_an_sms_gateway_misbehaves_and_recovers(stack: SmallStack, what: str) -> None:
    async with httpx.AsyncClient(timeout=0.5, trust_env=False) as client:
        url, signer = f"{stack.proxies.url('sms_sink')}/messages", Signer(stack.layout.secrets.get("sms-secret"))
        channel = SmsGateway(client, url=url, signer=signer, callback=f"{stack.layout.url('tracking')}/nowhere")
        message, fault = outgoing("13800000003"), gateways.sms(what)  # a number without receipts: nobody here takes one
        verdict, has_it = MISBEHAVIOUR[what]
        await fault.strike(stack, random.Random(1))
        assert isinstance(await channel.send(message), verdict)
        assert (message.message_id in await listed(stack, "/messages")) is has_it
        await fault.heal(stack)
        assert await channel.send(message) == Accepted(final=False)
