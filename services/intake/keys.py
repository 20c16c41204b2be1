"""The vault's keys: which one seals now, which ones still open, and the key of the look-up index.

They stand in `<secrets>/vault.keys` as JSON, `{"current": id, "keys": {id: base64}, "index": base64}`, or in `HUIYIN_VAULT_KEYS`
where a key manager hands them out. The index key is never rotated with the others: look-ups by number and phone must go on finding rows.
"""

import base64
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator

from shared import keyfile

KEY_FILE = "vault.keys"
_KEY_BYTES = 32


class KeysMissing(KeyError):
    """Sealed with a key that is not there: a key file from another installation, or a key that was removed too early."""


def _key_of(value: object) -> bytes:
    key = value if isinstance(value, bytes) else base64.b64decode(str(value), validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key has {_KEY_BYTES} bytes")
    return key


_Key = Annotated[bytes, PlainValidator(_key_of), PlainSerializer(lambda key: base64.b64encode(key).decode("ascii"), return_type=str)]


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current: str
    keys: dict[str, _Key]
    index: _Key


@dataclass(frozen=True)
class KeyRing:
    """Keys at one moment. Not printed: `repr` would show them."""

    current: str
    keys: dict[str, bytes]
    index: bytes

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, keys={sorted(self.keys)})"

    @classmethod
    def new(cls) -> "KeyRing":
        """A first key and an index key, both random."""
        return cls("k1", {"k1": AESGCM.generate_key(256)}, secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, content: bytes | str) -> "KeyRing":
        """Read what `dump` wrote. Raises `ValueError`."""
        stored = _Stored.model_validate_json(content)
        if stored.current not in stored.keys:
            raise ValueError("the current key is not among the keys")
        return cls(stored.current, stored.keys, stored.index)

    def dump(self) -> bytes:
        """The stored form."""
        return _Stored(current=self.current, keys=self.keys, index=self.index).model_dump_json(indent=1).encode()

    def key(self, key_id: str) -> bytes:
        """The key of that id. Raises `KeysMissing`."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise KeysMissing(key_id) from None

    def rotated(self) -> "KeyRing":
        """With a new current key; the former ones still open what they sealed."""
        number = 1 + max(int(key_id[1:]) for key_id in self.keys)
        return replace(self, current=f"k{number}", keys=self.keys | {f"k{number}": AESGCM.generate_key(256)})

    def pruned(self) -> "KeyRing":
        """With the current key alone."""
        return replace(self, keys={self.current: self.keys[self.current]})


class Keys(Protocol):
    """Port: where the keys come from."""

    def ring(self) -> KeyRing:
        """The keys as they are now."""
        ...


class FixedKeys:
    """Keys that do not change while the process runs (environment, tests)."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def ring(self) -> KeyRing:
        """The keys."""
        return self._ring


class KeyFile:
    """Keys in a file, made at first use. A rotation by another process is seen at once: the file's inode changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ring = KeyRing.parse(keyfile.read_or_create(path, lambda: KeyRing.new().dump()))
        self._seen = self._mark()

    def ring(self) -> KeyRing:
        """The keys, read again when the file was replaced."""
        mark = self._mark()
        if mark != self._seen:
            self._ring, self._seen = KeyRing.parse(self.path.read_bytes()), mark
        return self._ring

    def save(self, ring: KeyRing) -> None:
        """Replace the file."""
        keyfile.replace(self.path, ring.dump())

    def _mark(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_ino, status.st_mtime_ns
