"""Bugs and crash points get into the processes of a stack by PYTHONPATH alone, and only where they are named."""

import os
import subprocess
import sys
from pathlib import Path

from tests.faults.planted import ALL_CRASH_POINTS, BUGS, Planted
from tests.faults.planted.bugs import PATCHES

ROOT = Path(__file__).parents[2]
PLANTED = Path(__file__).with_name("planted")


def python(code: str, folder: Path, *names: str, behind: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """`code` in a process that starts as those of a stack do."""
    path = os.pathsep.join(str(entry) for entry in (PLANTED, behind) if entry is not None)
    env = {**os.environ, "PYTHONPATH": path, "HUIYIN_PLANTED": ",".join(names), "HUIYIN_PLANTED_DIR": str(folder)}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_every_invariant_has_a_bug_and_every_bug_a_patch() -> None:
    assert {bug.invariant for bug in BUGS.values()} == {f"I{number}" for number in range(1, 10)}
    assert PATCHES.keys() == BUGS.keys()


def test_every_bug_gets_into_its_modules(tmp_path: Path) -> None:
    modules = sorted({module for patches in PATCHES.values() for module in patches})
    code = f"import importlib\nfor name in {modules}: print(type(importlib.import_module(name).__spec__.loader).__name__, name)"
    done = python(code, tmp_path, *BUGS, ALL_CRASH_POINTS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [word for module in modules for word in ("_Changing", module)]


def test_nothing_is_changed_where_nothing_is_named(tmp_path: Path) -> None:
    code = "import sys, shared.eventlog.copy as copy; print(copy.StreamCopy.publish.__qualname__, 'tests' in sys.modules)"
    assert python(code, tmp_path).stdout == "StreamCopy.publish False\n"
    assert python(code, tmp_path, "swaps-messages").stdout == "_swaps_messages.<locals>.publishing True\n"


def test_another_sitecustomize_does_its_work_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('the one behind')")
    assert python("print('the program')", tmp_path, behind=tmp_path).stdout.splitlines() == ["the one behind", "the program"]


def test_a_name_that_nobody_knows_is_told(tmp_path: Path) -> None:
    assert "neither a bug nor a crash point" in python("pass", tmp_path, "sends-thrice").stderr


DIES = """
import asyncio, os, sys
sys.orig_argv = ["python", "-m", "shared.eventlog.relay"]
from tests.faults.planted import Planted
from tests.faults.planted.hook import install
install(["move-before-next.relay", "append-before-commit.notify"])
from shared.eventlog.outbox import Outbox

class Moved(Outbox):
    async def _rows(self, statement, *values): return [(7,)]

def ended():
    if not (child := os.fork()):
        os._exit(asyncio.run(Moved(None).move([])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

planted = Planted(__import__("pathlib").Path(os.environ["HUIYIN_PLANTED_DIR"]))
print(ended())
planted.arm("append-before-commit.notify")
print(ended())
planted.arm("move-before-next.relay")
print(ended(), ended())
"""
"""A process that stands for the relay moves four times; 7 is what it returns when it lives."""


def test_a_process_ends_once_where_it_is_armed(tmp_path: Path) -> None:
    """Not before, not a second time, and not where another process is meant."""
    done = python(DIES, tmp_path)
    assert done.stdout.split() == ["7", "7", "137", "7"], done.stderr
    planted = Planted(tmp_path)
    assert planted.struck("move-before-next.relay")
    assert not planted.struck("append-before-commit.notify")
