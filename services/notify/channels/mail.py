"""Mail by SMTP. Nothing confirms that it was read: the server's acceptance is the last that is known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from services.notify.channels.base import Outgoing
from services.notify.domain.delivery import Accepted, Attempt, Refused, Retry
from services.notify.domain.wording import plain

SMTP_POLICY = compat32.clone(linesep="\r\n")
"""The older of Python's two ways to write a mail: the newer one parses each header that it is given and costs twenty times as much."""

CONNECTIONS = 4
"""Mail servers refuse who opens many at once."""

_WHOLE = 2
"""A server that answers each command just in time must not outlast the claim's lease."""


class Mail:
    """Sends through one SMTP server.

    Args:
        url: `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`.
        sender: address of the From header.
        timeout: for the connection and each command; the whole sending, with the wait for a connection, takes at most twice that.
    """

    def __init__(self, *, url: str, sender: str, timeout: timedelta) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._timeout = timeout
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._asking = 0
        self._kept: list[aiosmtplib.SMTP] = []

    async def send(self, message: Outgoing) -> Attempt:
        """Accepted for good, `Refused` on a permanent reply (5xx), `Retry` on anything else."""
        mail = self.compose(message).as_bytes(policy=SMTP_POLICY)
        try:
            async with asyncio.timeout(_WHOLE * self._timeout.total_seconds()), self._connection() as client:
                await client.sendmail(self._sender, list(message.to), mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _answer(max(refused.code for refused in error.recipients))
        except aiosmtplib.SMTPAuthenticationError as error:
            return Retry(f"smtp_{error.code}")
        except aiosmtplib.SMTPResponseException as error:
            return _answer(error.code)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Retry(f"smtp_{type(error).__name__}")
        return Accepted(final=True)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection for one mail. Whoever waits for one gets it as it is; what was not sent in good order ends it."""
        self._asking += 1
        try:
            async with self._free:
                client = self._kept.pop() if self._kept else await self._connected()
                try:
                    yield client
                except BaseException:
                    client.close()
                    raise
                if self._asking > CONNECTIONS:
                    self._kept.append(client)
                else:
                    await _end(client)
        finally:
            self._asking -= 1
            while self._kept and not self._asking:  # who was to have it gave up meanwhile
                self._kept.pop().close()

    async def _connected(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            use_tls=self._tls,
            timeout=self._timeout.total_seconds(),
        )
        await client.connect()
        return client

    def compose(self, message: Outgoing) -> MIMEText:
        """The mail: the same Message-ID at every repeat, one line in each header, text as UTF-8 in base64 so that no server mangles it."""
        mail = MIMEText("".join(f"{plain(line)}\r\n" for line in message.body.splitlines()), "plain", "utf-8")
        mail["From"] = formataddr(("回音", self._sender))
        mail["To"] = ", ".join(message.to)
        mail["Subject"] = Header(plain(message.subject), "utf-8")  # pyright: ignore[reportArgumentType]  # folded when it is written
        mail["Date"] = format_datetime(message.sent_at)
        mail["Message-ID"] = f"<{message.message_id}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        return mail


async def _end(client: aiosmtplib.SMTP) -> None:
    with suppress(aiosmtplib.SMTPException):  # the mail is accepted, whatever is said to the farewell
        await client.quit()
    client.close()


def _answer(code: int) -> Attempt:
    return Refused(f"smtp_{code}") if code >= 500 else Retry(f"smtp_{code}")
