"""The event loop of every process: libuv's, which does in C what asyncio does in Python for each wait on a socket."""

from collections.abc import Coroutine
from typing import Any

import uvloop


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's `main` to its end."""
    uvloop.run(main)
