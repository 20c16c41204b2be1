"""What starts a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.processes import READY, Part, spawn, yielding

BY = 7


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not group processes by session")
def test_a_yielding_part_stands_back_with_its_whole_session(tmp_path: Path) -> None:
    """Among sessions that Linux groups, the niceness of a process alone is worth nothing."""
    show = "import os, pathlib; print(pathlib.Path('/proc/self/autogroup').read_text().split()[-1], os.nice(0))"
    part = Part("shown", yielding((sys.executable, "-c", show), BY), ready=lambda: READY)
    assert spawn(part, tmp_path).wait(30) == 0
    assert (tmp_path / "shown.log").read_text().split() == [str(BY), str(os.nice(0) + BY)]


def test_a_yielding_part_starts_where_sessions_are_not_grouped() -> None:
    shell, flag, script, *rest = yielding((sys.executable, "-c", "import os; print(os.nice(0))"), BY)
    elsewhere = script.replace("/proc/self/autogroup", "/proc/self/none")
    shown = subprocess.run([shell, flag, elsewhere, *rest], capture_output=True, text=True, check=True)
    assert (shown.stdout.split(), shown.stderr) == ([str(os.nice(0) + BY)], "")
