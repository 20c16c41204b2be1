"""`huiyin restore`: a backup into an empty stack, step by step. What is done is written down, so a run that was killed goes on.

Checkpoints and the journal of erasures never go back: newer ones than the backup's are kept, the erased are erased again before anything
opens, and what was published after the backup is told and signed as lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
from psycopg import sql
from pydantic import SecretStr

from deploy.local import bootstrap_database, nats, postgres, temporal
from deploy.local.backup import run_tool
from deploy.local.backup_manifest import DUMP, MANIFEST, Manifest, Progress, copy, digest_of, files_in, make_folder
from deploy.local.backup_servers import Servers
from deploy.local.bootstrap_database import DATABASE
from deploy.local.checks import RESTORING, alone, check_ports, clear_stale
from deploy.local.environment import environment
from deploy.local.layout import Layout, StackError
from deploy.local.republish import republish
from deploy.local.reseat import reseat
from services.intake.bootstrap import bootstrap as intake_bootstrap
from services.intake.erasure import JOURNAL
from services.intake.settings import Settings
from shared.eventlog.bell import libpq
from shared.eventlog.checkpoints import FILE, Book, Checkpoints
from shared.eventlog.checkpoints_keys import CheckpointKeys
from shared.eventlog.checkpoints_notary import Notary
from shared.eventlog.copy import StreamCopy
from shared.eventlog.health import RelaySettings
from shared.eventlog.verify import Report, Verifier
from shared.keyfile import replace, sync_folder
from shared.messaging.connection import connect

OURS = frozenset({RESTORING, "checkpoints", "lost+found"})
"""What the target may hold before a restore begins: newer checkpoints that were saved."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore found: the backup's manifest, published events that are lost, reporters erased again, issues seated, the verdict."""

    manifest: Manifest
    lost: int
    erased: int
    seated: int
    report: Report


