"""What a backup says of itself: each file with its SHA-256, and how far the log was. Written last: without it a folder is no backup."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from deploy.local.layout import StackError
from shared.keyfile import replace

MANIFEST = "manifest.json"
FORMAT = 1
DUMP = "database.dump"

Progress = Callable[[str, int, int], None]
"""Told what is done (a step's name in two languages), how much, of how much."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup.

    Attributes:
        at: when the database was looked at.
        position: events that were published then.
        chain: the chain over them.
        demo: whether the stack had demo accounts.
        files: SHA-256 by path inside the backup.
    """

    at: datetime
    position: int
    chain: str
    demo: bool
    files: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it into `folder`; it is on the disk when this returns."""
        content = {"format": FORMAT, "at": self.at, "position": self.position, "chain": self.chain, "demo": self.demo, "files": self.files}
        replace(folder / MANIFEST, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))

    @staticmethod
    def read(folder: Path) -> "Manifest":
        """The manifest in `folder`. Raises `StackError` where there is none, or none that this release understands."""
        try:
            told: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
            if told["format"] != FORMAT:
                raise StackError(f"{folder} 的备份格式不认识 is a backup of format {told['format']}; this release reads {FORMAT}.")
            return Manifest(datetime.fromisoformat(told["at"]), told["position"], told["chain"], told["demo"], told["files"])
        except FileNotFoundError:
            raise StackError(f"{folder} 不是完整的备份 is no complete backup: it has no {MANIFEST}.") from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise StackError(f"{folder}/{MANIFEST} 已损坏 is damaged: use another backup.") from None

    def check(self, folder: Path, progress: Progress) -> None:
        """Every file is there and unchanged. Raises `StackError` that names the first that is not."""
        for number, (name, digest) in enumerate(self.files.items(), start=1):
            path = folder / name
            if not path.is_file():
                raise StackError(f"备份缺少 the backup lacks {name}: use another one.")
            if digest_of(path) != digest:
                raise StackError(f"备份中的文件已改变 {name} of the backup was changed or damaged: use another one.")
            progress("核对 checking", number, len(self.files))


def copy(source: Path, target: Path) -> str:
    """Copy a file, mode 600, folders 700, whole or not at all; on the disk when this returns. Returns its SHA-256."""
    make_folder(target.parent)
    draft = target.with_name(f".{target.name}.new")
    digest = sha256()
    with source.open("rb") as read, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        while block := read.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    digest = sha256()
    with path.open("rb") as read:
        while block := read.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may look into."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def files_in(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is no draft of one, in order of its path."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
