"""The SMS gateway: a signed HTTP request whose format README.md documents; receipts come back to our receipts endpoint."""

import httpx
import orjson

from services.notify.channels.base import Outgoing
from services.notify.channels.signing import Signer
from services.notify.domain.delivery import Accepted, Attempt, Refused, Retry

_OURS_TO_MEND = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
"""Answers that say nothing against this message: a wrong secret or address on our side, or too much at once. Tried again."""


class SmsGateway:
    """Sends to one gateway.

    Args:
        client: HTTP client with a time-out; a hanging gateway counts as one that is down.
        url: where messages are posted.
        signer: signs them.
        callback: where the gateway sends receipts.
    """

    def __init__(self, client: httpx.AsyncClient, *, url: str, signer: Signer, callback: str) -> None:
        self._client = client
        self._url = url
        self._signer = signer
        self._callback = callback

    async def send(self, message: Outgoing) -> Attempt:
        """Accepted (a receipt follows), `Retry` on 5xx, 429 or no answer, `Refused` on any other 4xx."""
        body = orjson.dumps({"message_id": message.message_id, "to": message.to[0], "text": message.body, "callback": self._callback})
        headers = {"content-type": "application/json", **self._signer.headers(message.message_id, body)}
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return Retry(f"gateway_{type(error).__name__}")
        if answer.is_success:
            return Accepted(final=False)
        reason = f"gateway_{answer.status_code}"
        if answer.is_client_error and answer.status_code not in _OURS_TO_MEND:
            return Refused(reason)
        return Retry(reason)
