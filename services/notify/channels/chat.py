"""Whatever apprise reaches: WeCom robots (`wecombot://`), DingTalk, Feishu and others. For staff; addresses are settings."""

import logging
from collections.abc import Callable

import apprise

from services.notify.channels.base import Outgoing
from services.notify.domain.delivery import Accepted, Attempt, Refused, Retry

logging.getLogger("apprise").setLevel(logging.CRITICAL)
"""Apprise logs addresses, and those hold the keys of robots."""


class Chat:
    """Sends to apprise URLs; the URL is the address."""

    async def send(self, message: Outgoing) -> Attempt:
        """Accepted for good when every address took it, `Refused` when one is no apprise URL, else `Retry`."""
        target = apprise.Apprise()
        add: Callable[[str], bool] = target.add  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if not all(add(url) for url in message.to):
            return Refused("apprise_bad_address")
        sent = await target.async_notify(title=message.subject, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        return Accepted(final=True) if sent else Retry("apprise_failed")
