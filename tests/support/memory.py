"""Folders in memory for servers whose data nobody keeps."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psutil

MEMORY = Path("/dev/shm")
ROOM = 3 * 2**30
"""Bytes that have to be free there: all workers of a run together take less than half."""

PREFIX = "huiyin-tests-"


@contextmanager
def in_memory(kept: Path) -> Iterator[Path]:
    """A folder that is gone after the block, but for its logs, which then are in `kept`; `kept` itself where memory has no room.

    A database that is copied for a test is 600 files. On a disk, making and removing them takes a file system 0.1 s of a core.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        yield kept
        return
    _remove_what_killed_runs_left()
    folder = Path(mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY))
    try:
        yield folder
    finally:
        for logs in folder.glob("**/logs"):
            shutil.copytree(logs, kept / logs.relative_to(folder))
        shutil.rmtree(folder)


def _remove_what_killed_runs_left() -> None:
    for folder in MEMORY.glob(f"{PREFIX}*"):
        if not psutil.pid_exists(int(folder.name.removeprefix(PREFIX).partition("-")[0])):
            shutil.rmtree(folder, ignore_errors=True)
