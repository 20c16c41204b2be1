"""How every process runs: on libuv's event loop, which does in C what asyncio does in Python for each wait on a socket."""

import gc
from collections.abc import Coroutine
from typing import Any

import uvloop

COLLECT_AFTER = (20_000, 20, 20)
"""Objects more than before after which the garbage collector looks: requests and events make many that live shortly."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's `main` to its end."""
    uvloop.run(main)


def collect_seldom() -> None:
    """What was imported stays: the collector need not look at it again and again, and at what is new less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
