"""The Ed25519 keys that sign access tokens: PEM files in the secrets folder, the newest signs, older ones still verify for a while."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from shared import keyfile
from shared.ids import is_id, new_id
from shared.security.tokens import SigningKey

RETIRED_AFTER = timedelta(minutes=30)
"""How long a replaced key stays public: twice the longest life of a token, so that nothing it signed is refused early."""


class NoSigningKey(LookupError):
    """The folder holds no key: `ensure` was never called, or somebody emptied it."""


class KeyRing:
    """The keys in `folder` (`<kid>.pem`, mode 600). The folder is read at every use, so that a rotation needs no restart of any process.

    A key id is a UUIDv7: the greatest is the newest, and the id itself says when its key was made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parsed: dict[str, SigningKey] = {}

    def ensure(self) -> None:
        """Make the first key if there is none."""
        if not self._kids():
            self.rotate()

    def rotate(self) -> str:
        """Make a new key that signs from now on, and delete those whose time as a verifying key is over. Returns the new key id."""
        kid = new_id()
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        keyfile.replace(self._path(kid), pem)
        for old in set(self._kids()) - set(self._public(datetime.now(UTC))):
            self._path(old).unlink(missing_ok=True)
        return kid

    def newest(self) -> SigningKey:
        """The key that signs. Raises `NoSigningKey`."""
        kids = self._kids()
        if not kids:
            raise NoSigningKey(str(self._folder))
        return self._key(kids[-1])

    def jwks(self, now: datetime) -> dict[str, Any]:
        """The public keys that verify tokens at `now` (RFC 7517), newest first. `now`: this host's clock, which dates key ids too."""
        return {"keys": [self._key(kid).public_jwk() for kid in reversed(self._public(now))]}

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The public key of that id, if it counts now: routing verifies its own tokens without asking itself over HTTP (a `KeySource`)."""
        return jwt.PyJWK(self._key(kid).public_jwk()) if kid in self._public(datetime.now(UTC)) else None

    def _kids(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.pem") if is_id(path.stem))

    def _public(self, now: datetime) -> list[str]:
        """The newest key, and each older one whose successor is younger than `RETIRED_AFTER`."""
        kids = self._kids()
        older = [kid for kid, successor in pairwise(kids) if now - _made_at(successor) < RETIRED_AFTER]
        return older + kids[-1:]

    def _key(self, kid: str) -> SigningKey:
        if kid not in self._parsed:
            private = load_pem_private_key(self._path(kid).read_bytes(), password=None)
            if not isinstance(private, Ed25519PrivateKey):
                raise TypeError(f"{kid} is no Ed25519 key")
            self._parsed[kid] = SigningKey(kid, private)
        return self._parsed[kid]

    def _path(self, kid: str) -> Path:
        return self._folder / f"{kid}.pem"


def _made_at(kid: str) -> datetime:
    """The instant in a UUIDv7: its first 48 bits are milliseconds (RFC 9562, 5.7)."""
    return datetime.fromtimestamp((UUID(kid).int >> 80) / 1000, tz=UTC)
