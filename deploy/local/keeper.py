"""Keeps one part running: starts it when what it needs is ready, looks after it, starts it again with back-off when it ends."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.local.layout import StackError
from deploy.local.processes import READY, Health, Part, end, spawn
from deploy.local.reaper import Reaper

LOOK_EVERY = 2.0
"""Seconds between two looks at a part that is well."""
HUNG_AFTER = 60.0
"""Seconds without an answer after which a part is killed. One that answers that it is not ready (its database is away) is left alone."""
START_PATIENCE = 240.0
"""The same before the first answer: a machine that starts many parts at once is slow, and killing them makes it slower."""
BACK_OFF = (0.5, 10.0)
"""Seconds before the first and at most before any later start again; a run of a minute counts as success."""
FIRST_TRIES = 3
"""A part that ends this often before it was ever ready will not come up."""


class Keeper:
    """One part of a running stack."""

    def __init__(
        self, part: Part, needs: Sequence["Keeper"], logs: Path, reaper: Callable[[], Reaper], changed: Callable[["Keeper"], None]
    ) -> None:
        self.part = part
        self.needs = needs
        self.ready = asyncio.Event()  # has been ready once: those who need it may start
        self.health = Health(False, "waits for " + ", ".join(part.needs) if part.needs else "")
        self.restarts = 0
        self.last_exit: int | None = None
        self.seconds = 0.0  # from start to ready, the first time
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self._logs = logs
        self._reaper = reaper
        self._changed = changed

    @property
    def name(self) -> str:
        """As in `status`."""
        return self.part.name

    def report(self) -> dict[str, Any]:
        """This part's entry in the state file."""
        return {
            "name": self.name,
            "pid": self.process.pid if self.process else None,
            "started": self.started,
            "healthy": self.health.ready,
            "detail": self.health.detail,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "seconds": round(self.seconds, 1),
        }

    async def run(self) -> None:
        """Keep it running until cancelled; a task that runs once returns when it is done. Raises `StackError` if it never comes up."""
        for need in self.needs:
            await need.ready.wait()
        delay, tries = BACK_OFF[0], 0
        while True:
            begun = time.monotonic()
            ended = await self._run_once(begun)
            if self.part.once and self.last_exit == 0:
                self.seconds = time.monotonic() - begun
                self._note(READY)
                return
            tries += 1
            if not self.ready.is_set() and tries == FIRST_TRIES:
                raise StackError(f"{self.name} does not start ({ended}, {tries} times): {self._last_words()}")
            asked_to = self.last_exit == 0  # somebody restarts it in good order
            delay = BACK_OFF[0] if asked_to or time.monotonic() - begun > HUNG_AFTER else min(delay * 2, BACK_OFF[1])
            self.restarts += 1
            self._note(Health(False, f"{ended}, starts again in {delay:.0f} s", answers=False))
            await asyncio.sleep(delay)

    async def _run_once(self, begun: float) -> str:
        """Start it, look after it, and say how it ended."""
        try:
            process = await self._start()
        except OSError as error:
            return f"could not be started: {error}"
        await self._look_after(process, begun)
        self._reaper().forget(process.pid)
        self.last_exit, self.process = process.returncode, None
        return f"ended with {process.returncode}"

    async def stop(self) -> None:
        """Stop it in good order; returns when it is gone."""
        if self.process is not None:
            process = self.process
            await asyncio.to_thread(end, process, self.part)
            self._reaper().forget(process.pid)
            self.process = None
            self._note(Health(False, "stopped"))

    async def _start(self) -> "subprocess.Popen[bytes]":
        if self.part.prepare:
            await asyncio.to_thread(self.part.prepare)
        # Here and not in a thread: Linux ties a child to the thread that made it.
        self.process = spawn(self.part, self._logs)
        self._reaper().watch(self.process.pid, self.part.stop)
        self.started = psutil.Process(self.process.pid).create_time()
        self._note(Health(False, "starting"))
        return self.process

    async def _look_after(self, process: "subprocess.Popen[bytes]", begun: float) -> None:
        """Return when the process has ended, by itself or because it was hung."""
        answered = look_at = time.monotonic()
        patience = START_PATIENCE
        while process.poll() is None:
            if not self.part.once and time.monotonic() >= look_at:
                probe = self.part.ready if not self.health.ready else self.part.alive or self.part.ready
                health = await asyncio.to_thread(probe)
                now = time.monotonic()
                if health.ready and not self.ready.is_set():
                    self.seconds = now - begun
                if process.poll() is None:
                    self._note(health)
                look_at = now + (LOOK_EVERY if health.ready else 0.1 if now - begun < HUNG_AFTER else LOOK_EVERY)
                if health.answers:
                    answered, patience = now, HUNG_AFTER
                if now - answered > patience or health.beyond_help:
                    os.killpg(process.pid, signal.SIGKILL)
            await asyncio.sleep(0.1)

    def _note(self, health: Health) -> None:
        changed, self.health = health != self.health, health
        if health.ready:
            self.ready.set()
        if changed:
            self._changed(self)

    def _last_words(self) -> str:
        log = self._logs / f"{self.name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (see {log})"
