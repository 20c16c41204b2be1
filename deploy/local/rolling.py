"""Restart parts one after the other: the supervisor starts again whatever ends, so it is enough to ask each part to end and to wait."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.layout import SHARED, Layout, StackError, kind_and_number
from deploy.local.parts import parts
from deploy.local.processes import Part
from deploy.local.state import StackState, is_running, load

PATIENCE = 120.0
"""Seconds for a part to be healthy again; the slowest machine tried needs a tenth."""
STOPPING = 30.0
"""Seconds for a part to finish what it has in hand before it is killed: three times what a service allows itself."""
_LOOK = 0.1


def several(layout: Layout) -> tuple[str, ...]:
    """Every part of which there is another that takes over meanwhile: replicas, and the servers of a NATS cluster."""
    names = [layout.replicas_of(kind) for kind in ("nats", *SHARED)]
    return tuple(name for of_a_kind in names if len(of_a_kind) > 1 for name in of_a_kind)


def restart(data: Path, names: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Restart the named parts one at a time; gives each one's name and the seconds that it took, when it is healthy again.

    Raises:
        StackError: the stack does not run, or has no such part; another one of its kind is not healthy, so nobody would take over; a part
            did not come back.
    """
    state = load(data)
    if not state.alive:
        raise StackError(f"The stack in {data} does not run.")
    known = {part.name: part for part in parts(state.layout) if not part.once}
    if unknown := [name for name in names if name not in known]:
        raise StackError(f"No part is named {', '.join(unknown)}; there are {', '.join(known)}.")
    for name in names:
        began = time.monotonic()
        _restart(data, known[name])
        yield name, time.monotonic() - began


def _restart(data: Path, part: Part) -> None:
    if not _within(PATIENCE, lambda: _others_are_healthy(load(data), part.name)):
        raise StackError(f"{part.name} is not restarted: another part of its kind is not healthy, so nobody would take over.")
    before = _process(load(data), part.name)
    if not is_running(before["pid"], before["started"]):
        raise StackError(f"{part.name} does not run: its supervisor starts it again by itself.")
    os.kill(before["pid"], part.stop)
    if not _within(max(part.grace, STOPPING), lambda: not is_running(before["pid"], before["started"])):
        os.killpg(before["pid"], signal.SIGKILL)
    if not _within(PATIENCE, lambda: _is_back(load(data), part.name, before)):
        raise StackError(f"{part.name} was not healthy within {PATIENCE:.0f} s, see {load(data).layout.logs / part.name}.log")


def _others_are_healthy(state: StackState, name: str) -> bool:
    kind, _ = kind_and_number(name)
    return all(process["healthy"] for process in state.processes if process["name"] != name and kind_and_number(process["name"])[0] == kind)


def _is_back(state: StackState, name: str, before: Mapping[str, Any]) -> bool:
    now = _process(state, name)
    return bool(now["healthy"]) and (now["pid"], now["started"]) != (before["pid"], before["started"])


def _process(state: StackState, name: str) -> Mapping[str, Any]:
    return next(process for process in state.processes if process["name"] == name)


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True
