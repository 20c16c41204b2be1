"""Connections to NATS: one a process, with an inbox of its own, reconnecting for ever."""

import logging
from urllib.parse import urlsplit

from nats.aio.client import Client as NatsConnection

__all__ = ["NatsConnection", "connect"]

_log = logging.getLogger(__name__)


async def connect(url: str, name: str, *, patient: bool = True) -> NatsConnection:
    """A connection to `nats://user:password@host:port`, as `name` in the server's listings. Waits for a server that is not there yet.

    A cluster's servers are given with commas between; the connection is to one of them and moves to another when that is lost.
    Replies come in under `_INBOX_<user>`, which is all that the user may subscribe to: nobody can listen to another's replies.

    Raises:
        NoServersError: no server answers, where `patient` is false.
    """
    servers = url.split(",")
    user = urlsplit(servers[0]).username

    told = ""

    async def on_error(error: Exception) -> None:
        nonlocal told
        text = str(error) or type(error).__name__
        if text != told:  # every try to reconnect fails the same way
            _log.warning("NATS: %s", text)
        told = text

    async def on_disconnected() -> None:
        if not connection.is_closed:
            _log.warning("NATS: connection lost")

    async def on_reconnected() -> None:
        nonlocal told
        told = ""
        _log.info("NATS: connected again")

    connection = NatsConnection()
    await connection.connect(
        servers,
        name=name,
        inbox_prefix=f"_INBOX_{user}" if user else "_INBOX",
        max_reconnect_attempts=-1 if patient else 1,
        reconnect_time_wait=0.25,  # pyright: ignore[reportArgumentType]  # seconds; nats-py only sleeps for it
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        error_cb=on_error,
        disconnected_cb=on_disconnected,
        reconnected_cb=on_reconnected,
    )
    return connection
