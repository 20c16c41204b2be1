"""The composition root: the only place of notify that opens connections."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

from services.notify.channels import Channel, Chat, Mail, SmsGateway
from services.notify.channels.signing import Signer
from services.notify.commands import Commands
from services.notify.contacts import Contacts
from services.notify.entrypoints.subscriber import DURABLE, PACE, handlers
from services.notify.gauges import Gauges
from services.notify.handlers import Handlers
from services.notify.outcomes import Outcomes
from services.notify.receipts import Receipts
from services.notify.recipients import Recipients
from services.notify.sender import Sender
from services.notify.sending import Sending
from services.notify.settings import Settings
from services.notify.texts import Texts
from shared.clock import Clock, PostgresClock
from shared.contracts.notify import NoticeChannel
from shared.database import Database
from shared.eventlog import EventLog, outbox_bell
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.subscriber import Subscriber
from shared.outgoing import http_client
from shared.regions import Regions


@dataclass(frozen=True, slots=True)
class App:
    """notify, put together. `signer` is None where there is no SMS gateway."""

    settings: Settings
    database: Database
    nats: NatsConnection
    commands: Commands
    receipts: Receipts
    sender: Sender
    subscriber: Subscriber
    gauges: Gauges
    signer: Signer | None

    async def nats_answers(self) -> None:
        """Return when NATS answers; raise when not."""
        await self.nats.flush(timeout=2)


@asynccontextmanager
async def bootstrap(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[App]:
    """The service as long as the block lasts; every connection is closed at its end. Tests give a clock of their own."""
    clock = clock or PostgresClock()
    async with AsyncExitStack() as stack:
        url = settings.database_url.get_secret_value()
        database = Database(url)
        stack.push_async_callback(database.close)
        bell = await stack.enter_async_context(outbox_bell(url))
        client = await stack.enter_async_context(http_client(timeout=settings.notice_timeout.total_seconds()))
        nats = await connect(settings.nats_url.get_secret_value(), "notify")
        stack.push_async_callback(nats.close)

        log = EventLog("/huiyin/notify", wake=bell.ring)
        regions = Regions.load(settings.regions_file)
        signer = Signer(settings.sms_secret.get_secret_value()) if settings.sms_secret else None
        channels = _channels(settings, client, signer)
        outcomes = Outcomes(log)
        sending = Sending(
            database=database,
            clock=clock,
            outcomes=outcomes,
            recipients=Recipients(
                contacts=_contacts(settings, client),
                channels=frozenset(channels),
                apprise_urls=settings.apprise_urls,
                staff_language=settings.staff_language,
            ),
            texts=Texts(regions=regions, public_url=settings.public_url),
            channels=channels,
            delays=settings.retry_delays(),
            merge_after=settings.notice_merge_after,
            staff_max_age=settings.notice_staff_max_age,
        )
        sender = Sender(database=database, clock=clock, sending=sending, lease=settings.notice_lease, workers=settings.notice_workers)
        table = handlers(Handlers(clock=clock, regions=regions, wake=sender.wake))
        yield App(
            settings=settings,
            database=database,
            nats=nats,
            commands=Commands(clock=clock),
            receipts=Receipts(database=database, clock=clock, outcomes=outcomes, timeout=settings.notice_receipt_timeout),
            sender=sender,
            subscriber=Subscriber(durable=DURABLE, nats=nats, database=database, handlers=table, pace=PACE),
            gauges=Gauges(database=database, clock=clock),
            signer=signer,
        )


def _contacts(settings: Settings, client: httpx.AsyncClient) -> Contacts:
    if settings.intake_url is None or settings.internal_token is None:
        raise ValueError("notify needs HUIYIN_INTAKE_URL and HUIYIN_INTERNAL_TOKEN to ask who a reporter is")
    return Contacts(client, url=settings.intake_url, token=settings.internal_token)


def _channels(settings: Settings, client: httpx.AsyncClient, signer: Signer | None) -> dict[NoticeChannel, Channel]:
    channels: dict[NoticeChannel, Channel] = {}
    if settings.sms_url and signer:
        callback = f"{settings.public_url}/api/notify/v1/receipts/{settings.sms_provider}"
        channels["sms"] = SmsGateway(client, url=settings.sms_url, signer=signer, callback=callback)
    if settings.smtp_url:
        channels["email"] = Mail(url=settings.smtp_url.get_secret_value(), sender=settings.mail_from, timeout=settings.notice_timeout)
    if settings.apprise_urls:
        channels["apprise"] = Chat()
    return channels
