"""Key files: made once by whichever process starts first, readable by their owner alone."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from shared.ids import new_id


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; if there is no such file, `make()` is written there first, with mode 600.

    Processes that start at the same moment all get the content of the one that linked its file first.
    """
    with suppress(FileNotFoundError):
        return path.read_bytes()
    draft = _draft(path, make())
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    sync_folder(path.parent)
    return path.read_bytes()


def replace(path: Path, content: bytes) -> None:
    """Write `content` with mode 600 so that a reader sees the old or the new file, never half of one."""
    _draft(path, content).replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """The names in `folder` are on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, content: bytes) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{new_id()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft
