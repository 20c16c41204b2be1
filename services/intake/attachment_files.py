"""The bytes of attachments: sealed files, named by id, beneath one folder. A file is the id of its key, a line end, and the box."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.intake.vault import Place, Sealed, Vault
from shared.ids import is_id
from shared.keyfile import replace

_END_OF_KEY_ID = b"\n"
_LONGEST_KEY_ID = 32


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file, the id of the key that sealed it, and when it was written."""

    attachment_id: str
    key_id: str
    written_at: datetime


class AttachmentFiles:
    """Writes, reads and removes sealed files.

    Args:
        folder: where they stand; made with mode 700.
        vault: seals and opens them.
    """

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._vault = vault
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def write(self, attachment_id: str, content: bytes) -> None:
        """Keep `content`; it is on the disk when this returns."""
        await asyncio.to_thread(self._write, attachment_id, content)

    async def read(self, attachment_id: str) -> bytes:
        """What was kept. Raises `FileNotFoundError`, `Tampered`, `KeysMissing`."""
        return await asyncio.to_thread(self._read, attachment_id)

    async def remove(self, attachment_id: str) -> None:
        """Remove it, if it is there."""
        await asyncio.to_thread(self._path(attachment_id).unlink, missing_ok=True)

    def all(self) -> tuple[StoredFile, ...]:
        """Every file, oldest first."""
        paths = sorted((path for path in self._folder.glob("*/*") if is_id(path.name)), key=lambda path: path.name)
        return tuple(StoredFile(path.name, _key_id(path), datetime.fromtimestamp(path.stat().st_mtime, UTC)) for path in paths)

    def reseal(self, attachment_id: str) -> bool:
        """Seal it with the current key, if another one seals it. Returns whether it had to be."""
        if self._load(attachment_id).key_id == self._vault.current_key:
            return False
        self._write(attachment_id, self._read(attachment_id))
        return True

    def _write(self, attachment_id: str, content: bytes) -> None:
        sealed = self._vault.seal(Place("attachment", attachment_id), content)
        path = self._path(attachment_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        replace(path, sealed.key_id.encode() + _END_OF_KEY_ID + sealed.box)

    def _read(self, attachment_id: str) -> bytes:
        return self._vault.open(Place("attachment", attachment_id), self._load(attachment_id))

    def _load(self, attachment_id: str) -> Sealed:
        key_id, _, box = self._path(attachment_id).read_bytes().partition(_END_OF_KEY_ID)
        return Sealed(key_id.decode(), box)

    def _path(self, attachment_id: str) -> Path:
        """Ids are made here and checked again, so that none is a way out of the folder. The last digits of a UUIDv7 spread evenly."""
        if not is_id(attachment_id):
            raise ValueError("not an attachment's id")
        return self._folder / attachment_id[-2:] / attachment_id


def _key_id(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline(_LONGEST_KEY_ID).removesuffix(_END_OF_KEY_ID).decode()
