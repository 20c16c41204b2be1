"""The supervisor: starts the parts of a stack in order, keeps them running, and leaves nothing behind, however it ends."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psutil

from deploy.local.keeper import Keeper
from deploy.local.layout import Layout, StackError
from deploy.local.parts import parts
from deploy.local.reaper import Reaper
from deploy.local.state import Phase, StackState, save

HEARTBEAT = 2.0
"""Seconds between two writes of the state file when nothing changes."""
PATIENCE = 300.0
"""Seconds in which every part must have come up once. The slowest machine tried needs a tenth."""


class Supervisor:
    """A running stack.

    Args:
        layout: the stack's folder and ports; checked already (`deploy/local/checks.py`).
        changed: told of every part whose health changes.
    """

    def __init__(self, layout: Layout, changed: Callable[[Keeper], None]) -> None:
        self.layout = layout
        self.stopping = asyncio.Event()
        self._phase: Phase = "starting"
        self._failure: str | None = None
        self._tell = changed
        self._reaper = Reaper()
        self._keepers: dict[str, Keeper] = {}
        for part in parts(layout):
            needs = [self._keepers[name] for name in part.needs]
            self._keepers[part.name] = Keeper(part, needs, layout.logs, lambda: self._reaper, self._changed)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stopping` is set; calls `ready` when every part is healthy. Raises `StackError` when one never comes up."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2 * len(self._keepers)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stopping.set)
        tasks = [asyncio.create_task(keeper.run(), name=keeper.name) for keeper in self._keepers.values()]
        work = asyncio.gather(*tasks)
        beat = asyncio.create_task(self._beat())
        try:
            await self._serve(work, ready)
            self._enter("stopping")
        except StackError as error:
            self._failure = str(error)
            self._enter("failed")
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(work, *tasks, return_exceptions=True)
            await self._stop_all()
            beat.cancel()
            self._enter("stopped" if self._failure is None else "failed")
            self._reaper.close()

    def reports(self) -> list[dict[str, Any]]:
        """Every part's entry in the state file; a task that is done has none."""
        return [keeper.report() for keeper in self._keepers.values() if not keeper.part.once or not keeper.ready.is_set()]

    async def _serve(self, work: "asyncio.Future[list[None]]", ready: Callable[[], None]) -> None:
        """Return when a stop was asked for; raise what a keeper raised."""
        stop = asyncio.create_task(self.stopping.wait())
        all_ready = asyncio.create_task(self._all_ready())
        await asyncio.wait({all_ready, stop, work}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if all_ready.done() and not work.done():
            self._enter("running")
            ready()
            await asyncio.wait({stop, work}, return_when=asyncio.FIRST_COMPLETED)
        all_ready.cancel()
        if work.done():
            work.result()
        if not stop.done():
            late = [f"{keeper.name} ({keeper.health.detail})" for keeper in self._keepers.values() if not keeper.ready.is_set()]
            raise StackError(f"Not ready within {PATIENCE:.0f} s: {', '.join(late)}; see {self.layout.logs}")

    async def _all_ready(self) -> None:
        for keeper in self._keepers.values():
            await keeper.ready.wait()

    async def _stop_all(self) -> None:
        """Stop what nobody needs any more, until nothing is left."""
        left = dict(self._keepers)
        while left:
            needed = {name for keeper in left.values() for name in keeper.part.needs}
            free = [left.pop(name) for name in list(left) if name not in needed]
            await asyncio.gather(*(keeper.stop() for keeper in free))

    async def _beat(self) -> None:
        while True:
            self._save()
            if not self._reaper.alive:
                self._reaper = Reaper()
                for keeper in self._keepers.values():
                    if keeper.process is not None:
                        self._reaper.watch(keeper.process.pid, keeper.part.stop)
            await asyncio.sleep(HEARTBEAT)

    def _changed(self, keeper: Keeper) -> None:
        self._save()
        if self._phase in ("starting", "running") and not self.stopping.is_set():
            self._tell(keeper)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._save()

    def _save(self) -> None:
        me = psutil.Process(os.getpid())
        state = StackState(self.layout, self._phase, self._failure, me.pid, me.create_time(), datetime.now(UTC), tuple(self.reports()))
        try:
            save(state)
        except OSError as error:
            # The stack serves on; who asks for its status sees that nothing was written.
            print(f"The state file cannot be written: {error.strerror}", file=sys.stderr, flush=True)
