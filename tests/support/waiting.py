"""Waiting for a condition, never for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], object] | Callable[[], Awaitable[object]], *, seconds: float = 10, every: float = 0.02
) -> None:
    """Return when `condition` holds, looking `every` so many seconds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if await held if isinstance(held, Awaitable) else held:
            return
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(every)
