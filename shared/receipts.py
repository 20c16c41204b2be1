"""Receipts for attachments: intake signs one for each upload, and whoever takes evidence checks it without asking intake.

A receipt reads `<payload>.<signature>`, both base64url without padding: JSON with the evidence (id, SHA-256, media type), its
purpose and expiry, and HMAC-SHA256 over the encoded payload. The key is shared through the secrets folder; a new key (delete the
file, restart the services) voids the receipts of the last day.
"""

import base64
import binascii
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from shared.contracts.values import Evidence
from shared.keyfile import read_or_create

LIFETIME = timedelta(hours=24)
"""Long enough for a form that is filled in over a day; after it the photo is uploaded again."""

KEY_FILE = "receipts.key"
_KEY_BYTES = 32


class BadReceipt(ValueError):
    """A receipt that intake did not sign, that was altered, or that has expired. A retry does not help."""


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Literal["evidence"] = "evidence"
    evidence: Evidence
    expires_at: AwareDatetime


class Receipts:
    """Signs and checks receipts with one key.

    Args:
        key: 32 random bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"a receipt key has {_KEY_BYTES} bytes")
        self._key = key

    @classmethod
    def of(cls, secrets_dir: Path) -> "Receipts":
        """With the key of the secrets folder, which is made there if it is missing."""
        return cls(read_or_create(secrets_dir / KEY_FILE, lambda: secrets.token_bytes(_KEY_BYTES)))

    def issue(self, evidence: Evidence, *, now: datetime) -> str:
        """A receipt for `evidence` that is good for `LIFETIME` from `now`."""
        payload = _Payload(evidence=evidence, expires_at=(now + LIFETIME).astimezone(UTC))
        encoded = _encode(payload.model_dump_json().encode())
        return f"{encoded}.{self._signature(encoded)}"

    def verify(self, receipt: str, *, now: datetime) -> Evidence:
        """The evidence that a receipt stands for. Raises `BadReceipt`."""
        encoded, _, signature = receipt.partition(".")
        try:
            if not hmac.compare_digest(signature.encode("ascii"), self._signature(encoded).encode("ascii")):
                raise BadReceipt("not signed by intake")
            payload = _Payload.model_validate_json(_decode(encoded))
        except (binascii.Error, UnicodeEncodeError, ValidationError) as error:
            raise BadReceipt("not a receipt") from error
        if payload.expires_at <= now:
            raise BadReceipt("expired")
        return payload.evidence

    def _signature(self, encoded: str) -> str:
        return _encode(hmac.digest(self._key, encoded.encode("ascii"), "sha256"))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
