"""A power cut loses nothing that was acknowledged; and the same check sees what is lost where a server is told to be careless."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.loop_disk import why_not
from tests.support.size import LONG

pytestmark = [pytest.mark.timeout(900), pytest.mark.skipif(not LONG, reason="LONG=1: a disk of its own, minutes long")]


@pytest.fixture(autouse=True)
def _possible(tmp_path: Path) -> None:
    if reason := why_not(tmp_path):
        pytest.skip(reason)


def cut(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "tests.faults.power_cut", *words], capture_output=True, text=True, check=False)


def test_nothing_acknowledged_is_lost() -> None:
    done = cut("--times", "10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 of 10 with nothing acknowledged lost" in done.stdout


def test_a_database_that_answers_before_it_has_written_is_caught() -> None:
    done = cut("--times", "3", "--set", "synchronous_commit=off", "--set", "wal_writer_delay=10s")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "was acknowledged and is not in the log" in done.stdout
