"""Polls: a process looks every now and then; the loop lets it look only when it could find something."""

from collections.abc import Callable, Coroutine
from typing import Any

from tests.faults.simulator.loop import MICROSECONDS, Loop, Process


class Alarm:
    """A poll of a process, made only when it could find something: at the earliest instant asked for."""

    def __init__(self, loop: Loop, process: Process, look: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        self._loop, self._process, self._look, self._name = loop, process, look, name
        self._next: int | None = None
        self._busy = False
        self._again = False

    def set(self, seconds: float) -> None:
        """Look in so many seconds, if not sooner."""
        at = self._loop.now + int(max(seconds, 0) * MICROSECONDS)
        if self._next is not None and self._next <= at:
            return
        self._next = at
        self._loop.after(max(seconds, 0), lambda: self._ring(at))

    def _ring(self, at: int) -> None:
        if self._next != at or not self._process.alive:
            return
        self._next = None
        if self._busy:
            self._again = True
            return
        self._busy = True
        self._loop.spawn(self._process, self._run(), self._name)

    async def _run(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            await self._look()
        self._busy = False
