"""How every process runs: on libuv's event loop, which does in C what asyncio does in Python for each wait on a socket."""

import gc
from collections.abc import Coroutine
from typing import Any

import uvloop

_YOUNG, _MIDDLE, _OLD = 20_000, 20, 20
"""How many new objects the collector of cycles lets come before it looks at them (700 unless said), and how many such looks before it
looks at older ones. A look at a thousand issues makes a hundred thousand objects, none of them in a cycle."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's `main` to its end."""
    collect_seldom()
    uvloop.run(main)


def collect_seldom() -> None:
    """Have the collector never look again at what is loaded by now, which stays for good, and at what is new less often."""
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
