"""Faults: what is chosen by the seed, when it strikes, and how everything is healed."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.faults.simulator.loop import Process
from tests.faults.simulator.parts import Cell
from tests.faults.simulator.rollouts import Rollouts

STEPS: dict[str, tuple[str, ...]] = {
    "routing-worker": ("begin", "load", "append", "commit", "committed", "deliver", "ack", "signal", "signalled"),
    "routing-api": ("begin", "load", "append", "commit", "committed"),
    "intake": ("begin", "load", "append", "commit", "committed"),
    "tracking": ("begin", "commit", "committed", "deliver", "ack"),
    "notify": ("begin", "load", "append", "commit", "committed", "deliver", "ack", "contact", "send", "taken"),
    "relay": ("outbox", "publish", "published", "move", "moved", "topology"),
}
"""Between which steps a process of each kind is struck."""
LOSES = frozenset({"committed", "ack", "signalled", "published", "moved", "taken"})
"""Steps whose answer can be lost after the effect."""
HOURS = 70.0
"""Faults strike within the first so many hours."""


class Trouble:
    """The faults of one schedule."""

    def __init__(self, cell: Cell, rollouts: Rollouts, faults: int) -> None:
        self.cell, self.loop, self.rollouts = cell, cell.loop, rollouts
        self.struck: Counter[str] = Counter()
        self.forgotten = False
        self._ends: list[Callable[[], None]] = []
        chance = self.loop.random
        for _ in range(faults):
            if chance.random() < 0.6:
                self._trap()
            else:
                name = chance.choice(tuple(self._strikes))
                self.loop.after(3600 * HOURS * chance.random() ** 2, lambda chosen=name: self._strike(chosen))

    def _trap(self) -> None:
        """A crash, a freeze or a lost answer at the nth time that a kind of process comes to a step."""
        chance = self.loop.random
        kind = chance.choice(tuple(STEPS))
        step = chance.choice(STEPS[kind])
        what = chance.choice(("crash", "crash", "freeze", "lose") if step in LOSES else ("crash", "crash", "freeze"))
        seconds = chance.choice((chance.uniform(0.5, 5), chance.uniform(5, 90)))

        def spring(process: Process) -> str | None:
            self.struck[f"{what} at {kind}.{step}"] += 1
            if what == "crash":
                process.kill(seconds)
            elif what == "freeze":
                process.freeze(seconds)
            else:
                self.loop.tell("loses", f"{process.name} {step}")
                return "lose"
            return None

        self.loop.traps[kind, step, chance.choice((1, 2, 3, 5, 8, 13, 21, 34))] = spring

    def _strike(self, name: str) -> None:
        self.struck[name] += 1
        self.loop.tell("strikes", name)
        self._strikes[name](self)

    def _for(self, seconds: tuple[float, float], end: Callable[[], None]) -> None:
        """Heal by itself after a while, and surely at the end."""
        self._ends.append(end)
        self.loop.after(self.loop.random.uniform(*seconds), end)

    def _database_away(self) -> None:
        self.cell.store.away = True
        self._for((1, 40), self._database_back)

    def _database_back(self) -> None:
        self.cell.store.away = False

    def _bus_away(self) -> None:
        self.cell.bus.away = True
        self._for((1, 60), self._bus_back)

    def _bus_back(self) -> None:
        self.cell.bus.away = False
        self.cell.bus.offer()
        self.cell.bus.damaged()

    def _deliveries(self) -> None:
        self.cell.bus.chaos = 0.4
        self._for((600, 90_000), self._deliveries_right)

    def _deliveries_right(self) -> None:
        self.cell.bus.chaos = 0.0

    def _temporal_away(self) -> None:
        self.cell.temporal.go()
        self._for((5, 120), self._temporal_back)

    def _temporal_back(self) -> None:
        if self.cell.temporal.away:
            self.cell.temporal.come()

    def _temporal_gone(self) -> None:
        """Its database is deleted; an operator reseats, or nobody does."""
        self.cell.temporal.forget()
        self.forgotten = True
        if self.loop.random.random() < 0.5:
            self.loop.after(self.loop.random.uniform(1, 60), self._reseat)

    def _reseat(self) -> None:
        """`huiyin routing reseat --all`."""
        worker = next(iter(self.rollouts.workers.values()), None)
        if worker is None or self.cell.temporal.away:
            self.loop.after(5, self._reseat)
            return
        rows = self.cell.store.tables["issues"]
        waiting = sorted(issue_id for issue_id, row in rows.items() if row["next_at"] is not None)
        self.loop.spawn(self.rollouts.process, worker.timers.seat(waiting), "reseat")

    def _gateway(self, mood: str) -> Callable[[], None]:
        def strike() -> None:
            self.cell.gateway.mood = mood
            self._for((30, 20_000), self._gateway_right)

        return strike

    def _gateway_right(self) -> None:
        self.cell.gateway.mood = "takes"

    def _clock(self, by: timedelta, *, all_clocks: bool) -> Callable[[], None]:
        """Set the machine's clock, or the database's alone, which somebody puts right later."""
        wrong = [by]

        def back() -> None:
            while wrong:
                self.cell.store.skew -= wrong.pop()

        def strike() -> None:
            self.cell.store.skew += by
            if all_clocks:
                self.cell.temporal.skew += by
                self.cell.temporal.look_at_clocks()
            else:
                self._for((600, 20_000), back)

        return strike

    def _everybody_dies(self) -> None:
        """A power cut of the machine: every process at once, and the end of the stream that was not on disk."""
        for process in self.cell.loop.processes:
            if process.kind in STEPS:
                process.kill(self.loop.random.uniform(1, 20))
        self.cell.bus.truncate(self.loop.random.choice((0, 1, 5)))

    _strikes: dict[str, Callable[[Any], None]] = {  # noqa: RUF012
        "database away": _database_away,
        "bus away": _bus_away,
        "deliveries lost, twice, late, reordered": _deliveries,
        "bus emptied": lambda self: self.cell.bus.empty(),
        "bus wiped": lambda self: self.cell.bus.wipe(),
        "bus truncated": lambda self: self.cell.bus.truncate(self.loop.random.randint(1, 30)),
        "Temporal away": _temporal_away,
        "Temporal's database gone": _temporal_gone,
        "gateway breaks": lambda self: self._gateway("breaks")(),
        "gateway refuses": lambda self: self._gateway("refuses")(),
        "gateway hangs": lambda self: self._gateway("hangs")(),
        "every clock an hour on": lambda self: self._clock(timedelta(hours=1), all_clocks=True)(),
        "every clock an hour back": lambda self: self._clock(timedelta(hours=-1), all_clocks=True)(),
        "database's clock an hour on": lambda self: self._clock(timedelta(hours=1), all_clocks=False)(),
        "database's clock an hour back": lambda self: self._clock(timedelta(hours=-1), all_clocks=False)(),
        "power cut": _everybody_dies,
    }

    def heal(self) -> None:
        """Nothing strikes any more, everything is there again."""
        self.loop.tell("healed", "")
        self.loop.traps.clear()
        for end in self._ends:
            end()
        for process in self.loop.processes:
            process.frozen_until = min(process.frozen_until, self.loop.now)
