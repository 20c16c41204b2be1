"""A part is started again when it ends, killed when it hangs, given up when it never comes up; nothing outlives its parent."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local import keeper as keeping
from deploy.local.keeper import Keeper
from deploy.local.layout import StackError
from deploy.local.processes import READY, Health, Part, Probe
from deploy.local.reaper import Reaper
from tests.support.waiting import eventually

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BACK_OFF", (0.01, 0.02))
    monkeypatch.setattr(keeping, "LOOK_EVERY", 0.05)


def part(command: tuple[str, ...] = SLEEPER, ready: Probe = lambda: READY, *, once: bool = False) -> Part:
    return Part("thing", command, ready=ready, once=once)


@asynccontextmanager
async def kept(thing: Part, logs: Path, needs: tuple[Keeper, ...] = ()) -> AsyncIterator[tuple[Keeper, "asyncio.Task[None]"]]:
    reaper = Reaper()
    keeper = Keeper(thing, needs, logs, lambda: reaper, lambda _: None)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await keeper.stop()
        reaper.close()


async def test_a_killed_part_is_started_again_and_shown(tmp_path: Path) -> None:
    async with kept(part(), tmp_path) as (keeper, _):
        await keeper.ready.wait()
        assert keeper.process
        first = keeper.process.pid
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: keeper.restarts == 1 and keeper.health.ready)
        assert keeper.report()["last_exit"] == -signal.SIGKILL
        assert keeper.process.pid != first


async def test_a_part_that_does_not_answer_is_killed_and_one_that_answers_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "HUNG_AFTER", 0.3)
    found = READY
    async with kept(part(ready=lambda: found), tmp_path) as (keeper, _):
        await keeper.ready.wait()
        found = Health(False, "my database is away")
        await eventually(lambda: keeper.health == found)
        looked = time.monotonic()
        await eventually(lambda: time.monotonic() - looked > 0.6)
        assert keeper.restarts == 0

        found = Health(False, "does not answer", answers=False)
        await eventually(lambda: keeper.restarts == 1)


async def test_a_part_that_never_comes_up_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    broken = part((sys.executable, "-c", "raise SystemExit('no such table')"), lambda: Health(False, "starting"))
    async with kept(broken, tmp_path) as (_, task):
        with pytest.raises(StackError, match=r"thing does not start \(ended with 1, 3 times\): no such table"):
            await task


async def test_a_part_waits_for_what_it_needs(tmp_path: Path) -> None:
    task_file = tmp_path / "done"
    first = part((sys.executable, "-c", f"import pathlib; pathlib.Path({str(task_file)!r}).touch()"), once=True)
    async with kept(first, tmp_path) as (needed, _), kept(part(), tmp_path, (needed,)) as (keeper, _):
        assert keeper.process is None
        await keeper.ready.wait()
        assert task_file.exists()


PARENT = """
import subprocess, sys, signal, time
from deploy.local.reaper import Reaper

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
reaper = Reaper()
child = subprocess.Popen([sys.executable, "-c", DEAF], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
reaper.watch(child.pid, signal.SIGTERM)
print(child.pid, reaper.pid, flush=True)
time.sleep(600)
"""


async def test_the_reaper_ends_what_a_killed_parent_leaves() -> None:
    """Even a child that ignores its signal."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    child, reaper = (psutil.Process(int(word)) for word in (await parent.stdout.readline()).split())
    parent.kill()
    await parent.wait()
    await eventually(gone(child), seconds=15)
    await eventually(gone(reaper), seconds=15)


def gone(process: psutil.Process) -> Callable[[], bool]:
    return lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
