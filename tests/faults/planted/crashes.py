"""Crash points: functions of the product after or before which an armed process ends at once, as by `kill -9`."""

import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from tests.faults.planted.hook import Patch
from tests.faults.planted.names import Planted

_PROCESSES = {
    "services.intake": "intake",
    "services.routing": "routing",
    "services.routing.entrypoints.worker": "routing-worker",
    "services.tracking": "tracking",
    "services.notify": "notify",
    "shared.eventlog.relay": "relay",
}

_STEPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "append-before-commit": (("shared.eventlog.log", "EventLog.append", "after"), ("shared.eventlog.log", "EventLog.append_each", "after")),
    "commit-before-bell": (("shared.eventlog.bell", "OutboxBell.ring", "before"),),
    "publish-before-move": (("shared.eventlog.copy", "StreamCopy.publish", "after"),),
    "move-before-next": (("shared.eventlog.outbox", "Outbox.move", "after"),),
    "effects-before-ack": (("shared.messaging.subscriber", "Subscriber._settle", "before"),),
    "ack-before-next": (("shared.messaging.subscriber", "Subscriber._settle", "after"),),
    "commit-before-signal": (("services.routing.timers", "Timers.wake", "before"),),
    "signal-before-ack": (("services.routing.timers", "Timers.wake", "after"),),
    "tick-before-answer": (("services.routing.handlers", "IssueHandlers.tick", "after"),),
    "accepted-before-record": (
        ("services.notify.channels.sms", "SmsGateway.send", "after"),
        ("services.notify.channels.mail", "Mail.send", "after"),
    ),
}
"""Step → module, method, and on which side of it the process ends."""


def patches_of(points: Iterable[str]) -> list[dict[str, Patch]]:
    """The patches of those `points` that are this process's."""
    here = _process()
    found: list[dict[str, Patch]] = []
    for point in points:
        step, _, process = point.partition(".")
        if process == here:
            found += [{module: _patch(point, method, side)} for module, method, side in _STEPS[step]]
    return found


def _process() -> str | None:
    """Which part of the stack this is, by the module that it was started with."""
    words = sys.orig_argv
    return _PROCESSES.get(words[words.index("-m") + 1]) if "-m" in words else None


def _patch(point: str, method: str, side: str) -> Patch:
    owner_name, name = method.split(".")

    def patch(module: Any) -> None:
        owner = getattr(module, owner_name)
        setattr(owner, name, _ending(getattr(owner, name), point, side))

    return patch


def _ending(original: Callable[..., Any], point: str, side: str) -> Callable[..., Any]:
    planted = Planted(Path(os.environ["HUIYIN_PLANTED_DIR"]))

    @wraps(original)
    async def ending(*args: Any, **kwargs: Any) -> Any:
        if side == "before" and planted.take(point):
            os._exit(137)
        result = await original(*args, **kwargs)
        if side == "after" and planted.take(point):
            os._exit(137)
        return result

    return ending
