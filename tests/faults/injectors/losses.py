"""A server that loses all that it stored. Whatever it held can be made again from the log."""

import os
import random
import shutil
import signal
from pathlib import Path

from deploy.local import nats
from tests.faults.injectors.base import NotStruck, Target, mended

HEALTHY_AGAIN = 90.0
"""Seconds that a server has to be there again, empty."""


def _pid(stack: Target, name: str) -> int:
    try:
        return stack.pid(name)
    except LookupError as error:
        raise NotStruck(str(error)) from error


def _lose(pid: int, files: list[Path]) -> None:
    """Remove what a process keeps, and the process with it: stopped first, so that nobody starts it on half of its files."""
    os.kill(pid, signal.SIGSTOP)
    for path in files:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    os.kill(pid, signal.SIGKILL)


class TemporalLost:
    """Temporal's database is deleted: every workflow and timer is gone, until `huiyin routing reseat --all`."""

    name = "temporal-lost"

    def __init__(self) -> None:
        self.told = ""
        self._lost = False

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Delete the database under the running server, and kill it. Raises `NotStruck` when it does not run."""
        files = sorted(stack.data.glob("temporal.sqlite*"))
        _lose(_pid(stack, "temporal"), files)
        self._lost = True
        self.told = f"temporal: {len(files)} files deleted"

    async def heal(self, stack: Target) -> None:
        """Seat every open issue's workflow again."""
        if self._lost:
            self._lost = False
            await stack.wait_healthy(HEALTHY_AGAIN)
            await mended(stack, "routing", "reseat", "--all")


class JetStreamLost:
    """JetStream's folder is deleted: streams, messages, durables and their positions, until `huiyin events republish`."""

    name = "jetstream-lost"

    def __init__(self) -> None:
        self.told = ""
        self._lost = False

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Delete the folder under the running server, and kill it. Raises `NotStruck` when it does not run."""
        _lose(_pid(stack, "nats"), [nats.store(stack.layout)])
        self._lost = True
        self.told = "nats: its folder deleted"

    async def heal(self, stack: Target) -> None:
        """Fill it again from the log."""
        if self._lost:
            self._lost = False
            await stack.wait_healthy(HEALTHY_AGAIN)
            await mended(stack, "events", "republish")
