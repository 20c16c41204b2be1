"""The simulator's slice of every test run: schedules of fixed seeds hold, the same seed is the same trace, every planted bug is found."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO

import pytest

from services.routing.workflows import LONGEST_DOUBT, workflow_id
from shared.contracts import Event
from shared.contracts.routing import Reclassified, Suspended
from tests.faults.simulator.__main__ import main
from tests.faults.simulator.bus import Bus
from tests.faults.simulator.loop import Loop, Process
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.patches import simulated
from tests.faults.simulator.planted import PLANTED
from tests.faults.simulator.schedule import Scene, run
from tests.faults.simulator.store import SimulatedLog
from tests.support.events import clocks, example
from tests.support.life import MONDAY, VILLAGE, raised_on_the_web
from tests.support.size import full

SCHEDULES = full(20_000, 20)
SEARCHED = 60
"""Schedules in which a planted bug must be found."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The product's warnings of thousands of faults are not read."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(0)  # 20,000 take an hour
def test_no_schedule_breaks_an_invariant(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--schedules", str(SCHEDULES), "--seed", "1"])
    told = capsys.readouterr().out
    assert code == 0, told
    assert f"{SCHEDULES} schedules in" in told


def test_the_same_seed_is_the_same_trace_whatever_python_hashes() -> None:
    other = {**os.environ, "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-m", "tests.faults.simulator", "--schedules", "1", "--seed", "7"]
    told = subprocess.run(command, env=other, capture_output=True, text=True, check=True).stdout
    here = _told(["--schedules", "1", "--seed", "7"])
    assert _trace(told) == _trace(here)
    assert run(7).trace == run(7).trace != run(8).trace


def _trace(told: str) -> str:
    return told.partition("; trace ")[2].split()[0]


def _told(arguments: list[str]) -> str:
    with redirect_stdout(StringIO()) as told:
        assert main(arguments) == 0
    return told.getvalue()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    invariant, plant = PLANTED[name]
    for seed in range(1, SEARCHED):
        if any(each.invariant == invariant for each in run(seed, plant=plant).violations):
            return
    raise AssertionError(f"{name}: not found in {SEARCHED} schedules")


def test_a_failure_tells_the_command_that_repeats_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schedules", "1", "--seed", "3", "--plant", "tells the name"]) == 1
    command = capsys.readouterr().out.partition("seed 3: python -m tests.faults.simulator ")[2].splitlines()[0]
    assert command == '--seed 3 --schedules 1 --story --plant "tells the name"'
    assert main(["--seed", "3", "--schedules", "1", "--plant", "tells the name"]) == 1
    assert "I9" in capsys.readouterr().out


@pytest.fixture
def cell() -> Iterator[Cell]:
    """A cell in which somebody raises one issue, and nobody does anything more."""
    alone = Cell(Loop(1, MONDAY))
    with simulated(alone):
        scene = Scene(alone, alone.loop.random, people=False)
        yield alone
        scene.close()


def _append(cell: Cell, issue_id: str, event: Event) -> None:
    """An event stands in the log."""
    process = Process(cell.loop, "test", "test")
    log = SimulatedLog(f"/huiyin/{event.owner}", cell.store)

    async def append() -> None:
        async with cell.database(process).transaction() as session:
            head = (await log.load(session, issue_id)).head
            now = cell.store.now
            await log.append(session, issue_id, [event], after=head, now=now, region=VILLAGE, correlation_id="c", causation_id=None)

    cell.loop.spawn(process, append(), "append")
    cell.loop.run(5)


def backlog(bus: Bus) -> int:
    return sum(bus.backlog().values())


def test_a_clock_that_is_set_back_does_not_stop_the_timers(cell: Cell) -> None:
    """Found by seed 120: an event's time may be earlier than that of the version before it."""
    issue = "00000000-0000-7000-9000-000000000001"
    _append(cell, issue, raised_on_the_web())
    cell.store.skew = timedelta(hours=-1)
    _append(cell, issue, example(Reclassified, deadlines=clocks()))
    _append(cell, issue, example(Suspended))
    cell.loop.run(60)
    times = [each.event.time for each in cell.store.streams[issue]]
    assert times != sorted(times)
    assert backlog(cell.bus) == 0
    assert workflow_id(issue) in cell.temporal.running


def test_a_workflow_whose_clock_runs_ahead_of_the_log_does_not_spin(cell: Cell) -> None:
    """Found by seed 109: it looked fifty times a second until the log's clock had come up."""
    issue = "00000000-0000-7000-9000-000000000001"
    _append(cell, issue, raised_on_the_web())
    due = min(row["next_at"] for row in cell.store.tables["issues"].values())
    ahead = timedelta(hours=1)
    cell.temporal.skew = ahead
    cell.temporal.look_at_clocks()
    cell.loop.run((due - ahead - cell.store.now).total_seconds())
    before = cell.loop.seen["routing-worker", "load"]
    cell.loop.run(ahead.total_seconds() - 1)
    looks = cell.loop.seen["routing-worker", "load"] - before
    assert 0 < looks < 2 * ahead / LONGEST_DOUBT
    version = len(cell.store.streams[issue])
    cell.loop.run(30)
    assert len(cell.store.streams[issue]) > version
