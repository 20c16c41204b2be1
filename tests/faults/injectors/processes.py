"""Parts that die by `kill -9`, or stop for a while and go on as if nothing had happened."""

import asyncio
import os
import random
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil

from tests.faults.injectors.base import Target, part_names

LONGEST_PAUSE = 30.0
"""Seconds. The supervisor kills what says nothing for 60."""


def _running(stack: Target, names: Sequence[str]) -> dict[str, int]:
    """Name and process of those parts that run at this moment."""
    found: dict[str, int] = {}
    for name in names:
        with suppress(LookupError):  # it was struck a moment ago and waits for its next start
            found[name] = stack.pid(name)
    return found


def _whole(pids: Iterable[int]) -> list[int]:
    """These processes and their children: Postgres has many."""
    found: list[int] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found += [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return found


def _signalled(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(pid, number)


class Kill:
    """`kill -9` of parts; the supervisor starts them again, so there is nothing to heal.

    Args:
        name: as in a schedule.
        most: at most so many at once; None for every part.
        parts: to choose from; None for all.
    """

    def __init__(self, name: str, most: int | None, parts: Sequence[str] | None = None) -> None:
        self.name = name
        self.told = ""
        self._most = most
        self._parts = parts

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Kill them in one go."""
        names = list(self._parts or part_names(stack))
        if self._most is not None:
            names = rng.sample(names, rng.randint(min(self._most, 2), min(self._most, len(names))))
        struck = _running(stack, names)
        _signalled(list(struck.values()), signal.SIGKILL)
        self.told = f"kill -9 {' '.join(struck)}"

    async def heal(self, stack: Target) -> None:
        """The supervisor does."""


class Pause:
    """SIGSTOP, then SIGCONT after 1 to 30 s: the part goes on with what it held in its hands, while the world has moved.

    Args:
        parts: to choose from; None for all.
    """

    name = "pause"

    def __init__(self, parts: Sequence[str] | None = None) -> None:
        self.told = ""
        self._parts = parts
        self._stopped: list[int] = []
        self._waking: asyncio.TimerHandle | None = None

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Stop one or two parts."""
        names = list(self._parts or part_names(stack))
        struck = _running(stack, rng.sample(names, rng.randint(1, min(2, len(names)))))
        seconds = rng.uniform(1, LONGEST_PAUSE)
        self._stopped = _whole(struck.values())
        _signalled(self._stopped, signal.SIGSTOP)
        self._waking = asyncio.get_running_loop().call_later(seconds, self._go_on)
        self.told = f"SIGSTOP {' '.join(struck)} for {seconds:.0f} s at most"

    async def heal(self, stack: Target) -> None:
        """Let it go on, if it does not yet."""
        if self._waking is not None:
            self._waking.cancel()
        self._go_on()

    def _go_on(self) -> None:
        _signalled(self._stopped, signal.SIGCONT)
        self._stopped = []


class PostgresCrash:
    """`kill -9` of every process of Postgres at once, as when the kernel runs out of memory or a container is removed."""

    name = "postgres-crash"

    def __init__(self) -> None:
        self.told = ""

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Kill postmaster and backends; every transaction that has not committed is gone."""
        pids = _whole(_running(stack, ["postgres"]).values())
        _signalled(pids, signal.SIGKILL)
        self.told = f"kill -9 {len(pids)} processes of Postgres"

    async def heal(self, stack: Target) -> None:
        """The supervisor does."""
