"""A full disk: 503 and never 2xx, everything that was taken is kept, and it goes on by itself when there is room."""

import subprocess
import sys

import pytest

from tests.faults.disk_full import why_not
from tests.support.size import LONG


@pytest.mark.skipif(not LONG, reason="LONG=1: it takes half a minute")
@pytest.mark.timeout(600)
def test_a_full_disk_refuses_keeps_and_recovers() -> None:
    if reason := why_not():
        pytest.skip(reason)
    done = subprocess.run([sys.executable, "-m", "tests.faults.disk_full"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything answered 201 is in the log once" in done.stdout
