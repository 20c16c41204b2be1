"""Servers of a stack that a restore starts one by one, before the stack itself may run."""

import os
import subprocess
from datetime import UTC, datetime
from types import TracebackType

import psutil

from deploy.local.layout import Layout
from deploy.local.processes import Part, end, spawn, wait_ready
from deploy.local.reaper import Reaper
from deploy.local.state import StackState, save

PATIENCE = 120.0
"""Seconds in which a server must be ready: Postgres may have to recover what a killed restore left."""


class Servers:
    """Servers that run until the block ends, even if this process is killed. The state file names them, as a supervisor's does."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._reaper = Reaper()
        self._running: list[tuple[Part, subprocess.Popen[bytes], float]] = []

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for part, process, _ in reversed(self._running):
            end(process, part)
            self._reaper.forget(process.pid)
        self._running.clear()
        self._save()
        self._reaper.close()

    def start(self, part: Part) -> None:
        """Start a server and return when it is ready. Raises `StackError` when it does not come up."""
        if part.prepare:
            part.prepare()
        process = spawn(part, self._layout.logs)
        self._reaper.watch(process.pid, part.stop)
        self._running.append((part, process, psutil.Process(process.pid).create_time()))
        self._save()
        wait_ready(process, part, seconds=PATIENCE)

    def _save(self) -> None:
        me = psutil.Process(os.getpid())
        processes = tuple(
            {
                "name": part.name,
                "pid": process.pid,
                "started": started,
                "healthy": True,
                "detail": "restore",
                "restarts": 0,
                "last_exit": None,
                "seconds": 0.0,
            }
            for part, process, started in self._running
        )
        phase = "starting" if processes else "stopped"
        save(StackState(self._layout, phase, None, me.pid, me.create_time(), datetime.now(UTC), processes))
