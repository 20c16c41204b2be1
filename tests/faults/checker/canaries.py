"""I9: what only the reporter's own record may hold, looked for everywhere else."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.faults.checker.places import Places
from tests.faults.checker.violation import Violation
from tests.faults.record import Entry

_NOT_SEARCHED = frozenset({"postgres", "sinks", "secrets"})
"""Parts of the data folder: tables are read by SQL, the sinks are the phones and mailboxes themselves, secrets are random."""

_SCHEMAS = ["log", "intake", "routing", "tracking", "notify"]
"""Intake's too: its vault is sealed, and nothing else of it may hold a person."""


def of(entries: Iterable[Entry]) -> list[str]:
    """Everything personal that the clients ever said: what they name as canaries, who the reporters are, what they told."""
    found: dict[str, None] = {}
    for entry in entries:
        request: Mapping[str, Any] = entry.fields.get("request") or {}
        reporter: Mapping[str, str] = request.get("reporter") or {}
        named = [reporter[name] for name in ("name", "phone", "email") if reporter.get(name)]
        said: list[str] = [request["narrative"]] if "narrative" in request else []
        found |= dict.fromkeys([*entry.fields.get("canaries", ()), *named, *said])
    return list(found)


def judge(places: Places, canaries: Sequence[str]) -> list[Violation]:
    """Files of NATS, Temporal, logs, spans and process notes, and every table. Blocks."""
    if not canaries:
        return []
    return [*_files(places.data, canaries), *_tables(places.database, canaries)]


def _files(data: Path, canaries: Sequence[str]) -> list[Violation]:
    searched = [str(path) for path in sorted(data.iterdir()) if path.name not in _NOT_SEARCHED]
    if not searched:
        return []
    forms = {form: canary for canary in canaries for form in (canary, json.dumps(canary)[1:-1])}
    command = ["grep", "-raoHZF", "-f", "-", *searched]  # -Z: a NUL stands behind the file's name
    done = subprocess.run(command, input="\n".join(forms), capture_output=True, text=True, errors="replace", check=False)
    hits = {tuple(line.split("\0", 1)) for line in done.stdout.splitlines()}
    return [Violation("I9", str(Path(path).relative_to(data)), f"holds {forms[hit]}") for path, hit in sorted(hits)]


def _tables(database: str, canaries: Sequence[str]) -> list[Violation]:
    found: list[Violation] = []
    with psycopg.connect(database, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s) ORDER BY 1, 2", (_SCHEMAS,)
        ).fetchall()
        for schema, table in tables:
            statement = sql.SQL(
                "SELECT DISTINCT canary FROM {} AS t, unnest(%s::text[], %s::text[]) AS given (canary, hex)"
                " WHERE strpos(t::text, canary) > 0 OR strpos(t::text, hex) > 0"
            ).format(sql.Identifier(schema, table))
            hits = connection.execute(statement, (list(canaries), [canary.encode().hex() for canary in canaries])).fetchall()
            found += [Violation("I9", f"{schema}.{table}", f"holds {canary}") for (canary,) in hits]
    return found
