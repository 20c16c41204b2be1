"""The loop: one thread, one heap of timed steps, processes that can die or freeze at any of them. No real time passes."""

import hashlib
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

MICROSECONDS = 1_000_000
STEP = 0.002
"""Mean seconds of one step (a query, a message): short against deadlines, long enough that others come in between."""
SLOW_STEP = 0.3
"""Mean seconds of one step in twenty: a busy machine, so that two replicas meet."""
SILENCE = 10.0
"""Seconds after which the database drops the idle connection of a relay that was stopped."""
TOO_MANY = 150_000
"""Steps after which a schedule is broken off: nothing that works takes so many."""


MISTAKES = (AttributeError, TypeError, AssertionError, LookupError, ValueError, NotImplementedError)
"""Errors that no fault explains."""


def _told(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} at {last.filename.rpartition('/')[2]}:{last.lineno}"


class TooManySteps(Exception):
    """Something goes round and round."""


class Crashed(Exception):
    """What a caller sees of a callee whose process died."""


class Process:
    """A process: it dies with all its tasks at once, and may come back; frozen, it does nothing and knows nothing of it."""

    def __init__(self, loop: "Loop", kind: str, name: str, boot: Callable[["Process"], object] | None = None) -> None:
        self.loop, self.kind, self.name = loop, kind, name
        self.alive, self.frozen_until = True, 0
        self.tasks: dict[Task, None] = {}
        self.on_death: list[Callable[[], object]] = []
        self.on_silence: list[Callable[[], None]] = []
        self._boot = boot
        loop.processes.append(self)

    def boot(self) -> None:
        """Begin with empty memory."""
        self.alive = True
        self.loop.tell("boots", self.name)
        if self._boot:
            self._boot(self)

    def kill(self, back_after: float) -> None:
        """Everything in hand is gone; it is started again `back_after` seconds later."""
        if not self.alive:
            return
        self.alive, self.frozen_until = False, 0
        self.loop.tell("dies", self.name)
        for task in list(self.tasks):
            task.end(None, Crashed(self.name))
        ends, self.on_death, self.on_silence = self.on_death, [], []
        for end in ends:
            end()
        self.loop.after(back_after, self.boot)

    def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        self.loop.tell("freezes", self.name)
        self.frozen_until = self.loop.now + int(seconds * MICROSECONDS)
        for task in self.tasks:
            task.notes["disturbed"] = True
        for note in self.on_silence if seconds > SILENCE else ():
            self.loop.after(SILENCE, note)

    @property
    def works(self) -> bool:
        """Whether it is there and runs."""
        return self.alive and self.frozen_until <= self.loop.now


class Signal:
    """Something that tasks wait for. It stays set until it is cleared."""

    def __init__(self, loop: "Loop") -> None:
        self._loop, self.is_set = loop, False
        self._waiting: list[tuple[Task, int]] = []

    def set(self) -> None:
        """Wake whoever waits."""
        self.is_set = True
        waiting, self._waiting = self._waiting, []
        for task, ticket in waiting:
            self._loop.resume_later(task, ticket, 0, True)

    def clear(self) -> None:
        """Not any more."""
        self.is_set = False

    async def wait(self, timeout: float | None = None) -> bool:
        """Whether it was set before `timeout` seconds were over."""
        return True if self.is_set else await _Wait(self, timeout)

    def add(self, task: "Task", ticket: int) -> None:
        """A task waits."""
        self._waiting.append((task, ticket))


