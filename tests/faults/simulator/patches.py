"""Where product modules look up what is modelled here: put in place for one schedule, taken away after it. Product code has no switch."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from sqlalchemy import Table

from services.routing.repository import row_of
from services.tracking.tables import Projections
from shared.contracts import Event
from shared.contracts.envelope import Recorded, parse
from tests.faults.simulator.inbox import SimulatedInbox
from tests.faults.simulator.loop import Loop
from tests.faults.simulator.notices import Notices, message_row
from tests.faults.simulator.parts import Cell, RoutingRows
from tests.faults.simulator.store import Transaction

UNTRACED = (
    "shared.eventlog.log.span",
    "shared.messaging.effects.span",
    "services.routing.timers.span",
    "services.notify.sender.span",
    "services.notify.receipts.span",
    "services.notify.receipts.linked_root_span",
    "services.routing.handlers.linked_root_span",
)
IDS = ("shared.eventlog.log.new_id",)


def untraced(*about: object, **how: object) -> AbstractContextManager[None]:
    """No span."""
    return nullcontext()


async def write(session: Transaction, table: Table, rows: Sequence[Any], *, replace: bool = True) -> None:
    """In place of `upsert`: rows of tracking, those whose key is there replaced or left as they are. Nothing here asks for counts."""
    session.check()
    for row in rows:
        key = row["issue_id"] if replace else (row.issue_id, row.version)
        if replace or session.get(table.name, key) is None:
            session.put(table.name, key, row)


async def write_ledger(session: Transaction, tables: Projections, rows: Sequence[Any]) -> None:
    """In place of tracking's own."""
    await write(session, tables.ledger, rows)


async def write_transitions(session: Transaction, tables: Projections, rows: Sequence[Any]) -> None:
    """In place of tracking's own."""
    await write(session, tables.transitions, rows, replace=False)


@asynccontextmanager
async def pipelined(session: Transaction) -> AsyncIterator[None]:
    """No round trips here."""
    yield


class SimulatedAsyncio:
    """What product code here calls of asyncio: one after the other is as good as side by side, for each step gives way."""

    Event = asyncio.Event

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def gather(self, *work: Any, return_exceptions: bool = False) -> list[Any]:
        """One after the other; after an error the rest is not begun, unless errors are results."""
        todo, results = list(work), list[Any]()
        try:
            while todo:
                try:
                    results.append(await todo.pop(0))
                except Exception as error:
                    if not return_exceptions:
                        raise
                    results.append(error)
        finally:
            for each in todo:
                each.close()
        return results

    def Semaphore(self, slots: int) -> Any:  # noqa: N802
        """There is always room."""
        return _Room()

    def get_running_loop(self) -> Any:
        """Has the time."""
        return SimpleNamespace(time=lambda: self._loop.seconds)


class _Room:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *error: object) -> None:
        return None


class Single:
    """In place of `Together`: nobody asks at the same time."""

    def __init__(self, work: Any, *, gather: float) -> None:
        self._work = work

    async def __call__(self, item: Any) -> Any:
        """The result for one item."""
        (result,) = await self._work([item])
        if isinstance(result, Exception):
            raise result
        return result


@contextmanager
def simulated(cell: Cell) -> Iterator[None]:
    """The product over this cell."""
    loop, numbers, folded = cell.loop, count(1), cell.fold

    def new_id() -> str:
        return f"00000000-0000-7000-8000-{next(numbers):012x}"

    parsed: dict[bytes | str, Recorded[Event]] = {}

    def parse_once(body: bytes | str) -> Recorded[Event]:
        found = parsed.get(body)
        if found is None:
            found = parsed[body] = parse(body)
        return found

    clock = SimpleNamespace(monotonic=lambda: loop.seconds)
    notices, rows = Notices(new_id), RoutingRows(row_of)
    stubs: dict[str, Any] = {
        **dict.fromkeys(UNTRACED, untraced),
        **dict.fromkeys(IDS, new_id),
        "shared.messaging.subscriber.time": clock,
        "services.routing.context.time": clock,
        "shared.messaging.subscriber.Inbox": SimulatedInbox,
        "shared.messaging.tending.Inbox": SimulatedInbox,
        "shared.eventlog.relay.asyncio": SimulatedAsyncio(loop),
        "shared.eventlog.relay.ensure_topology": cell.bus.ensure_topology,
        "shared.eventlog.relay.durables_missing": cell.bus.durables_missing,
        "services.routing.timers.asyncio": SimulatedAsyncio(loop),
        "shared.messaging.effects.parse": parse_once,
        "shared.messaging.tending.parse": parse_once,
        "services.routing.timers.parse": parse_once,
        "services.routing.timers.replay": folded,
        "services.routing.handlers.replay": folded,
        "services.routing.handlers.Together": Single,
        "services.routing.handlers.repository": rows,
        "services.routing.overseer.repository": rows,
        "services.routing.workflows.workflow": cell.temporal,
        "services.notify.handlers.repository": notices,
        "services.notify.sender.repository": notices,
        "services.notify.sending.repository": notices,
        "services.notify.receipts.repository": notices,
        "services.notify.recipients.repository": notices,
        "services.notify.sender.asyncio": SimulatedAsyncio(loop),
        "shared.transactions.Together": Single,
        "services.notify.sending.MessageRow": message_row,
        "services.notify.outcomes.MessageRow": message_row,
        "services.tracking.projections.upsert": write,
        "services.tracking.projections.write_ledger": write_ledger,
        "services.tracking.projections.write_transitions": write_transitions,
        "services.tracking.projections.pipelined": pipelined,
    }
    with ExitStack() as stack:
        for name, stub in stubs.items():
            stack.enter_context(patch(name, stub))
        yield
