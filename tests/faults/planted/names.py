"""What can be planted, by name, and the folder in which it remembers what it did."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ALL_CRASH_POINTS = "crash-points"
"""In HUIYIN_PLANTED: every crash point, so that whichever is armed later is there."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug: the invariant that it breaks, and what it does."""

    invariant: str
    what: str


BUGS: Mapping[str, Bug] = {
    "answers-without-commit": Bug("I1", "every second transaction of raises is answered 201, and what it wrote is rolled back"),
    "raises-twice": Bug("I1", "every fifth raise records a second issue that nobody asked for"),
    "publishes-a-gap": Bug("I2", "the relay moves every tenth event without publishing it"),
    "swaps-messages": Bug("I2", "the relay publishes neighbouring events of one issue in the wrong order"),
    "lapses-early": Bug("I3", "accept and handle deadlines lapse and are warned of 1.5 s before their instant"),
    "climbs-two-levels": Bug("I3", "a missed deadline of the village lifts an issue by two levels at once"),
    "forgets-a-lapse": Bug("I3", "the handle deadlines of every second issue never lapse"),
    "drops-a-signal": Bug("I4", "every second issue gets no workflow, and nobody reseats it"),
    "closes-unanswered": Bug("I4", "a rating or withdrawal closes an issue without `Answered`"),
    "forgets-a-projection": Bug("I5", "the ledger overlooks every third `Accepted`"),
    "sends-twice": Bug("I6", "every fifth SMS is sent again under a new id"),
    "sends-in-silence": Bug("I6", "every fifth notice is never queued"),
    "stops-consuming": Bug("I7", "tracking's subscriber stands still after five batches"),
    "skips-the-audit": Bug("I8", "every fifth audit entry of a command is left out"),
    "logs-the-narrative": Bug("I9", "intake logs what the reporter said"),
    "shows-the-phone": Bug("I9", "notify keeps whole addresses instead of masked ones"),
}

_APPENDING = ("intake", "routing", "routing-worker", "notify")
_CONSUMING = ("intake", "routing-worker", "tracking", "notify")

CRASH_POINTS: Mapping[str, str] = {
    **{f"append-before-commit.{process}": f"{process}: events are appended, the transaction is not committed" for process in _APPENDING},
    **{f"commit-before-bell.{process}": f"{process}: committed, the relay is not woken" for process in _APPENDING},
    "publish-before-move.relay": "the relay has published a batch and not moved it out of the outbox",
    "move-before-next.relay": "the relay has moved a batch",
    **{f"effects-before-ack.{process}": f"{process}: a batch's effects are committed, nothing is acknowledged" for process in _CONSUMING},
    **{f"ack-before-next.{process}": f"{process}: a batch is acknowledged" for process in _CONSUMING},
    "commit-before-signal.routing-worker": "`timers` has read an event and not told Temporal",
    "signal-before-ack.routing-worker": "`timers` has told Temporal and not acknowledged",
    "tick-before-answer.routing-worker": "a look at an issue is committed, Temporal was not told of it",
    "accepted-before-record.notify": "the SMS gateway or mail server has accepted a message, notify has not recorded it",
}
"""Name → where the process ends. The part after the dot is the process, as `huiyin status` names it."""


@dataclass(frozen=True, slots=True)
class Planted:
    """The folder HUIYIN_PLANTED_DIR: which crash points are armed, and which have struck."""

    folder: Path

    def arm(self, point: str) -> None:
        """Have the next process that comes by `point` end there, once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._armed(point).touch()

    def disarm(self, point: str) -> None:
        """Let nobody end at `point` any more."""
        self._armed(point).unlink(missing_ok=True)

    def struck(self, point: str) -> bool:
        """Whether a process ended at `point` since the folder was made."""
        return self._struck(point).exists()

    def take(self, point: str) -> bool:
        """Whether `point` was armed: true for one process only, and noted."""
        if not self._armed(point).exists():
            return False
        with suppress(FileNotFoundError):  # another process was faster
            self._armed(point).rename(self._struck(point))
            return True
        return False

    def _armed(self, point: str) -> Path:
        return self.folder / f"{point}.armed"

    def _struck(self, point: str) -> Path:
        return self.folder / f"{point}.struck"