class Task:
    """A coroutine of a process, with context variables of its own, as asyncio's tasks have: what dies half-way leaves nothing behind."""

    def __init__(self, loop: "Loop", process: Process, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        self.process, self.coroutine, self.name = process, coroutine, name
        self.ticket = 0
        self.context = copy_context()
        self.done = Signal(loop)
        self.result: Any = None
        self.error: Exception | None = None
        self.notes: dict[str, Any] = {}
        process.tasks[self] = None

    def end(self, result: Any, error: Exception | None) -> None:
        """Over, whether it wanted or not."""
        if self.done.is_set:
            return
        self.result, self.error = result, error
        self.process.tasks.pop(self, None)
        self.context.run(self.coroutine.close)
        self.done.set()

    def value(self) -> Any:
        """What came of it. Raises what it raised."""
        if self.error is not None:
            raise self.error
        return self.result


@dataclass
class _Step:
    name: str
    lose: Callable[[], Exception] | None
    seconds: float | None

    def __await__(self) -> Generator["_Step", Any, Any]:
        return (yield self)


@dataclass
class _Wait:
    signal: Signal
    timeout: float | None

    def __await__(self) -> Generator["_Wait", Any, Any]:
        return (yield self)


Trap = Callable[[Process], str | None]
"""What happens to a process that reaches a step: `lose` its answer, or None after the trap itself has done something."""


class Loop:
    """Virtual time from `begin` on; everything is decided by the seed."""

    def __init__(self, seed: int, begin: datetime, *, story: bool = False) -> None:
        self.random = Random(seed)
        self.begin, self.now = begin, 0
        self.processes: list[Process] = []
        self.traps: dict[tuple[str, str, int], Trap] = {}
        self.seen: Counter[tuple[str, str]] = Counter()
        self.steps = 0
        self.most = TOO_MANY
        self.story: list[str] | None = [] if story else None
        self.current: Task | None = None
        self.mistakes: list[str] = []
        self._trace = hashlib.blake2b(digest_size=16)
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._turn = 0

    @property
    def instant(self) -> datetime:
        """The present instant of the host's clock."""
        return self.begin + timedelta(microseconds=self.now)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, as a monotonic clock counts them."""
        return self.now / MICROSECONDS

    @property
    def trace(self) -> str:
        """A digest of everything that happened, in order."""
        return self._trace.hexdigest()

    def tell(self, what: str, about: str) -> None:
        """Put a line into the trace."""
        line = f"{self.now} {what} {about}\n"
        self._trace.update(line.encode())
        if self.story is not None:
            self.story.append(line)

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Have something happen, seconds from now."""
        self._at(self.now + int(seconds * MICROSECONDS), happen)

    def _at(self, instant: int, happen: Callable[[], None]) -> None:
        self._turn += 1
        heappush(self._heap, (instant, self._turn, happen))

    def spawn(self, process: Process, coroutine: Coroutine[Any, Any, Any], name: str) -> Task:
        """Start a task; it takes its first step a moment later."""
        task = Task(self, process, coroutine, name)
        self.resume_later(task, 0, 0, None)
        return task

    async def step(self, name: str, *, lose: Callable[[], Exception] | None = None, seconds: float | None = None) -> None:
        """A step between two effects: here a process can die, freeze, or `lose` the answer that it was to get."""
        await _Step(name, lose, seconds)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await _Step("sleep", None, seconds)

    def resume_later(self, task: Task, ticket: int, seconds: float, value: object, error: Exception | None = None) -> None:
        """Go on with a task, unless something else resumed it first (then its ticket is another)."""
        self._at(self.now + int(seconds * MICROSECONDS), lambda: self._resume(task, ticket, value, error))

    def _resume(self, task: Task, ticket: int, value: object, error: Exception | None) -> None:
        if task.done.is_set or task.ticket != ticket:
            return
        frozen = task.process.frozen_until - self.now
        if frozen > 0:
            self._at(task.process.frozen_until, lambda: self._resume(task, ticket, value, error))
            return
        task.ticket += 1
        self.current = task
        try:
            step, given = (task.coroutine.throw, error) if error is not None else (task.coroutine.send, value)
            yielded = task.context.run(step, given)
        except StopIteration as stop:
            task.end(stop.value, None)
        except Exception as failure:
            self.tell("raises", f"{task.process.name} {task.name} {type(failure).__name__}")
            if isinstance(failure, MISTAKES):
                self.mistakes.append(f"{task.name} of {task.process.kind}: {_told(failure)}")
            task.end(None, failure)
        else:
            self._arm(task, yielded)
        finally:
            self.current = None

    def _arm(self, task: Task, yielded: "_Step | _Wait") -> None:
        if isinstance(yielded, _Wait):
            yielded.signal.add(task, task.ticket)
            if yielded.timeout is not None:
                self.resume_later(task, task.ticket, max(yielded.timeout, 0), False)
            return
        error = None
        if yielded.name != "sleep":
            error = self._trapped(task, yielded)
            if task.done.is_set:
                return
        seconds = yielded.seconds if yielded.seconds is not None else self._while()
        self.resume_later(task, task.ticket, seconds, None, error)

    def _while(self) -> float:
        """How long a step takes: mostly a moment, now and then so long that others overtake it."""
        return self.random.expovariate(1 / (STEP if self.random.random() < 0.95 else SLOW_STEP))

    def _trapped(self, task: Task, step: _Step) -> Exception | None:
        self.steps += 1
        if self.steps > self.most:
            raise TooManySteps(f"{step.name} of {task.process.name}, {task.name}")
        kind = task.process.kind
        self.tell(step.name, task.process.name)
        place = (kind, step.name)
        self.seen[place] += 1
        trap = self.traps.pop((*place, self.seen[place]), None)
        if trap is None:
            return None
        verdict = trap(task.process)
        if verdict == "lose" and step.lose is not None:
            task.notes["disturbed"] = True
            return step.lose()
        return None

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        until = self.now + int(seconds * MICROSECONDS)
        while self._heap and self._heap[0][0] <= until:
            self.now, _, happen = heappop(self._heap)
            happen()
        self.now = until
