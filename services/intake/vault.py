"""Sealing of personal data: AES-256-GCM, a random nonce for each row, and the row's identity as associated data.

A sealed box that is copied to another issue, another kind or another row does not open there. The look-up index is an HMAC, so that
neither the phone nor its last digits stand anywhere in the clear.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.keys import Keys

Kind = Literal["reporter", "statement", "token", "words", "attachment"]
_NONCE_BYTES = 12
"""96 bits, as NIST SP 800-38D wants for random nonces; a key seals far fewer than 2^32 rows before it is rotated."""


class Tampered(ValueError):
    """A box that does not open: altered, or moved from another row."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which row a box belongs to: its kind, its own id, and the issue it is about (attachments: none, as they are uploaded before)."""

    kind: Kind
    row_id: str
    issue_id: str = ""

    def identity(self) -> bytes:
        """The associated data."""
        return f"huiyin/{self.kind}/{self.issue_id}/{self.row_id}".encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box (nonce, then ciphertext with tag) and the id of the key that opens it."""

    key_id: str
    box: bytes


class Vault:
    """Seals and opens with the keys of the moment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @property
    def current_key(self) -> str:
        """Id of the key that seals now."""
        return self._keys.ring().current

    def seal(self, place: Place, content: bytes) -> Sealed:
        """`content` as a box that opens in `place` only."""
        ring = self._keys.ring()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return Sealed(ring.current, nonce + AESGCM(ring.key(ring.current)).encrypt(nonce, content, place.identity()))

    def open(self, place: Place, sealed: Sealed) -> bytes:
        """What was sealed. Raises `Tampered`, or `KeysMissing` where the key is not there."""
        key = self._keys.ring().key(sealed.key_id)
        try:
            return AESGCM(key).decrypt(sealed.box[:_NONCE_BYTES], sealed.box[_NONCE_BYTES:], place.identity())
        except InvalidTag as error:
            raise Tampered(place.kind) from error

    def lookup_index(self, number: str, phone_last4: str) -> str:
        """What an issue is found by when its reporter lost the link: HMAC-SHA256, hex, of number and last four digits."""
        return hmac.new(self._keys.ring().index, f"{number}/{phone_last4}".encode(), hashlib.sha256).hexdigest()
