"""Some parts of a stack under the supervisor's own keepers, in this process: the smallest real thing that faults can strike."""

import asyncio
import os
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from deploy.local.keeper import Keeper
from deploy.local.layout import Layout
from deploy.local.parts import parts
from deploy.local.processes import Part
from deploy.local.reaper import Reaper
from deploy.local.state import StackState, save
from deploy.local.supervisor import PATIENCE
from tests.faults.injectors.proxies import Proxies
from tests.support.servers import free_base
from tests.support.waiting import eventually

PLANTED = Path(__file__).parents[1] / "planted"


class SmallStack:
    """A `Target` of chosen parts, for the length of an `async with`; the parts reach their servers through the proxies.

    Args:
        data: a folder of its own.
        names: of parts; those that they need must be among them, or be needless for what is tried.
        env: variables for all of them.
    """

    def __init__(self, data: Path, names: Collection[str], env: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.layout = Layout(data, free_base())
        self._names = names
        self._env = env or {}
        self._ends = AsyncExitStack()
        self.keepers: dict[str, Keeper] = {}

    async def __aenter__(self) -> "SmallStack":
        self.layout.make_folders()
        self.proxies = Proxies(self.layout)
        self._ends.callback(self.proxies.close)
        reaper = Reaper()
        self._ends.callback(reaper.close)
        for part in parts(self.layout):
            if part.name in self._names:
                needs = [self.keepers[name] for name in part.needs if name in self.keepers]
                self.keepers[part.name] = Keeper(self._led(part), needs, self.layout.logs, lambda: reaper, lambda _: None)
        me = psutil.Process(os.getpid())
        save(StackState(self.layout, "running", None, me.pid, me.create_time(), datetime.now(UTC), ()))
        tasks = [asyncio.create_task(keeper.run()) for keeper in self.keepers.values()]
        self._ends.push_async_callback(self._stop, tasks)
        try:
            await self.wait_healthy(PATIENCE)
        except BaseException:
            await self._ends.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    def pid(self, name: str) -> int:
        """The process of a part. Raises `LookupError` while it does not run."""
        process = self.keepers[name].process
        if process is None:
            raise LookupError(f"{name} does not run")
        return process.pid

    async def wait_healthy(self, seconds: float = 90) -> None:
        """Return when every part is well."""
        await eventually(lambda: all(keeper.health.ready for keeper in self.keepers.values()), seconds=seconds)

    def _led(self, part: Part) -> Part:
        path = os.pathsep.join(filter(None, (str(PLANTED), os.environ.get("PYTHONPATH"))))
        return replace(part, env={**part.env, **self._env, **self.proxies.env, "PYTHONPATH": path})

    async def _stop(self, tasks: "list[asyncio.Task[None]]") -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for keeper in reversed(self.keepers.values()):
            await keeper.stop()
