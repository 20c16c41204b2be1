"""The disk fills up while people report, and is emptied again. `python -m tests.faults.disk_full`, as root.

The data folder is a tmpfs that is shrunk to what it holds and a little. While it is full, reporting is answered 503; whatever was
answered 201, before and in between, is in the log once; when there is room again, the same requests are taken, and nobody has to
start anything by hand.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

from deploy.local.postgres import superuser_url
from shared.clock import PostgresClock
from shared.contracts.routing import DirectoryChanged
from shared.database import Database
from shared.eventlog import EventLog
from shared.eventlog.log import Head
from shared.ids import new_id
from tests.faults.injectors.small import SmallStack
from tests.faults.namespace import alone
from tests.integration.intake.conftest import TOPICS, body
from tests.support.waiting import eventually

PARTS = ("postgres", "nats", "database", "relay", "intake")
ROOMY = 1 << 30
"""Bytes of the disk before and after."""
LEFT = 256 << 10
"""Bytes that are left when it is shrunk: less than one segment of Postgres' log."""
CLIENTS = 4
UNANSWERED = 20
"""Requests in a row that were refused: it is full for good."""
FULL_WITHIN = 120.0
TAKEN_AGAIN_WITHIN = 120.0
"""Seconds after there is room again. Postgres may have to come up from its log first."""
UNLIMITED = {"HUIYIN_CITIZEN_RATE_PER_MINUTE": "60000", "HUIYIN_CITIZEN_BURST": "10000"}


