"""Signatures of the SMS gateway's wire, both ways: Standard Webhooks (HMAC-SHA256 over id, time and body)."""

import binascii
from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class BadSignature(ValueError):
    """Not signed with our secret, altered, or more than five minutes old. A retry with the same bytes does not help."""


class Signer:
    """Signs and verifies with one secret.

    Args:
        secret: `whsec_<base64>` as Standard Webhooks has it; any other text counts with its own bytes.
    """

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(secret if secret.startswith("whsec_") else secret.encode())

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """The three headers of a request with this body. Its time is the host's own: receivers compare it with theirs."""
        instant = datetime.now(UTC)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(instant.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, instant, body.decode()),
        }

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if `body` was signed with our secret within five minutes. Raises `BadSignature`."""
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, UnicodeDecodeError, binascii.Error, ValueError):
            raise BadSignature("webhook signature") from None
