"""Signed checkpoints of the log, kept apart from the database.

Whoever can rewrite the whole database can rewrite hashes and chains so that they agree again. So the relay regularly signs how many events
were published and what the chain over them was, one JSON line each in `<checkpoints>/log.jsonl`; every line holds the hash of the line
before it. The verifier compares the log with them. Put the folder on another disk or machine: what lies beside the database falls with it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import orjson

from shared.eventlog.checkpoints_keys import CheckpointKeys

FILE = "log.jsonl"

_TAIL = 8192
"""Bytes from the file's end that hold its last line; a line has about 400, and a reason at most 500 characters."""
LONGEST_REASON = 500

Wrong = Literal["unreadable", "unchained", "unsigned", "unknown_key"]
"""What can be wrong with a line: it is no checkpoint, does not follow the line before, its signature does not fit, its key is not known."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One line.

    Attributes:
        number: counts the lines from 1.
        position: how many events were published.
        chain: the chain over them, as in `log.published`.
        at: when it was signed, by the database's clock.
        holds: only where an operator accepted a loss: up to this position earlier lines still count, behind it they do not.
        reason: why it was accepted.
        digest: SHA-256 of the line, which the next line names.
    """

    number: int
    position: int
    chain: str
    at: datetime
    holds: int | None
    reason: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Book:
    """What the file holds.

    Attributes:
        lines: those that can be believed.
        wrong: what is wrong with the others, by their number in the file.
        digests: SHA-256 of every line.
    """

    lines: tuple[Checkpoint, ...] = ()
    wrong: tuple[tuple[int, Wrong], ...] = ()
    digests: frozenset[str] = frozenset()

    def counting(self) -> list[Checkpoint]:
        """The lines that the log has to agree with, by position: without those that an accepted loss has made void."""
        counting: list[Checkpoint] = []
        for line in self.lines:
            if line.holds is not None:
                counting = [earlier for earlier in counting if earlier.position <= line.holds]
            counting.append(line)
        return counting


class Checkpoints:
    """The file of checkpoints.

    Args:
        folder: where it is; made with mode 700.
        keys: sign and check.
        is_copy: whether it is a copy that was kept elsewhere, which may lack the newest lines.
    """

    def __init__(self, folder: Path, keys: CheckpointKeys, *, is_copy: bool = False) -> None:
        self.is_copy = is_copy
        self._path = folder / FILE
        self._keys = keys

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def read(self) -> Book:
        """Every line, checked. What a crash left of a line at the end is passed over: it was never signed off."""
        if not self._path.exists():
            return Book()
        *whole, _ = self._path.read_bytes().split(b"\n")
        lines: list[Checkpoint] = []
        wrong: list[tuple[int, Wrong]] = []
        previous, last = "", 0
        for number, line in enumerate(whole, start=1):
            found = self._check(line, previous, last)
            if isinstance(found, Checkpoint):
                lines.append(found)
            else:
                wrong.append((number, found))
            previous, last = sha256(line).hexdigest(), number
        return Book(tuple(lines), tuple(wrong), frozenset(sha256(line).hexdigest() for line in whole))

    def last(self) -> Checkpoint | None:
        """The newest line, not checked; None if there is none. Raises `ValueError` if it is no checkpoint."""
        line = self._last_line()
        return _parse(line)[0] if line else None

    def sign(self, position: int, chain: str, at: datetime, *, holds: int | None = None, reason: str | None = None) -> Checkpoint:
        """Add a line; it is on the disk when this returns. Raises `OSError`, and `ValueError` if the last line is no checkpoint."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone() as descriptor:
            before = self._last_line()
            line = {
                "number": (_parse(before)[0].number if before else 0) + 1,
                "position": position,
                "chain": chain,
                "at": at,
                "previous": sha256(before).hexdigest() if before else "",
                "key_id": self._keys.id,
            }
            if reason is not None:
                line |= {"holds": holds, "reason": reason[:LONGEST_REASON]}
            signed = _sealed(line | {"signature": self._keys.sign(_sealed(line))})
            if os.write(descriptor, signed + b"\n") != len(signed) + 1:
                raise OSError(f"only a part of a checkpoint could be written to {self._path}")
            os.fsync(descriptor)
            return _parse(signed)[0]

    def set_aside(self, at: datetime) -> Path:
        """Keep the file under another name, as evidence, and begin a new one. Returns where it is now."""
        return self._path.rename(self._path.with_name(f"log-{at:%Y%m%dT%H%M%S%f}.jsonl"))

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The file, open and locked, cut behind its last whole line: what a crash left of one is no checkpoint."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
            if (rest := len(tail) - (tail.rfind(b"\n") + 1)) > 0:
                os.ftruncate(descriptor, size - rest)
            yield descriptor
        finally:
            os.close(descriptor)

    def _last_line(self) -> bytes:
        if not self._path.exists():
            return b""
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _TAIL))
            *_, line, _ = (b"", *file.read().split(b"\n"))
        return line

    def _check(self, line: bytes, previous: str, last: int) -> Checkpoint | Wrong:
        try:
            checkpoint, told = _parse(line)
            signature, key_id = told.pop("signature"), told["key_id"]
            told_previous = told["previous"]
        except (ValueError, KeyError, TypeError):
            return "unreadable"
        if not self._keys.knows(key_id):
            return "unknown_key"
        if not self._keys.verifies(key_id, _sealed(told), signature):
            return "unsigned"
        return checkpoint if (told_previous, checkpoint.number) == (previous, last + 1) else "unchained"


def _parse(line: bytes) -> tuple[Checkpoint, dict[str, Any]]:
    told: dict[str, Any] = orjson.loads(line)
    fields = (int(told["number"]), int(told["position"]), str(told["chain"]), datetime.fromisoformat(told["at"]))
    return Checkpoint(*fields, told.get("holds"), told.get("reason"), sha256(line).hexdigest()), told


def _sealed(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
