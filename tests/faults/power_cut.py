"""The power is cut while events are appended and published; nothing that was acknowledged may be missing afterwards.

`python -m tests.faults.power_cut --times 10` (as root). Postgres and NATS keep their data on a file system that is shut down in the
middle of the work; then everything is killed, the file system mounted again, the servers started. Acknowledged are: an append whose
transaction was committed, and a message that JetStream confirmed to the relay.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.exc import DBAPIError

from deploy.local import bootstrap_database, nats, postgres
from deploy.local.layout import Layout
from deploy.local.parts import parts
from deploy.local.processes import Part
from shared.clock import PostgresClock
from shared.contracts.intake import AttachmentAdded, IssueRaised
from shared.database import Database
from shared.eventlog import EventLog
from shared.eventlog.bell import libpq
from shared.eventlog.copy import StreamCopy
from shared.eventlog.log import Head
from shared.eventlog.verify import Phase, Report, Verifier
from shared.ids import new_id
from shared.messaging.connection import connect
from tests.faults.loop_disk import Disk, why_not
from tests.faults.namespace import alone
from tests.support.events import VILLAGE, example
from tests.support.servers import Servers, free_base
from tests.support.waiting import eventually

WRITERS = 8
"""Appends that are under way at once; so many may be in the log without an answer."""
_WORK = (20, 400)
"""Acknowledged appends before the power goes, at least and at most."""
_WORKED_WITHIN = 120.0
"""Seconds; a machine that is busy with other things takes long."""
_ISSUE = 6
"""Events of one issue."""
_CAUGHT_UP_WITHIN = 60.0


@dataclass(slots=True)
class Cut:
    """What one cut did.

    Args:
        acknowledged: appends that were answered, this time and before.
        in_flight: events in the log that nobody was told of.
        published: events that JetStream had confirmed.
        lost: acknowledged events that the log has not, and what the verifier found before anybody mended anything.
        after: what the verifier found once the relay had caught up.
    """

    acknowledged: int
    in_flight: int
    published: int
    lost: list[str]
    after: list[str]

    @property
    def clean(self) -> bool:
        """Whether nothing is missing."""
        return not self.lost and not self.after


@dataclass
class Machine:
    """Postgres, NATS and a relay, with a disk of their own.

    Args:
        disk: made and mounted.
        settings: of Postgres, to break it on purpose.
    """

    disk: Disk
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.layout = Layout(self.disk.mount / "data", free_base())
        self.layout.make_folders()
        self.servers = Servers(self.layout)
        self.acknowledged: dict[str, str] = {}  # hash of an event → its place, for the report

    def set_up(self) -> None:
        """A fresh log; it is on the disk before any work begins."""
        self.start()
        bootstrap_database.bootstrap(self.layout)
        self.servers.start(self._relay())
        self.disk.flush()

    def start(self) -> None:
        """Postgres and NATS, each with what it finds on the disk."""
        self.servers.start(postgres.part(self.layout, self.settings), nats.part(self.layout))

    async def cut(self, rng: random.Random) -> Cut:
        """Work, lose the power in the middle of it, come back, and look what is there."""
        before, published = len(self.acknowledged), await self._published()
        writers = [asyncio.create_task(self._write()) for _ in range(WRITERS)]
        enough = before + rng.randint(*_WORK)
        await eventually(lambda: len(self.acknowledged) >= enough, seconds=_WORKED_WITHIN, every=0.001)
        # The relay takes its time to begin: both must be at work when the power goes.
        wanted = published + rng.randint(*_WORK)

        async def more_confirmed() -> bool:
            return await self._published() >= wanted

        await eventually(more_confirmed, seconds=_WORKED_WITHIN, every=0.001)
        self.disk.cut()
        self.switch_off()
        await asyncio.gather(*writers)
        await self.disk.replug()
        self.start()
        lost, found = await self._missing(), await self._verified()
        self.servers.start(self._relay())
        await eventually(self._all_published, seconds=_CAUGHT_UP_WITHIN, every=0.1)
        after = await self._verified()
        cut = Cut(
            len(self.acknowledged), found.events + len(lost) - len(self.acknowledged), found.published, lost + _told(found), _told(after)
        )
        # What nobody was told of is there to stay: from now on it counts like the rest.
        self.acknowledged = await self._hashes()
        return cut

    async def _write(self) -> None:
        """Append to one issue after the other until the database is gone."""
        database, log = Database(self.layout.database_url("intake"), pool_size=1), EventLog("/huiyin/intake")
        try:
            while True:
                issue, head = new_id(), Head()
                for number in range(_ISSUE):
                    event = example(AttachmentAdded) if number else example(IssueRaised)
                    async with database.transaction() as session:
                        now = await PostgresClock().now(session)
                        (recorded,) = await log.append(
                            session, issue, [event], after=head, now=now, region=VILLAGE, correlation_id=issue, causation_id=None
                        )
                    self.acknowledged[recorded.hash] = f"{issue} version {recorded.version}"
                    head = Head(recorded.version, recorded.hash, VILLAGE)
        except (DBAPIError, psycopg.Error, OSError):
            return
        finally:
            await database.close()

    def _relay(self) -> Part:
        return next(part for part in parts(self.layout) if part.name == "relay")

    @asynccontextmanager
    async def _log(self) -> AsyncIterator["psycopg.AsyncConnection[tuple[str, ...]]"]:
        async with await psycopg.AsyncConnection.connect(libpq(self.layout.database_url("operator")), autocommit=True) as connection:
            yield connection

    async def _hashes(self) -> dict[str, str]:
        async with self._log() as log:
            rows = await (await log.execute("SELECT hash, stream || ' version ' || version FROM log.events")).fetchall()
        return {row[0]: row[1] for row in rows}

    async def _missing(self) -> list[str]:
        there = await self._hashes()
        return [f"{place} was acknowledged and is not in the log" for digest, place in self.acknowledged.items() if digest not in there]

    async def _all_published(self) -> bool:
        async with self._log() as log:
            return await (await log.execute("SELECT FROM log.outbox LIMIT 1")).fetchone() is None

    async def _published(self) -> int:
        async with self._log() as log:
            return int((await (await log.execute("SELECT count(*)::text FROM log.published")).fetchall())[0][0])

    async def _verified(self) -> Report:
        nats = await connect(self.layout.nats_url("observer"), "power cut")
        try:
            async with self._log() as log:
                return await Verifier(log, StreamCopy(nats), _unseen).run()
        finally:
            await nats.close()

    def switch_off(self) -> None:
        """Kill everything, Postgres' backends too: one that waits for a write that will never end outlives its postmaster for ever."""
        running = [process.pid for _, process in self.servers.running.values()]
        children = [child for pid in running for child in psutil.Process(pid).children(recursive=True)]
        for server in list(self.servers.running):
            self.servers.kill(server)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _unseen(phase: Phase, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _told(report: Report) -> list[str]:
    return [f"{fault.where} {fault.subject}: {fault.en}" for fault in report.faults]


@asynccontextmanager
async def machine(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Machine]:
    """A machine that is set up and runs, for the length of the block; nothing stays mounted."""
    disk = Disk(folder)
    disk.make()
    try:
        running = Machine(disk, settings or {})
        try:
            running.set_up()
            yield running
        finally:
            running.switch_off()
            running.servers.reaper.close()
    finally:
        await disk.remove()


async def main(times: int, seed: int, settings: Mapping[str, str]) -> int:
    """Cut the power `times` times; returns how often nothing was lost."""
    clean = 0
    with tempfile.TemporaryDirectory(prefix="power-cut-") as folder:
        async with machine(Path(folder), settings) as subject:
            for number in range(1, times + 1):
                cut = await subject.cut(random.Random(f"{seed} {number}"))
                clean += cut.clean
                counts = f"{cut.acknowledged} appends acknowledged, {cut.in_flight} in flight, {cut.published} confirmed by JetStream"
                print(f"{number}: {counts}: {'nothing lost' if cut.clean else 'LOST'}", flush=True)
                for line in (cut.lost + cut.after)[:10]:
                    print(f"   {line}")
    print(f"{clean} of {times} with nothing acknowledged lost (seed {seed})")
    return clean


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m tests.faults.power_cut", description="Cut the power of Postgres and NATS.")
    options.add_argument("--times", type=int, default=10)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of Postgres, to see that it is caught")
    return options.parse_args()


if __name__ == "__main__":
    given = _options()
    with tempfile.TemporaryDirectory(prefix="power-cut-") as trial:
        reason = why_not(Path(trial))
    if reason:
        print(f"skipped: {reason}")
        sys.exit(0)
    alone("tests.faults.power_cut")
    clean_cuts = asyncio.run(main(given.times, given.seed, dict(pair.split("=", 1) for pair in given.set)))
    sys.exit(int(clean_cuts != given.times))
