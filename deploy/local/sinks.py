"""Stand-ins for an SMS gateway and a mail server on loopback, so that one sees what would have been sent: `python -m deploy.local.sinks`.

The SMS side speaks the wire of services/notify/README.md. GET /messages and /mails list what came, oldest first; the same is
appended to `sms.jsonl` and `mail.jsonl`. A receipt that is owed is a file until notify took it, so `kill -9` loses none.

Numbers and mailboxes that misbehave, for tests:

    …0001  400, for good                          refused@…    550, for good
    …0002  503 twice, then like any other         greylisted@… 451 twice, then like any other
    …0003  accepted, no receipt ever
    …0004  accepted, the receipt says `failed`
    …0005  accepted, the receipt comes twice
"""

import asyncio
import logging
import os
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from deploy.local.layout import HOST
from services.notify.channels.signing import BadSignature, Signer
from shared import logs
from shared.ids import new_id
from shared.loop import run
from shared.outgoing import http_client
from shared.web import server

log = logging.getLogger(__name__)

KEPT = 10_000
"""Messages that are kept in memory for the lists; the files keep all."""

RECEIPT_AFTER = 0.2
"""Seconds until the phone is said to have the message."""

LONGEST_WAIT = 2.0
"""Seconds between two tries to deliver a receipt, at most: notify may be down for a while."""

_NEVER_WELCOME = (400, 410, 413, 422)
"""Answers to a receipt that a repeat would not change."""


class Sms(BaseModel):
    """A message as notify posts it."""

    message_id: str
    to: str
    text: str
    callback: str


@dataclass
class Shelf:
    """What came, in memory and in a file of JSON lines."""

    path: Path
    kept: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __post_init__(self) -> None:
        if self.path.exists():
            self.kept.extend(orjson.loads(line) for line in self.path.read_bytes().splitlines() if line.endswith(b"}"))

    def put(self, record: dict[str, Any]) -> None:
        """Keep a record."""
        record = {"at": datetime.now(UTC).isoformat(), **record}
        self.kept.append(record)
        with self.path.open("ab") as file:
            file.write(orjson.dumps(record) + b"\n")

    def listed(self) -> Response:
        """The records as a JSON array."""
        return Response(orjson.dumps(list(self.kept)), media_type="application/json")


