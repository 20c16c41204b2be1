"""Row 10: the memory of each process with many open issues, against few."""

from collections.abc import Mapping

import psutil
from rich.console import Console

from deploy.local.state import StackState
from shared.database import Database
from shared.messaging.connection import NatsConnection, connect
from shared.messaging.topology import DURABLES
from tests.bench.open_issues import make_open
from tests.bench.ratio import Ratio
from tests.support.consumers import unfinished
from tests.support.waiting import eventually

SMALL, LARGE = 1_000, 100_000
PORTION = 5_000
SETTLE = 4 * 3600
"""Seconds that the stack may take until all of them have workflows."""

_console = Console(stderr=True)


async def measure(state: StackState, *, small: int = SMALL, large: int = LARGE) -> list[Ratio]:
    """One ratio for each process of a running stack; proportional set size in MB, children included."""
    intake, routing = Database(state.database_url("intake")), Database(state.database_url("routing"))
    observer = await connect(state.nats_url("observer"), "bench")
    sizes: list[Mapping[str, float]] = []
    try:
        made = 0
        for wanted in (small, large):
            while made < wanted:
                made += len(await make_open(intake, routing, min(PORTION, wanted - made), seed=made))
                _console.print(f"{made} open issues")
            await eventually(lambda: _idle(observer), seconds=SETTLE, every=2)
            sizes.append(_sizes(state))
    finally:
        await observer.close()
        await intake.close()
        await routing.close()
    few, many = sizes
    return [
        Ratio(f"memory of {name} in MB with {large:,} open issues", f"with {small:,}", [many[name]], [few[name]], 1.5, at_least=False)
        for name in few
    ]


async def _idle(observer: NatsConnection) -> bool:
    """Whether every consumer has done everything: each issue then has its workflow."""
    for durable in DURABLES:
        if await unfinished(observer, durable):
            return False
    return True


def _sizes(state: StackState) -> Mapping[str, float]:
    return {process["name"]: _size(process["pid"]) for process in state.processes}


def _size(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(process.memory_full_info().pss for process in (root, *root.children(recursive=True))) / 2**20
