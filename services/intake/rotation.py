"""Rotating the vault's keys: a new key seals from now on, and everything that older keys sealed is sealed again.

It can be stopped anywhere and started again: what is left is what another key than the current one still seals.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, text

from services.intake.attachment_files import AttachmentFiles
from services.intake.keys import KeyFile, Keys
from services.intake.tables import VaultRow
from services.intake.vault import Place, Sealed, Vault
from shared.database import Database

BATCH = 200
"""Rows of a transaction: a few milliseconds of locks."""

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


class NotOurs(RuntimeError):
    """The keys come from a key manager, which alone can change them."""


class StillInUse(RuntimeError):
    """Something is left that an older key seals."""


@dataclass(frozen=True)
class Rotation:
    """Rotates keys, given what it needs for it."""

    database: Database
    vault: Vault
    files: AttachmentFiles
    keys: Keys

    async def left(self) -> int:
        """How many rows another key than the current one still seals."""
        async with self.database.transaction() as session:
            return (await session.execute(self._count())).scalar_one()

    def begin(self) -> str:
        """Put a new key into the file; a running service seals with it from its next row on. Returns its id. Raises `NotOurs`."""
        ring = self.keys.ring().rotated()
        self._file.save(ring)
        return ring.current

    async def run(self, progress: Progress) -> tuple[int, int]:
        """Seal rows, then files, with the current key. Returns how many of each there were to seal.

        Rows that a transaction begun before the rotation is still writing are found by the last look, which repeats until there is none.
        """
        total, done = await self.left(), 0
        progress(0, total)
        while batch := await self._reseal_rows():
            done += batch
            progress(done, max(total, done))
        files = 0
        for stored in self.files.all():
            files += await asyncio.to_thread(self.files.reseal, stored.attachment_id)
        return done, files

    async def forget_old_keys(self) -> tuple[str, ...]:
        """Remove every key but the current one, once nothing is left that they seal. Backups sealed with them cannot be opened any more.

        Raises:
            StillInUse: something is still sealed with an old key.
            NotOurs: the keys are kept elsewhere.
        """
        ring = self.keys.ring()
        async with self.database.transaction() as session:
            # Waits for whoever is writing a row, and lets nobody begin until the keys are gone.
            await session.execute(text("LOCK TABLE vault IN SHARE MODE"))
            rows = (await session.execute(self._count())).scalar_one()
            if rows or any(file.key_id != ring.current for file in await asyncio.to_thread(self.files.all)):
                raise StillInUse
            self._file.save(ring.pruned())
        return tuple(sorted(set(ring.keys) - {ring.current}))

    async def _reseal_rows(self) -> int:
        async with self.database.transaction() as session:
            statement = select(VaultRow).where(self._old()).order_by(VaultRow.row_id).limit(BATCH).with_for_update(skip_locked=True)
            rows = (await session.execute(statement)).scalars().all()
            for row in rows:
                kind: Any = row.kind
                place = Place(kind, row.row_id, row.issue_id)
                sealed = self.vault.seal(place, self.vault.open(place, Sealed(row.key_id, row.box)))
                row.key_id, row.box = sealed.key_id, sealed.box
        return len(rows)

    @property
    def _file(self) -> KeyFile:
        if not isinstance(self.keys, KeyFile):
            raise NotOurs
        return self.keys

    def _count(self) -> Select[tuple[int]]:
        return select(func.count()).select_from(VaultRow).where(self._old())

    def _old(self) -> Any:
        return text("key_id <> :current").bindparams(current=self.vault.current_key)
