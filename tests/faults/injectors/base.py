"""What a fault is, and what it needs of the stack that it strikes."""

import asyncio
import random
import sys
from pathlib import Path
from typing import Protocol

from deploy.local.layout import Layout
from deploy.local.parts import parts
from deploy.local.processes import ROOT
from tests.faults.injectors.proxies import Proxies


class Target(Protocol):
    """A stack under a supervisor that starts again what dies; `FaultStack` is one."""

    @property
    def data(self) -> Path:
        """Its data folder."""
        ...

    @property
    def layout(self) -> Layout:
        """Its ports and secrets."""
        ...

    @property
    def proxies(self) -> Proxies:
        """What stands between its parts and its servers."""
        ...

    def pid(self, name: str) -> int:
        """The process of a part. Raises `LookupError` for one that does not run at this moment."""
        ...

    async def wait_healthy(self, seconds: float = 90) -> None:
        """Return when every part does its work; raises when that takes longer."""
        ...


class NotStruck(Exception):
    """What was to be struck is away already; nothing was done that needs healing."""


class Fault(Protocol):
    """Something that goes wrong.

    `strike` returns within seconds and the fault lasts until `heal`, which does what an operator would and may take long. `heal` without
    `strike` does nothing, and so does a second one. Both raise `AssertionError` where the system does not do what it promises; `strike`
    raises `NotStruck` where another fault was faster.
    """

    name: str
    told: str
    """What the last strike did to whom: for the report."""

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Begin. Every choice is taken from `rng`."""
        ...

    async def heal(self, stack: Target) -> None:
        """Make an end of it."""
        ...


def part_names(stack: Target) -> list[str]:
    """The parts of a stack that run for good."""
    return [part.name for part in parts(stack.layout) if not part.once]


async def huiyin(stack: Target, *words: str) -> tuple[int, str]:
    """Exit code and output of `huiyin WORDS` on this stack, as an operator runs it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.cli", *words, "--data", str(stack.data)),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return await process.wait(), output.decode()


async def mended(stack: Target, *words: str) -> None:
    """`huiyin WORDS`, which must end well."""
    code, output = await huiyin(stack, *words)
    assert code == 0, f"huiyin {' '.join(words)} ended with {code}\n{output}"