class Restore:
    """One restore, which may take several runs.

    Args:
        backup: a complete backup.
        layout: the stack to be: a folder that is empty or holds a restore of the same backup that was broken off.
        checkpoints: folder with newer checkpoints and journal than the backup's, if they outlived the stack.
        progress: told how far each step is.
    """

    def __init__(self, backup: Path, layout: Layout, checkpoints: Path | None, progress: Progress) -> None:
        self._backup = backup
        self._layout = layout
        self._newer = checkpoints
        self._progress = progress
        self._done: dict[str, int] = {}

    def run(self) -> Restored:
        """Restore; on return the servers are stopped and `huiyin up` may start the stack.

        Raises:
            StackError: the backup is incomplete or damaged, the target is not empty, a server does not come up: one sentence.
        """
        manifest = Manifest.read(self._backup)
        self._claim()
        with alone(self._layout):
            clear_stale(self._layout)
            check_ports(self._layout)
            manifest.check(self._backup, self._progress)
            self._step("files", self._files)
            with Servers(self._layout) as servers:
                servers.start(postgres.part(self._layout))
                self._step("database", self._database)
                bootstrap_database.bootstrap(self._layout)
                servers.start(nats.part(self._layout))
                servers.start(temporal.part(self._layout))
                restored = asyncio.run(self._open(manifest))
            (self._layout.data / RESTORING).unlink()
            sync_folder(self._layout.data)
        return restored

    async def _open(self, manifest: Manifest) -> Restored:
        """From a database as it was to a stack that can be opened."""
        lost = await self._async_step("loss", lambda: self._accept_loss(manifest))
        erased = await self._async_step("erasures", self._erase_again)
        await self._async_step("events", self._republish)
        seated = await self._async_step("workflows", self._reseat)
        return Restored(manifest, lost, erased, seated, await self._verify())

    def _claim(self) -> None:
        """Take the target for this backup. Raises `StackError` if it holds anything else."""
        data, marker = self._layout.data, self._layout.data / RESTORING
        digest = digest_of(self._backup / MANIFEST)
        if marker.exists():
            told = orjson.loads(marker.read_bytes())
            if told["backup"] != digest:
                raise StackError(
                    f"{data} 正从另一备份恢复 holds a restore of another backup that is not done: finish it, or use a new folder."
                )
            self._done = told["done"]
            return
        if data.exists() and any(path.name not in OURS for path in data.iterdir()):
            raise StackError(f"{data} 不是空的 is not empty: a restore needs a new folder.")
        make_folder(data)
        self._write(digest)
        self._layout.make_folders()
        (data / "lock").touch(mode=0o600)

    def _write(self, digest: str) -> None:
        replace(self._layout.data / RESTORING, orjson.dumps({"backup": digest, "done": self._done}))

    def _step(self, name: str, work: Callable[[], int]) -> int:
        if name not in self._done:
            self._done[name] = work()
            self._write(digest_of(self._backup / MANIFEST))
        return self._done[name]

    async def _async_step(self, name: str, work: Callable[[], Awaitable[int]]) -> int:
        if name not in self._done:
            self._done[name] = await work()
            self._write(digest_of(self._backup / MANIFEST))
        return self._done[name]

    def _files(self) -> int:
        """Secrets, attachments, checkpoints. Returns how many files."""
        paths = [path for part in ("secrets", "attachments") for path in files_in(self._backup / part)]
        for number, path in enumerate(paths, start=1):
            copy(path, self._layout.data / path.relative_to(self._backup))
            self._progress("文件 files", number, len(paths))
        sources = [folder for folder in (self._layout.checkpoints, self._newer, self._backup / "checkpoints") if folder is not None]
        bring_checkpoints(sources, self._layout.checkpoints)
        return len(paths)

    def _database(self) -> int:
        """The database, all of it or nothing. Returns how many tables."""
        bootstrap_database.ensure_roles(self._layout)
        name = sql.Identifier(DATABASE)
        with psycopg.connect(postgres.superuser_url(self._layout), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        command = ["pg_restore", "--single-transaction", "--exit-on-error", "--verbose", f"--dbname={DATABASE}", str(self._backup / DUMP)]
        tables = 0
        for line in run_tool(command, self._layout):
            if "processing data for table" in line:
                tables += 1
                self._progress("数据库 database", tables, tables)
        return tables

    async def _accept_loss(self, manifest: Manifest) -> int:
        """Sign where the log begins anew, if checkpoints know of more than it has. Returns how many published events are lost."""
        book = self._checkpoints.read()
        # A run that was killed after it signed finds its own line.
        ours = bool(book.lines) and book.lines[-1].holds is not None and book.lines[-1].position == manifest.position
        earlier = Book(book.lines[:-1]) if ours else book
        newest = max((line.position for line in earlier.counting()), default=0)
        lost = max(0, newest - manifest.position)
        if lost and not ours:
            async with await psycopg.AsyncConnection.connect(libpq(self._layout.database_url("relay")), autocommit=True) as connection:
                await Notary(connection, self._checkpoints, 0).accept(f"restored from the backup of {manifest.at:%Y-%m-%d %H:%M:%S} UTC")
        return lost

    async def _erase_again(self) -> int:
        async with intake_bootstrap(Settings.of(environment(self._layout, "intake"))) as intake:
            return len(await intake.erasure.erase_again(who="restore"))

    async def _republish(self) -> int:
        settings = RelaySettings(
            database_url=SecretStr(self._layout.database_url("relay")),
            nats_url=SecretStr(self._layout.nats_url("relay")),
            health_file=None,
            secrets_dir=self._layout.data / "secrets",
            checkpoints=self._layout.checkpoints,
        )
        await republish(self._layout, settings, lambda done, total: self._progress("消息 messages", done, total))
        return 0

    async def _reseat(self) -> int:
        return await reseat(self._layout, self._layout.temporal, (), lambda done, total: self._progress("流程 workflows", done, total))

    async def _verify(self) -> Report:
        observer = await connect(self._layout.nats_url("observer"), "huiyin restore")
        try:
            async with await psycopg.AsyncConnection.connect(libpq(self._layout.database_url("operator")), autocommit=True) as log:
                return await Verifier(log, StreamCopy(observer), self._progress, self._checkpoints).run()
        finally:
            await observer.close()

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self._layout.checkpoints, CheckpointKeys(self._layout.data / "secrets"))


def bring_checkpoints(sources: list[Path], target: Path) -> None:
    """Put into `target` the newest checkpoints of `sources`, the first that has any, and every erasure that one of them knows.

    Raises:
        StackError: checkpoints that do not go on from those of the backup, the last source: they are of another stack.
    """
    make_folder(target)
    files = [folder / FILE for folder in sources if (folder / FILE).exists()]
    if files:
        newest, oldest = files[0].read_bytes(), files[-1].read_bytes()
        *whole, _ = oldest.split(b"\n")
        if not newest.startswith(b"\n".join(whole)):
            raise StackError(f"{files[0].parent} 中的检查点不属于此备份 has checkpoints that do not go on from those of the backup.")
        replace(target / FILE, newest)
    erasures = dict.fromkeys(
        line for folder in sources if (folder / JOURNAL).exists() for line in (folder / JOURNAL).read_bytes().split(b"\n")
    )
    if erasures:
        replace(target / JOURNAL, b"\n".join(line for line in erasures if line) + b"\n")
    for folder in sources:
        for path in files_in(folder) if folder.exists() else ():
            if not (target / path.name).exists():
                copy(path, target / path.name)
    sync_folder(target)
