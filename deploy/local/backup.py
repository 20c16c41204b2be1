"""`huiyin backup`: database, attachments, secrets and checkpoints of a running stack, in one folder.

JetStream and Temporal are not in it: both are filled again from the log. The order makes the parts fit: a file of an attachment is written
before its row and removed after it, so files that are copied after the database was looked at lack none that a row needs; and
checkpoints that are copied last know of every event in it.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import psycopg

from deploy.local import postgres
from deploy.local.backup_manifest import DUMP, Manifest, Progress, copy, digest_of, files_in, make_folder
from deploy.local.bootstrap_database import DATABASE
from deploy.local.layout import HOST, Layout, StackError
from deploy.local.processes import tied
from shared.keyfile import sync_folder

UNFINISHED = ".unfinished"
"""Ends the folder's name until the backup is complete."""

PARTS = ("secrets", "attachments", "checkpoints")


def back_up(layout: Layout, target: Path, progress: Progress, *, database: str = DATABASE) -> Manifest:
    """Make a backup at `target`, which must not be there. One that was broken off is begun anew.

    Raises:
        StackError: `target` is there, cannot be written, or Postgres' program failed: one sentence.
        psycopg.OperationalError: Postgres does not answer.
    """
    if target.exists():
        raise StackError(f"{target} 已存在 is there already: a backup is never written over. Choose another name.")
    draft = target.with_name(target.name + UNFINISHED)
    try:
        shutil.rmtree(draft, ignore_errors=True)
        make_folder(draft)
        manifest = _fill(layout, draft, progress, database)
        manifest.write(draft)
        draft.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StackError(f"{draft} 写不了 cannot be written: {error.strerror}.") from None
    return manifest


def _fill(layout: Layout, folder: Path, progress: Progress, database: str) -> Manifest:
    folders = {"secrets": layout.data / "secrets", "attachments": layout.data / "attachments", "checkpoints": layout.checkpoints}
    keys = {path: digest_of(path) for path in files_in(folders["secrets"])}
    with psycopg.connect(postgres.superuser_url(layout, database)) as connection:
        # The dump and what we say of it are one look at the database.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        at, position, chain, tables = _look(connection)
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        _dump(layout, database, str(snapshot), folder / DUMP, tables, progress)
    files = {DUMP: digest_of(folder / DUMP)}
    for part in PARTS:
        files |= _copy(part, folders[part], folder / part, progress)
    if any(files.get(f"secrets/{path.relative_to(folders['secrets'])}") != digest for path, digest in keys.items()):
        raise StackError("备份期间密钥被更换 keys were changed while the backup was made: make it again.")
    return Manifest(at, position, chain, layout.demo, files)


def _look(connection: "psycopg.Connection[tuple[object, ...]]") -> tuple[datetime, int, str, int]:
    found = connection.execute(
        "SELECT clock_timestamp(), coalesce(max(position), 0), coalesce((array_agg(chain))[1], ''),"
        " (SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema'))"
        " FROM (SELECT position, chain FROM log.published ORDER BY position DESC LIMIT 1) AS newest"
    ).fetchone()
    assert found is not None
    at, position, chain, tables = found
    assert isinstance(at, datetime)
    assert isinstance(position, int)
    assert isinstance(chain, str)
    assert isinstance(tables, int)
    return at, position, chain, tables


def _dump(layout: Layout, database: str, snapshot: str, file: Path, tables: int, progress: Progress) -> None:
    """Everything in the database as of `snapshot`: rows, functions, rights. Roles are made from the secrets at a restore."""
    command = ["pg_dump", "--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={file}", "--verbose", database]
    file.touch(mode=0o600)
    done = 0
    for line in run_tool(command, layout):
        if "dumping contents of table" in line:
            done += 1
            progress("数据库 database", done, max(tables, done))
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def run_tool(command: list[str], layout: Layout) -> Iterable[str]:
    """Run one of Postgres' programs as the superuser; yields what it tells, line by line. Raises `StackError` when it fails."""
    # The password goes by the environment: arguments can be seen by everybody on the machine.
    password = layout.secrets.get("postgres-postgres")
    env = {
        **os.environ,
        "PGHOST": HOST,
        "PGPORT": str(layout.port("postgres")),
        "PGUSER": "postgres",
        "PGPASSWORD": password,
        "LC_ALL": "C",
    }
    tool, *arguments = command
    words = tied((postgres.program(tool), *arguments), signal.SIGKILL)
    last = ""
    with subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            last = line.strip() or last
            yield line
    if process.returncode:
        raise StackError(f"{tool} 失败 ended with {process.returncode}: {last}")


def _copy(part: str, source: Path, target: Path, progress: Progress) -> dict[str, str]:
    """Copy a folder. What is removed meanwhile (an erased reporter's photo) is left out. Returns SHA-256 by path inside the backup."""
    make_folder(target)
    paths = list(files_in(source)) if source.exists() else []
    digests: dict[str, str] = {}
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(source)
        try:
            digests[f"{part}/{name}"] = copy(path, target / name)
        except FileNotFoundError:
            continue
        finally:
            progress(_NAMES[part], number, len(paths))
    for folder in {target, *(target / path.relative_to(source).parent for path in paths)}:
        sync_folder(folder)
    return digests


_NAMES = {"secrets": "密钥 secrets", "attachments": "附件 attachments", "checkpoints": "检查点 checkpoints"}
