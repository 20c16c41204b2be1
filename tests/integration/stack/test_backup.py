"""`huiyin backup` and `restore`: what comes back is what was saved, an interrupted one never looks complete, a killed one goes on."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local import backup as backing_up
from deploy.local import postgres
from deploy.local.backup import UNFINISHED, back_up
from deploy.local.backup_manifest import DUMP, MANIFEST, Manifest
from deploy.local.backup_restore import Restore, bring_checkpoints
from deploy.local.checks import RESTORING, check_folder
from deploy.local.layout import Layout, StackError
from services.tracking.rebuild import rebuild
from shared.database import Database
from shared.eventlog import EventLog
from shared.eventlog.bell import libpq
from shared.eventlog.checkpoints import FILE, Checkpoints
from shared.eventlog.checkpoints_keys import CheckpointKeys
from shared.eventlog.checkpoints_notary import Notary
from tests.integration.eventlog.harness import everything_published, relaying, until
from tests.integration.intake.conftest import Intake, Start
from tests.integration.intake.conftest import start as start  # a fixture
from tests.integration.intake.test_erasure import NAME, canary
from tests.support.events import MONDAY
from tests.support.servers import NatsAddress, Servers, StackDatabase, free_base
from tests.support.size import LONG
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(400)

PROJECTIONS = ("ledger", "timeline", "statistics")
STEPS = ("files", "database", "loss", "erasures", "events", "workflows")
"""Of a restore, in their order."""
TABLES = ("log.events", "log.published", "log.streams", "tracking.ledger", "tracking.timeline", "tracking.transitions", "intake.issues")


def unseen(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables that must come back as they were."""
    with psycopg.connect(url) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2".encode()).fetchall() for table in TABLES}


@dataclass(frozen=True)
class Original:
    """A stack to be saved: two issues with reporter and photo, published, signed, projected."""

    layout: Layout
    database: StackDatabase
    intake: Intake
    issues: tuple[str, ...]

    async def is_published(self) -> None:
        """Let the relay carry everything, sign a checkpoint, and bring tracking's projections up to date."""
        await until(lambda: everything_published(self.database))
        checkpoints = Checkpoints(self.layout.checkpoints, CheckpointKeys(self.layout.data / "secrets"))
        async with await psycopg.AsyncConnection.connect(libpq(self.database.url("relay")), autocommit=True) as connection:
            assert await Notary(connection, checkpoints, 0).look() is None
        tracking = Database(self.database.url("tracking"), pool_size=2)
        await rebuild(tracking, EventLog("/huiyin/tracking"), PROJECTIONS)
        await tracking.close()

    def saved(self, folder: Path) -> Manifest:
        return back_up(self.layout, folder, unseen, database=self.database.name)


@pytest.fixture
async def original(
    servers: Servers, stack_database: StackDatabase, nats: NatsAddress, start: Start, tmp_path: Path
) -> AsyncIterator[Original]:
    layout = Layout(tmp_path / "original", servers.layout.base)
    layout.make_folders()
    for secret in servers.layout.secrets.folder.iterdir():
        shutil.copy(secret, layout.data / "secrets")
    settings = {"secrets_dir": layout.data / "secrets", "attachments_dir": layout.data / "attachments"}
    async with start(**settings) as intake, relaying(stack_database, nats):
        issues = tuple([(await canary(intake))["issue_id"] for _ in range(2)])
        original = Original(layout, stack_database, intake, issues)
        await original.is_published()
        yield original


