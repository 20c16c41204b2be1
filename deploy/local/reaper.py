"""A tiny process that outlives its parent by a few seconds and ends what the parent started.

It holds the reading end of a pipe. `+<pid> <signal>` puts a process group under its watch, `-<pid>` takes it out. When the pipe
ends, the parent is gone, however it went: every group left gets its signal, and `KILL` soon after.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 5.0
"""Seconds between a group's own signal and KILL."""


class Reaper:
    """The parent's end of the pipe."""

    def __init__(self) -> None:
        # Isolated and without site packages: it costs a few megabytes and starts in no time.
        self._process = subprocess.Popen([sys.executable, "-ISE", __file__], stdin=subprocess.PIPE, start_new_session=True)

    @property
    def pid(self) -> int:
        """The reaper's own process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still holds its end of the pipe."""
        return self._process.poll() is None

    def watch(self, pid: int, stop: signal.Signals) -> None:
        """End the group of `pid` with `stop` when this process is gone."""
        self._tell(f"+{pid} {stop.value}\n")

    def forget(self, pid: int) -> None:
        """The group of `pid` is gone already."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """End everything still watched, and the reaper; return when both are gone."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        # A reaper that was killed is replaced by the supervisor's next beat, which tells the new one everything.
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        pid, _, stop = line[1:].strip().partition(" ")
        if line.startswith("+"):
            groups[int(pid)] = int(stop)
        else:
            groups.pop(int(pid), None)
    for pid, stop in groups.items():
        with suppress(ProcessLookupError):
            os.killpg(pid, stop)
    deadline = time.monotonic() + PATIENCE
    while any(map(_group_lives, groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in groups:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    _main()