@dataclass
class Reporters:
    """People who report, and what they were told.

    Args:
        http: leads to intake.
    """

    http: httpx.AsyncClient
    taken: dict[str, str] = field(default_factory=dict[str, str])  # idempotency key → issue
    refused: dict[str, int] = field(default_factory=dict[str, int])  # idempotency key → last status; 0 where nothing answered
    in_a_row: int = 0

    async def report(self, key: str) -> bool:
        """Whether it was taken."""
        try:
            answer = await self.http.post("/api/intake/v1/issues", json=body(narrative="灯" * 4000), headers={"Idempotency-Key": key})
        except httpx.TransportError:
            self.refused[key] = 0
            self.in_a_row += 1
            return False
        if answer.status_code == 201:
            self.in_a_row = 0
            self.refused.pop(key, None)
            self.taken[key] = answer.json()["issue_id"]
            return True
        self.in_a_row += 1
        self.refused[key] = answer.status_code
        return False

    async def until_full(self) -> None:
        """Report, always something new, until nothing is taken any more."""

        async def go_on() -> None:
            while self.in_a_row < UNANSWERED:
                await self.report(new_id())

        async with asyncio.timeout(FULL_WITHIN):
            await asyncio.gather(*(go_on() for _ in range(CLIENTS)))

    async def again(self) -> None:
        """Repeat what was refused, with the same keys, until it is taken."""
        for key in list(self.refused):
            await eventually(lambda key=key: self.report(key), seconds=TAKEN_AGAIN_WITHIN, every=0.5)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened: requests taken before, refused by status (0: no answer), taken after; parts that were started again; what is wrong."""

    taken_before: int
    refused: dict[int, int]
    taken_after: int
    restarted: list[str]
    faults: list[str]


async def fill_and_empty(disk: Path) -> Outcome:
    """Play it on the tmpfs `disk`, which is roomy."""
    async with SmallStack(disk / "data", PARTS, UNLIMITED) as stack:
        await _directory(stack)
        async with httpx.AsyncClient(base_url=stack.layout.url("intake"), timeout=30, trust_env=False) as http:
            people = Reporters(http)
            if not await people.report(new_id()):
                return Outcome(0, {}, 0, [], [f"refused before the disk was full: {people.refused}"])
            _resize(disk, shutil.disk_usage(disk).used + LEFT)
            await people.until_full()
            before, refused = len(people.taken), dict(Counter(people.refused.values()))
            _resize(disk, ROOMY)
            await people.again()
            faults = await _unwell(stack) + await _wrong(stack, people)
            restarted = [name for name, keeper in stack.keepers.items() if keeper.restarts]
    faults += [f"{count} × {status} while the disk was full" for status, count in refused.items() if status not in (0, 503)]
    if 503 not in refused:
        faults.append("nobody was told 503")
    return Outcome(before, refused, len(people.taken) - before, restarted, faults)


async def _directory(stack: SmallStack) -> None:
    """The topics that people may choose, which routing publishes."""
    routing, log = Database(stack.layout.database_url("routing"), pool_size=1), EventLog("/huiyin/routing")
    async with routing.transaction() as session:
        now = await PostgresClock().now(session)
        change = DirectoryChanged(topics=TOPICS, officers=(), by=None)
        await log.append(session, "directory", [change], after=Head(), now=now, region=None, correlation_id="seed", causation_id=None)
    await routing.close()


async def _unwell(stack: SmallStack) -> list[str]:
    """Parts that do not recover by themselves, with what they say."""
    with suppress(AssertionError):
        await stack.wait_healthy(TAKEN_AGAIN_WITHIN)
    return [f"{name} {keeper.health.detail}" for name, keeper in stack.keepers.items() if not keeper.health.ready]


async def _wrong(stack: SmallStack, people: Reporters) -> list[str]:
    """What the log has otherwise than people were told, and what the relay has not carried to JetStream."""
    async with await psycopg.AsyncConnection.connect(superuser_url(stack.layout, "huiyin"), autocommit=True) as log:

        async def waiting() -> int:
            return len(await (await log.execute("SELECT FROM log.outbox")).fetchall())

        async def all_published() -> bool:
            return await waiting() == 0

        with suppress(AssertionError):
            await eventually(all_published, seconds=TAKEN_AGAIN_WITHIN, every=0.2)
        faults = [f"{count} events still wait to be published"] if (count := await waiting()) else []
        rows = await (await log.execute("SELECT stream FROM log.events WHERE type = 'huiyin.issue.IssueRaised.v1'")).fetchall()
    there, told = Counter(str(stream) for (stream,) in rows), Counter(people.taken.values())
    return faults + [
        f"issue {issue}: {there[issue]} times in the log, {told[issue]} times answered 201"
        for issue in {*there, *told}
        if there[issue] != 1 or told[issue] != 1
    ]


def _resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True, capture_output=True)


def why_not() -> str | None:
    """Why this machine cannot do it; None where it can."""
    if os.geteuid() != 0:
        return "mounting a tmpfs needs root"
    if missing := [program for program in ("mount", "unshare") if shutil.which(program) is None]:
        return f"{', '.join(missing)} missing"
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False)
    return f"this kernel mounts no tmpfs: {tried.stderr.strip()}" if tried.returncode else None


def main() -> int:
    """Play it once; the exit code."""
    with tempfile.TemporaryDirectory(prefix="disk-full-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOMY},mode=700", "tmpfs", folder], check=True, capture_output=True)
        try:
            outcome = asyncio.run(fill_and_empty(Path(folder)))
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)
    refused = ", ".join(f"{count} × {status or 'no answer'}" for status, count in outcome.refused.items())
    print(
        f"{outcome.taken_before} taken before the disk was full, then {refused}; {outcome.taken_after} of these taken when there was room"
    )
    print(f"the supervisor started again: {', '.join(outcome.restarted) or 'nothing'}")
    for fault in outcome.faults[:20]:
        print(f"   {fault}")
    print("FAILED" if outcome.faults else "everything answered 201 is in the log once, and nobody started anything by hand")
    return int(bool(outcome.faults))


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.faults.disk_full", description="Fill the disk of a stack, and empty it.").parse_args()
    if reason := why_not():
        print(f"skipped: {reason}")
        sys.exit(0)
    alone("tests.faults.disk_full")
    sys.exit(main())
