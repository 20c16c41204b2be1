"""The Ed25519 keys of the checkpoints: PEM files in the secrets folder. `checkpoints.pem` signs; other `checkpoints*.pem` still verify.

To change the key, rename the file (`checkpoints-2026.pem`) and start the relay again: it makes a new one.
"""

import base64
import binascii
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from shared.keyfile import read_or_create

KEY_FILE = "checkpoints.pem"


class CheckpointKeys:
    """The keys in a folder.

    Args:
        secrets: folder of secrets; the signing key is made there, with mode 600, if it is missing.
    """

    def __init__(self, secrets: Path) -> None:
        self._key = _key(read_or_create(secrets / KEY_FILE, _new))
        self.id = _id(self._key.public_key())
        found = [_key(path.read_bytes()).public_key() for path in secrets.glob("checkpoints*.pem")]
        self._known = {_id(public): public for public in found}

    def sign(self, content: bytes) -> str:
        """The signature of `content`, base64."""
        return base64.b64encode(self._key.sign(content)).decode()

    def knows(self, key_id: str) -> bool:
        """Whether a key of that id is in the folder."""
        return key_id in self._known

    def verifies(self, key_id: str, content: bytes, signature: str) -> bool:
        """Whether the key of that id signed `content`."""
        try:
            self._known[key_id].verify(base64.b64decode(signature, validate=True), content)
        except (InvalidSignature, binascii.Error):
            return False
        return True


def _new() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key(pem: bytes) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("a key of the checkpoints is no Ed25519 key")
    return key


def _id(public: Ed25519PublicKey) -> str:
    return sha256(public.public_bytes_raw()).hexdigest()[:16]
