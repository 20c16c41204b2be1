"""A log with checkpoints, and an attacker who can write to the whole database: all in it agrees again, and JetStream is filled from it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import psycopg

from shared.contracts.envelope import seal
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, ProgressReported
from shared.eventlog.bell import libpq
from shared.eventlog.checkpoints import FILE, Checkpoints
from shared.eventlog.checkpoints_keys import CheckpointKeys
from shared.eventlog.checkpoints_notary import Notary
from shared.eventlog.compare import refill
from shared.eventlog.copy import StreamCopy
from shared.eventlog.outbox import Outbox
from shared.eventlog.verify import Phase, Report, Verifier
from shared.ids import new_id
from tests.integration.eventlog.harness import acting_as, append, connected, everything_published, until
from tests.support.events import example
from tests.support.servers import NatsAddress, StackDatabase

Envelopes = list[dict[str, Any]]


@dataclass(frozen=True)
class Attacker:
    database: StackDatabase
    nats: NatsAddress

    async def rewrites(self, change: Callable[[Envelopes], Envelopes]) -> None:
        """Replace the log by what `change` makes of its published events, with versions, hashes, heads and chain recomputed."""
        with psycopg.connect(self.database.superuser) as log:
            log.execute("SET session_replication_role = replica")
            rows = log.execute("SELECT body, recorded_by FROM log.published JOIN log.events USING (id) ORDER BY position").fetchall()
            recorded_by = {orjson.loads(body)["id"]: role for body, role in rows}
            envelopes = change([orjson.loads(body) for body, _ in rows])
            log.execute("TRUNCATE log.events, log.published, log.outbox, log.streams")
            heads: dict[str, tuple[int, str]] = {}
            chain = ""
            for position, envelope in enumerate(envelopes, start=1):
                stream = envelope["subject"]
                version, prevhash = heads.get(stream, (0, None))
                facts = {name: value for name, value in envelope.items() if name not in ("hash", "prevhash")}
                body, digest = seal(facts | {"streamversion": version + 1} | ({"prevhash": prevhash} if prevhash else {}))
                chain = sha256((chain + digest).encode()).hexdigest()
                heads[stream] = (version + 1, digest)
                log.execute(
                    "INSERT INTO log.events VALUES (%s, %s, %s, %s, 'issue', %s, %s, %s, %s, %s)",
                    [
                        *(stream, version + 1, facts["id"], facts["type"], facts["region"], facts["time"]),
                        *(body.decode(), digest, recorded_by[facts["id"]]),
                    ],
                )
                log.execute("INSERT INTO log.published VALUES (%s, %s, %s)", [position, facts["id"], chain])
            for stream, (version, digest) in heads.items():
                log.execute("INSERT INTO log.streams VALUES (%s, 'issue', '330182104228', %s, %s)", [stream, version, digest])
        await self._refills()

    async def _refills(self) -> None:
        async def unseen(done: int, total: int) -> None:
            """Nobody watches."""

        async with (
            await psycopg.AsyncConnection.connect(libpq(self.database.url("relay")), autocommit=True) as log,
            connected(self.nats) as relay,
        ):
            await refill(Outbox(log), StreamCopy(relay), unseen)


class Kept:
    """A log, its checkpoints, and who attacks it."""

    def __init__(self, database: StackDatabase, nats: NatsAddress, folder: Path) -> None:
        self.database = database
        self.nats = nats
        self.secrets = folder / "secrets"
        self.file = folder / "checkpoints" / FILE
        self.attacker = Attacker(database, nats)

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.file.parent, CheckpointKeys(self.secrets))

    async def story(self, *, signed: bool = True) -> None:
        """An issue with three events, appended and published; then a checkpoint, if it is to be signed."""
        issue = new_id()
        async with acting_as(self.database, "intake") as intake, acting_as(self.database, "routing") as routing:
            await append(intake, "intake", issue, example(IssueRaised))
            await append(routing, "routing", issue, example(Assigned), example(ProgressReported))
        await until(lambda: everything_published(self.database))
        if signed:
            assert await self.asks_notary() is None

    def hold_a_copy(self, folder: Path) -> None:
        """Copy the checkpoints where the attacker cannot reach them."""
        folder.mkdir()
        shutil.copy(self.file, folder)

    async def verified(self, *, signed: bool = True, against: Path | None = None) -> Report:
        def unseen(phase: Phase, done: int, total: int) -> None:
            """Nobody watches."""

        async with (
            await psycopg.AsyncConnection.connect(libpq(self.database.url("operator")), autocommit=True) as log,
            connected(self.nats, "observer") as observer,
        ):
            checkpoints = Checkpoints(against, CheckpointKeys(self.secrets), is_copy=True) if against else self.checkpoints
            return await Verifier(log, StreamCopy(observer), unseen, checkpoints if signed else None).run()

    async def asks_notary(self, reason: str | None = None) -> str | None:
        """What the relay's notary says; with a `reason` an operator accepts first."""
        async with await psycopg.AsyncConnection.connect(libpq(self.database.url("relay")), autocommit=True) as connection:
            notary = Notary(connection, self.checkpoints, 0)
            if reason:
                await notary.accept(reason)
            return await notary.look()
