"""The client's own record: every command that was sent, and what was answered or that nothing was. Nobody else writes it.

A repeat of a command is an entry of its own with the same key, so the record tells how often each was tried.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One HTTP request that commands something, as its sender knows it.

    Args:
        key: its Idempotency-Key; repeats of the same command share it.
        actor: the account, `reporter` (by tracking token) or `anonymous` (raises, looks up).
        command: the command of contract.md: `raise`, `lookup`, `sign-in`, `upload`, `rating`, `withdrawal`, `reopening`, `accept` …,
            and of administrators `begin-draft`, `publish-policy`, `change-calendar`, `roll-back`.
        issue_id: what it was about; of a raise, what the answer named; None where there is none or it is not known.
        asked_at: when it was sent, UTC, by the clock of this machine.
        answered_at: when its answer was read; None where there was none.
        status: HTTP status; None where nothing answered (timed out, connection broke or was refused).
        body: the answer's JSON object, without access tokens; None where there was none.
        fields: `method`, `path`, `request` (the body that was sent, without passwords), `trace_id` (32 hex digits, sent as traceparent),
            `attempt` (1, 2 …), `replayed` (answered from the first answer), `schedule` (its seed).
    """

    key: str
    actor: str
    command: str
    issue_id: str | None
    asked_at: datetime
    answered_at: datetime | None
    status: int | None
    body: Mapping[str, Any] | None
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def ok(self) -> bool:
        """Whether it was answered 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def unknown(self) -> bool:
        """Whether its sender cannot know if it took effect: no answer, or one of a server in trouble."""
        return self.status is None or self.status >= 500

    @property
    def code(self) -> str | None:
        """The stable code of the problem that was answered."""
        return str(self.body["code"]) if self.body is not None and "code" in self.body else None


class Record:
    """Entries in the order in which they ended, in memory and as JSON lines.

    Args:
        path: the file; entries of an earlier life are read from it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = list(_read(path)) if path.exists() else []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), default=_instant, ensure_ascii=False) + "\n")

    def by_key(self) -> dict[str, list[Entry]]:
        """Every command with all its tries, oldest first."""
        tries: dict[str, list[Entry]] = {}
        for entry in self.entries:
            tries.setdefault(entry.key, []).append(entry)
        return tries

    def answered_2xx(self) -> list[Entry]:
        """The first 2xx of each command that was answered so: these must be in the log exactly once."""
        return [done for tries in self.by_key().values() if (done := next((entry for entry in tries if entry.ok), None))]

    def ambiguous(self) -> list[Entry]:
        """The last try of each command that nobody was told 2xx of and that may have happened: in the log zero or one times."""
        return [
            tries[-1] for tries in self.by_key().values() if any(entry.unknown for entry in tries) and not any(entry.ok for entry in tries)
        ]


def _instant(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _read(path: Path) -> Iterator[Entry]:
    for line in path.read_text(encoding="utf-8").splitlines():
        stored = json.loads(line)
        answered = stored["answered_at"]
        stored["asked_at"] = datetime.fromisoformat(stored["asked_at"])
        stored["answered_at"] = datetime.fromisoformat(answered) if answered else None
        yield Entry(**stored)