class SmsSink:
    """The gateway's side: takes messages, owes receipts.

    Args:
        folder: where messages and owed receipts are kept.
        signer: the secret that notify and the gateway share.
    """

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.shelf = Shelf(folder / "sms.jsonl")
        self._signer = signer
        self._owed = folder / "receipts"
        self._owed.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._seen = {record["message_id"] for record in self.shelf.kept if record["status"] == 202}
        self._tries: Counter[str] = Counter()
        self._new = asyncio.Event()

    async def take(self, request: Request) -> Response:
        """202 for a message that is taken, now or before; 401 for a bad signature; what the special numbers do."""
        body = await request.body()
        try:
            self._signer.verify(request.headers, body)
        except BadSignature:
            return Response(status_code=401)
        message = Sms.model_validate_json(body)
        status = self._status(message)
        duplicate = message.message_id in self._seen
        if status == 202 and not duplicate:
            self._owe(message)
            self._seen.add(message.message_id)
        self.shelf.put({**message.model_dump(), "status": status, "duplicate": duplicate})
        return Response(status_code=status)

    def _status(self, message: Sms) -> int:
        self._tries[message.message_id] += 1
        if message.to.endswith("0001"):
            return 400
        if message.to.endswith("0002") and self._tries[message.message_id] <= 2:
            return 503
        return 202

    def _owe(self, message: Sms) -> None:
        if message.to.endswith("0003"):
            return
        failed = message.to.endswith("0004")
        receipt = {"message_id": message.message_id, "status": "failed" if failed else "delivered"}
        if failed:
            receipt["reason"] = "absent_subscriber"
        for _ in range(2 if message.to.endswith("0005") else 1):
            name = f"{new_id()}.json"
            draft = self._owed / f".{name}"
            draft.write_bytes(orjson.dumps({"callback": message.callback, "receipt": receipt}))
            draft.rename(self._owed / name)
        self._new.set()

    async def pay(self, stop: asyncio.Event) -> None:
        """Deliver owed receipts until `stop`, those of an earlier life too."""
        paying: dict[str, asyncio.Task[None]] = {}
        async with http_client(timeout=5) as client:
            stopping = asyncio.create_task(stop.wait())
            while not stop.is_set():
                self._new.clear()
                for path in sorted(self._owed.glob("[!.]*.json")):
                    if path.name not in paying:
                        paying[path.name] = asyncio.create_task(self._pay_one(client, path.stem, **orjson.loads(path.read_bytes())))
                paying = {name: task for name, task in paying.items() if not task.done()}
                waking = asyncio.create_task(self._new.wait())
                await asyncio.wait([waking, stopping], timeout=1, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
            for task in paying.values():
                task.cancel()
            await asyncio.gather(*paying.values(), return_exceptions=True)

    async def _pay_one(self, client: httpx.AsyncClient, debt: str, callback: str, receipt: dict[str, str]) -> None:
        body = orjson.dumps(receipt)
        wait = RECEIPT_AFTER
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
            headers = {"content-type": "application/json", **self._signer.headers(debt, body)}
            try:
                answer = await client.post(callback, content=body, headers=headers)
            except httpx.HTTPError as error:
                log.info("receipt not delivered yet: %s", type(error).__name__)
                continue
            if answer.is_success or answer.status_code in _NEVER_WELCOME:
                self._settle(debt)
                return
            log.info("receipt not delivered yet: %d", answer.status_code)

    def _settle(self, debt: str) -> None:
        (self._owed / f"{debt}.json").unlink()


class MailSink:
    """An SMTP server that keeps what it is sent."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder / "mail.jsonl")
        self._tries: Counter[str] = Counter()

    async def handle_RCPT(  # noqa: N802  aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or do what the special mailboxes do."""
        self._tries[address] += 1
        if address.startswith("refused@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("greylisted@") and self._tries[address] <= 2:
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail."""
        # The modern policy parses every header by its grammar: 3 ms a mail.
        mail = message_from_bytes(envelope.content or b"", policy=policy.compat32)  # pyright: ignore[reportArgumentType]
        headers = {name.lower(): _decoded(value) for name, value in mail.items()}
        record = {
            "message_id": headers.get("message-id", ""),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": headers.get("subject", ""),
            "headers": headers,
            "text": next((_text(part) for part in mail.walk() if part.get_content_type() == "text/plain"), ""),
        }
        self.shelf.put(record)
        return "250 OK"


def _decoded(header: str) -> str:
    """A header's text: unfolded, its encoded words decoded."""
    return str(make_header(decode_header("".join(header.splitlines()))))


def _text(part: Message) -> str:
    content: Any = part.get_payload(decode=True)
    return content.decode(part.get_content_charset("utf-8")).strip()


def create_app(sms: SmsSink, mail: MailSink) -> FastAPI:
    """The sinks' HTTP side."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/messages", sms.take, methods=["POST"])
    app.add_api_route("/messages", lambda: sms.shelf.listed(), methods=["GET"], response_class=Response)
    app.add_api_route("/mails", lambda: mail.shelf.listed(), methods=["GET"], response_class=Response)
    app.add_api_route("/health", lambda: Response(status_code=204), methods=["GET"], response_class=Response)
    return app


@asynccontextmanager
async def smtp_server(mail: MailSink, port: int) -> AsyncIterator[None]:
    """The mail server listens as long as the block lasts."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(mail, hostname="huiyin-sink", loop=loop), HOST, port)
    try:
        yield
    finally:
        listening.close()


async def main() -> None:
    """Serve both until a signal."""
    logs.setup("sinks")
    folder = Path(os.environ["HUIYIN_SINKS_DIR"])
    sms = SmsSink(folder, Signer(os.environ["HUIYIN_SMS_SECRET"]))
    mail = MailSink(folder)
    async with smtp_server(mail, int(os.environ["HUIYIN_SMTP_SINK_PORT"])):
        app = create_app(sms, mail)
        await server.run(app, host=HOST, port=int(os.environ["HUIYIN_SMS_SINK_PORT"]), background={"receipts": sms.pay})


if __name__ == "__main__":
    run(main())
