"""I3 and the first half of I4: every issue's story, append by append."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from tests.faults.checker.life import Clock, Life
from tests.faults.checker.reading import Logged
from tests.faults.checker.violation import Violation

_LADDER = ("village", "township", "county")


def judge(streams: Mapping[str, Sequence[Logged]], now: datetime, seconds: float) -> list[Violation]:
    """Deadlines lapse once, never early and never late by more than `seconds`; nothing is closed unanswered.

    Args:
        streams: issue → its events in order.
        now: the database's clock when they were read.
        seconds: how long after its instant a deadline may still be waited for.
    """
    found: list[Violation] = []
    for stream, events in streams.items():
        story = _Story(stream)
        try:
            for _, append in groupby(events, key=lambda event: (event.time, event.recorded_by)):
                story.take(list(append))
            story.end(now, timedelta(seconds=seconds))
        except (KeyError, TypeError, ValueError) as error:  # a damaged event; the other issues are judged all the same
            found.append(Violation("I2", stream, f"cannot be read as a story: {type(error).__name__}: {error}"))
        found += story.found
    return found


class _Story:
    """One issue's events as they are read, and what is wrong with them."""

    def __init__(self, stream: str) -> None:
        self.found: list[Violation] = []
        self._stream = stream
        self._life = Life()
        self._lapsed: dict[str, datetime] = {}
        self._unfollowed: list[datetime] = []
        """When intake or notify said what routing has yet to follow: it counts from then, before deadlines that came later."""

    def take(self, append: Sequence[Logged]) -> None:
        """The events of one append: they share their instant."""
        climbed = 0
        last, overdue = append[-1], [clock for clock in self._life.waits_for if clock.due_at <= append[-1].time]
        answered_here: set[int] = set()
        for event in append:
            for clock_id, warned in _lapses(event, self._life):
                self._lapse(event, clock_id, warned=warned)
            if event.name == "Escalated":
                climbed += event.data["missed"] is not None
                self._climb(event)
            elif event.name == "Answered":
                answered_here.add(event.data["resolution"])
            elif event.name == "Closed":
                self._close(event, answered_here)
            self._life.follow(event)
        if climbed > 1:
            self._tell("I3", last, f"missed deadlines lifted it {climbed} levels at once")
        if last.recorded_by != "routing":
            self._unfollowed.append(last.time)
            return
        if overdue and not _is_rollout(append):
            first = overdue[0]
            overtaken = any(said <= first.due_at for said in self._unfollowed)
            if first.id not in self._lapsed and not overtaken:
                self._tell("I3", last, f"was recorded at {last.time}, and {first.id} of {first.due_at} had not lapsed first")
        self._unfollowed.clear()

    def end(self, now: datetime, patience: timedelta) -> None:
        """Nothing more was in the log at `now`."""
        for clock in self._life.waits_for:
            if clock.due_at + patience < now:
                detail = f"{clock.id} was due at {clock.due_at} and has not lapsed at {now}"
                self.found.append(Violation("I3", self._stream, detail))

    def _lapse(self, event: Logged, clock_id: str, *, warned: bool) -> None:
        before = self._lapsed.get(clock_id)
        if before == event.time and not warned:
            return  # a lapse that two events of one append tell
        if before is not None and not warned:
            self._tell("I3", event, f"{clock_id} lapsed a second time, first at {before}")
            return
        clock = next((clock for clock in self._life.waits_for if clock.id == clock_id), None)
        if clock is None:
            self._tell("I3", event, f"{clock_id} lapsed and was not waited for")
            return
        instant = clock.warn_at if warned else clock.due_at
        if instant is None:
            self._tell("I3", event, f"{clock_id} was warned of a second time")
        elif event.time < instant:
            self._tell("I3", event, f"{clock_id} took effect at {event.time}, before {instant}")
        missed = event.data.get("missed")
        if missed is not None and datetime.fromisoformat(missed["due_at"]) != clock.due_at:
            self._tell("I3", event, f"{clock_id} was due at {clock.due_at}, not {missed['due_at']}")
        if not warned:
            self._lapsed[clock_id] = event.time

    def _climb(self, event: Logged) -> None:
        data = event.data
        if data["from_level"] != self._life.level or _LADDER.index(data["to_level"]) != _LADDER.index(data["from_level"]) + 1:
            self._tell("I3", event, f"lifted it from {data['from_level']} to {data['to_level']}; it was at {self._life.level}")
        for told in data["deadlines"]:
            if datetime.fromisoformat(told["due_at"]) <= event.time:
                self._tell("I3", event, f"set {told['deadline_id']} to {told['due_at']}, which had passed")

    def _close(self, event: Logged, answered_here: set[int]) -> None:
        resolution = self._life.resolution
        heard = resolution in self._life.answered
        if not heard or (event.data["how"] == "withdrawn" and resolution == 0 and 0 not in answered_here):
            self._tell("I4", event, f"is closed, and no Answered of resolution {resolution} came before")

    def _tell(self, invariant: str, event: Logged, detail: str) -> None:
        self.found.append(Violation(invariant, self._stream, f"version {event.version}, {event.name}: {detail}"))


def _is_rollout(append: Sequence[Logged]) -> bool:
    """Whether deadlines moved; those that a roll-out finds in the past get a grace or lapse with the next look."""
    return any(event.name == "DeadlineChanged" for event in append)


def _lapses(event: Logged, life: Life) -> Iterator[tuple[str, bool]]:
    """The deadlines that an event says have lapsed, or (True) were warned of."""
    data = event.data
    if data.get("missed") is not None:
        yield data["missed"]["deadline_id"], False
    elif event.name == "DeadlineWarned":
        yield data["deadline_id"], True
    elif (kind := _by_itself(event)) is not None:
        clock: Clock | None = next((clock for clock in life.clocks.values() if clock.kind == kind), None)
        yield clock.id if clock else f"a deadline of kind {kind}", False


def _by_itself(event: Logged) -> str | None:
    """The kind of deadline whose lapse an event is without naming it."""
    data = event.data
    if event.name == "Resumed" and data["by"] is None:
        return "suspension"
    if event.name == "ExtensionDecided" and data["by"] is None and data["reason"] == "not_decided_in_time":
        return "extension"
    if event.name == "InterimAnswered":
        return "interim"
    if event.name == "Closed" and data["how"] == "window_lapsed":
        return "rating"
    return None