def restoring(backup: Path, target: Path, base: int, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "deploy.cli", "restore", str(backup), "--data", str(target), "--port-base", str(base), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def killed_after(step: str, backup: Path, target: Path, base: int, *more: str) -> None:
    """A restore that is killed as soon as it has noted that `step` is done."""
    restore = restoring(backup, target, base, *more)

    def is_done() -> bool:
        marker = target / RESTORING
        return restore.poll() is not None or (marker.exists() and step in json.loads(marker.read_bytes())["done"])

    await eventually(is_done, seconds=200)
    assert restore.poll() is None, restore.communicate()[0]
    restore.send_signal(signal.SIGKILL)
    restore.communicate()


async def test_what_was_saved_comes_back_though_the_restore_is_killed(original: Original, tmp_path: Path) -> None:
    backup, target, base = tmp_path / "backup", tmp_path / "restored", free_base()
    manifest = original.saved(backup)
    before = rows_of(original.database.superuser)
    # After the backup: an issue that will be lost, and a reporter who is erased and has to stay so.
    await canary(original.intake)
    await original.intake.app.erasure.erase(original.issues[0], "reporter_asked", who="test")
    await original.is_published()
    lost = len(rows_of(original.database.superuser)["log.published"]) - manifest.position
    newer = ("--checkpoints", str(original.layout.checkpoints))

    for step in STEPS if LONG else ("database",):
        await killed_after(step, backup, target, base, *newer)
        with pytest.raises(StackError, match="is not done: run the same `huiyin restore"):
            check_folder(Layout(target, base))
    restore = restoring(backup, target, base, *newer)
    output, _ = restore.communicate()
    assert restore.returncode == 0, output
    assert f"{lost} events that were published after the backup are lost" in output
    assert "erased again 1" in output
    assert "all agree" in output

    restored = Layout(target, base)
    servers = Servers(restored)
    try:
        servers.start(postgres.part(restored))
        after = rows_of(postgres.superuser_url(restored, "huiyin"))
        with psycopg.connect(postgres.superuser_url(restored, "huiyin")) as connection:
            sealed = connection.execute("SELECT DISTINCT issue_id FROM intake.vault").fetchall()
        tracking = Database(restored.database_url("tracking"), pool_size=2)
        await rebuild(tracking, EventLog("/huiyin/tracking"), PROJECTIONS)
        await tracking.close()
        rebuilt = rows_of(postgres.superuser_url(restored, "huiyin"))
    finally:
        servers.close()
    assert sealed == [(original.issues[1],)]
    assert len(list((target / "attachments").glob("*/*"))) == 1
    assert (len(before["tracking.ledger"]), manifest.position) == (2, len(before["log.published"]))
    told_apart = {"log.events", "log.published", "log.streams", "intake.issues"}
    for table in told_apart:  # the erasure, done again, is the one thing that came to be after the backup
        missing = [row for row in before[table] if row not in after[table]]
        assert len(missing) == (1 if table in ("log.streams", "intake.issues") else 0), table
    for table in set(TABLES) - told_apart:
        assert after[table] == before[table], table
    others = [row for row in rebuilt["tracking.ledger"] if row[0] != original.issues[0]]
    assert others == [row for row in before["tracking.ledger"] if row[0] != original.issues[0]]
    assert [row for row in before["tracking.timeline"] if row not in rebuilt["tracking.timeline"]] == []
    assert NAME not in (target / "checkpoints" / "erasures.jsonl").read_text()


async def test_an_interrupted_backup_is_none(original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "backup"

    def pulled(*_: object) -> str:
        raise ConnectionAbortedError("the plug")

    monkeypatch.setattr(backing_up, "copy", pulled)
    with pytest.raises(StackError, match="cannot be written"):
        original.saved(target)
    monkeypatch.undo()
    assert not target.exists()
    with pytest.raises(StackError, match="is no complete backup"):
        Manifest.read(tmp_path / f"backup{UNFINISHED}")
    manifest = original.saved(target)
    assert not (tmp_path / f"backup{UNFINISHED}").exists()
    modes = {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_dir()} == {0o700}
    assert {name.split("/")[0] for name in manifest.files} == {DUMP, "secrets", "attachments", "checkpoints"}
    with pytest.raises(StackError, match="is there already"):
        original.saved(target)

    manifest.check(target, unseen)
    flipped = bytearray((target / DUMP).read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (target / DUMP).write_bytes(flipped)
    with pytest.raises(StackError, match=r"database\.dump of the backup was changed or damaged"):
        manifest.check(target, unseen)
    (target / DUMP).unlink()
    with pytest.raises(StackError, match=r"the backup lacks database\.dump"):
        manifest.check(target, unseen)
    (target / MANIFEST).write_bytes(b"{}")
    with pytest.raises(StackError, match="is damaged"):
        Manifest.read(target)


async def test_keys_that_change_while_it_is_made_spoil_it(original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = backing_up._dump  # pyright: ignore[reportPrivateUsage]

    def dump_and_rotate(layout: Layout, *rest: Any) -> None:
        dump(layout, *rest)
        (layout.data / "secrets" / "vault.keys").write_text("{}")

    monkeypatch.setattr(backing_up, "_dump", dump_and_rotate)
    with pytest.raises(StackError, match="make it again"):
        original.saved(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_target_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    backup, target = tmp_path / "backup", tmp_path / "target"
    restore = Restore(backup, Layout(target, free_base()), None, unseen)
    backup.mkdir()
    with pytest.raises(StackError, match="is no complete backup"):
        restore.run()
    assert not target.exists()
    Manifest(at=MONDAY, position=0, chain="", demo=False, files={}).write(backup)
    target.mkdir()
    (target / "precious").touch()
    with pytest.raises(StackError, match=r"is not empty: a restore needs a new folder\.$"):
        restore.run()
    assert [path.name for path in target.iterdir()] == ["precious"]
    (target / "precious").unlink()
    (target / RESTORING).write_text('{"backup": "another", "done": {}}')
    with pytest.raises(StackError, match="holds a restore of another backup"):
        restore.run()


def test_checkpoints_never_go_back(tmp_path: Path) -> None:
    target, newer, saved, foreign = (tmp_path / name for name in ("target", "newer", "saved", "foreign"))
    keys = CheckpointKeys(tmp_path / "secrets")
    for folder, count in ((saved, 1), (newer, 1), (foreign, 1)):
        for position in range(1, count + 1):
            Checkpoints(folder, keys).sign(position, folder.name if folder is foreign else "chain", MONDAY)
    Checkpoints(newer, keys).sign(2, "chain", MONDAY)
    (saved / "erasures.jsonl").write_text('\n{"issue_id": "a"}\n')
    (newer / "erasures.jsonl").write_text('\n{"issue_id": "a"}\n\n{"issue_id": "b"}\n')

    bring_checkpoints([target, newer, saved], target)
    assert (target / FILE).read_bytes() == (newer / FILE).read_bytes()
    assert (target / "erasures.jsonl").read_text().splitlines() == ['{"issue_id": "a"}', '{"issue_id": "b"}']
    bring_checkpoints([target, saved], target)  # again, without the newer ones
    assert (target / FILE).read_bytes() == (newer / FILE).read_bytes()
    with pytest.raises(StackError, match="do not go on from those of the backup"):
        bring_checkpoints([foreign, saved], tmp_path / "another")
    assert (target / FILE).stat().st_mode & 0o777 == 0o600
