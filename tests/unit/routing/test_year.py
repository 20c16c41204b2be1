"""A year of one county: 2,000 issues (`size.full`), six versions of the policy, three new calendars, officers who act or forget.

Afterwards the histories alone are read: every recorded deadline is explained, and every escalation was at its deadline."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random

import pytest

from services.routing.domain.clocks import due, whole
from services.routing.domain.deadline_story import stated_by
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.evolve import evolve
from services.routing.domain.explain import explain
from services.routing.domain.policy import rule
from services.routing.domain.state import Issue
from shared.contracts import Event, intake
from shared.contracts import routing as told
from shared.contracts.envelope import Recorded
from shared.contracts.routing import CalendarOverride, PausedClock, PolicyRule
from shared.contracts.values import Deadline, DeadlineKind
from shared.worktime import Calendar, is_working
from tests.support.county import END, County, Dweller, NewDays, Publication
from tests.support.life import COUNTY, TOWNSHIP
from tests.support.ruled import with_rules
from tests.support.size import full

pytestmark = pytest.mark.slow

SEED = 20260105
ISSUES = full(2000, 250)


def rules_with(*more: PolicyRule, **everything: str) -> tuple[PolicyRule, ...]:
    """The default rules with other settings for everything, and rules replaced or added by name."""
    base = DEFAULT_RULES[0]
    return with_rules(base.model_copy(update={"set": base.set | rule("", {}, **everything).set}), *more)


SHORTER = rules_with(
    rule("village", {"level": "village"}, handle="3 working_days"),
    rule("township", {"level": "township"}, handle="50 working_hours", warn="60 percent"),
    rule("county", {"level": "county"}, handle="8 working_days"),
    accept="5 working_hours",
    visit="2 working_days",
    interim="10 working_days",
)
BETTER_FOR_SOME = rules_with(
    rule("village", {"level": "village"}, handle="60 hours", grace="3 hours"),
    rule("township", {"level": "township"}, handle="16 working_days"),
    rule("roads", {"topic": "road"}, handle="4 days"),
    rule("county-urgent", {"level": "county", "priority": "urgent"}, handle="40 hours"),
    rating="10 days",
    answer="30 hours",
    visit="4 days",
    interim="20 days",
)
FOR_NEW_ONES = rules_with(rule("village", {"level": "village"}, handle="2 working_days"), accept="3 hours", rating="2 days")
BY_THE_CLOCK = rules_with(
    rule("village", {"level": "village"}, handle="72 hours", warn="50 percent"),
    rule("township", {"level": "township"}, handle="6 days", accept="12 hours"),
    rule("county", {"level": "county"}, handle="9 days"),
    rule("urgent", {"priority": "urgent"}, accept="70 minutes", grace="45 minutes"),
    rule("hotline", {"channel": "hotline"}, handle="4 days"),
    grace="4 hours",
    rating="5 days",
    supervise_notice="20 hours",
    supervise_criticism="3 days",
    arbitration="9 hours",
    extension="30 hours",
)
BACK_TO_OFFICE_HOURS = rules_with(
    rule("village", {"level": "village"}, handle="33 working_hours"),
    rule("own", {"region": TOWNSHIP[:9]}, handle="2 working_days", grace="2 working_hours"),
    accept="1 working_days",
    warn="80 percent",
)
PUBLICATIONS = (
    Publication(52.4, "recompute", SHORTER),
    Publication(109.6, "recompute_if_better", BETTER_FOR_SOME),
    Publication(170.4, "keep", FOR_NEW_ONES),
    Publication(201.35, "recompute", BY_THE_CLOCK, ahead=timedelta(days=20.1)),
    Publication(290.55, "recompute", BACK_TO_OFFICE_HOURS),
)
MARKET_DAY = CalendarOverride(region=TOWNSHIP[:9], day="2026-03-27", kind="closed", note="集市")
TYPHOON = CalendarOverride(region=COUNTY[:6], day="2026-08-07", kind="stopped", note="台风")
HOLIDAYS, MADE_UP = ("2026-12-31", "2027-01-04"), ("2026-12-27", "2027-01-09")
ANNOUNCED = {"holidays": HOLIDAYS, "working_days": MADE_UP, "confirmed_years": (2027,)}
CALENDARS: tuple[NewDays, ...] = (
    (80.3, lambda former: {"overrides": (*former.overrides, MARKET_DAY)}),
    (212.7, lambda former: {"overrides": (*former.overrides, TYPHOON)}),
    (347.4, lambda former: {name: (*getattr(former, name), *more) for name, more in ANNOUNCED.items()}),
)
START_ANEW = (told.Assigned, told.Escalated, told.Arbitrated, told.Reopened, told.Reclassified)
"""What an accept clock can start with; a correction that makes it sooner counts from then."""

SAME_CLOCKS = (told.DeadlineChanged, told.Suspended, told.Resumed, told.ExtensionDecided)
"""What changes clocks that run already, and starts none of its own but the end of a suspension."""

BY_ITSELF: dict[type[Event], DeadlineKind] = {told.InterimAnswered: "interim", told.Resumed: "suspension", told.Closed: "rating"}
BY_ITSELF[told.ExtensionDecided] = "extension"
"""What comes of a deadline without naming it as missed."""

RULES = (
    *("at its deadline", "by itself in time", "warned in time", "escalated for a reason", "once", "nothing passed"),
    *("equation", "explained", "starts stay", "accept starts at dispatch", "moves nothing"),
    *("left is kept", "all go on", "a calendar moves no stopped clock"),
    *("nothing into the past", "no lapse at a roll-out", "grace is never later", "mode"),
    *("answered", "versions"),
)
"""What holds all year; each is the word of a check below."""

MOVES_NOTHING = (told.ProgressReported, told.Reassigned, intake.AttachmentAdded)


class Audit:
    """What the histories of a year tell: how often each thing was seen, and every fault by the rule that it breaks."""

    def __init__(self, county: County) -> None:
        self.county = county
        self.seen: Counter[str] = Counter()
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        known = {each.version: Calendar.of(each) for each in county.rules.calendars}
        self.calendar: Callable[[int, str], Calendar] = lambda version, village: known[version].of_region(village)
        chance = Random(SEED)
        for number, life in enumerate(county.lives):
            Reading(self, number, life).read()
            told_at = explain(life.history, county.rules, chance.choice(life.history).time)
            for each in (*told_at["deadlines"], *told_at["paused"]):
                self.check(number, each["holds"] is True, "explained", each)

    def check(self, number: int, fine: bool, rule: str, *about: object) -> None:
        self.seen[rule] += 1
        if not fine:
            self.faults[rule].append(f"seed {SEED}, issue {number}: {about}")

    def in_force(self, instant: datetime, village: str) -> Calendar:
        """The calendar of that time."""
        return self.calendar([version for since, version in self.county.calendars_since if since <= instant][-1], village)


class Reading:
    """One history, read from its first event to its last, with the deadlines as the events stated them."""

    def __init__(self, audit: Audit, number: int, life: Dweller) -> None:
        self.audit, self.check, self.history, self.village = audit, partial(audit.check, number), life.history, life.village
        self.stated: dict[str, Deadline] = {}
        self.clocks: dict[str, PausedClock] = {}
        self.lapsed: dict[tuple[str, str], datetime] = {}
        self.moved_at: datetime | None = None
        self.runs_since: dict[str, datetime] = {}

    def read(self) -> None:
        issue: Issue | None = None
        answered = False
        for index, recorded in enumerate(self.history):
            before, issue = issue, evolve(issue, recorded)
            self.check(recorded.version == index + 1, "versions", recorded.version)
            if before is not None:
                self._in_time(before, recorded)
            self._lapse(recorded)
            for deadline in stated_by(recorded):
                calendar = self.audit.calendar(deadline.calendar_version, self.village)
                self.check(due(deadline, calendar) == deadline.due_at, "equation", recorded.name, deadline)
            self._starts(recorded)
            self._pauses(recorded)
            if isinstance(recorded.data, told.DeadlineChanged):
                self._rolled(recorded, recorded.data)
            answered = isinstance(recorded.data, told.Answered) or (answered and not isinstance(recorded.data, told.Resolved))
            self.check(answered or not isinstance(recorded.data, told.Closed), "answered", recorded.version)
            self.stated |= {deadline.deadline_id: deadline for deadline in stated_by(recorded)}
            ran = {each.deadline_id for each in before.running} if before is not None else frozenset[str]()
            self.runs_since |= {each.deadline_id: recorded.time for each in issue.running if each.deadline_id not in ran}
            self.audit.seen[recorded.name] += 1
            self.audit.seen["extensions granted"] += getattr(recorded.data, "granted", False)
        assert issue is not None
        for deadline in issue.running:
            self.check(deadline.due_at > END, "nothing passed", deadline)

    def falls(self, deadline: Deadline) -> datetime:
        """When it takes effect: a promise waits until the issue is closed, a request until the suspension is over; nothing else waits."""
        if deadline.kind in ("promise", "extension"):
            return max(deadline.due_at, self.runs_since[deadline.deadline_id])
        return deadline.due_at

    def _in_time(self, before: Issue, recorded: Recorded[Event]) -> None:
        """What runs has not passed when something is recorded; what lapses or warns without a `missed` does so when it is due."""
        event = recorded.data
        if isinstance(event, MOVES_NOTHING):
            after = evolve(before, recorded)
            self.check((before.deadlines, before.paused) == (after.deadlines, after.paused), "moves nothing", recorded.name)
        for deadline in before.running:
            self.check(self.falls(deadline) >= recorded.time, "nothing passed", recorded.name, deadline)
        if isinstance(event, told.DeadlineWarned):
            self.check(before.deadlines[event.deadline_id].warn_at == recorded.time, "warned in time", recorded)
        elif getattr(event, "by", None) is None and getattr(event, "how", "window_lapsed") == "window_lapsed":
            kind = BY_ITSELF.get(type(event))
            if kind is not None and getattr(event, "reason", None) != "deadline_came_first":
                running = before.running_of(kind)
                self.check(running is not None and self.falls(running) == recorded.time, "by itself in time", recorded)

    def _lapse(self, recorded: Recorded[Event]) -> None:
        """A missed deadline takes effect when it fell, as it stood then, and once."""
        missed = getattr(recorded.data, "missed", None)
        if isinstance(recorded.data, told.Escalated):
            self.check((missed is not None) == recorded.data.reason.endswith("_missed"), "escalated for a reason", recorded)
        if missed is None:
            return
        stated = self.stated[missed.deadline_id]
        self.check(missed.due_at == stated.due_at and recorded.time == self.falls(stated), "at its deadline", recorded, stated)
        self.check((recorded.name, missed.deadline_id) not in self.lapsed, "once", recorded)
        self.lapsed[recorded.name, missed.deadline_id] = recorded.time
        also = {time for (_, lapsed), time in self.lapsed.items() if lapsed == missed.deadline_id}
        self.check(also == {recorded.time}, "once", recorded)
        self.check(recorded.time != self.moved_at, "no lapse at a roll-out", recorded)
        self.audit.seen[f"missed {stated.kind}"] += 1

    def _starts(self, recorded: Recorded[Event]) -> None:
        for deadline in stated_by(recorded):
            if isinstance(recorded.data, SAME_CLOCKS) and deadline.kind != "suspension":
                former = self.stated[deadline.deadline_id]
                self.check(deadline.started_at == former.started_at, "starts stay", recorded.name, deadline, former)
            elif deadline.kind == "accept":
                fine = isinstance(recorded.data, START_ANEW) and deadline.started_at == recorded.time
                self.check(fine, "accept starts at dispatch", recorded.name, deadline)

    def _pauses(self, recorded: Recorded[Event]) -> None:
        """A suspension keeps what is left, whatever policies and calendars come meanwhile."""
        event, calendar = recorded.data, self.audit.in_force(recorded.time, self.village)
        if isinstance(event, told.Suspended):
            for clock in event.paused:
                since, working = clock.deadline.counted_from or clock.deadline.started_at, is_working(clock.deadline.allowance)
                left = whole(clock.deadline, calendar) - calendar.used(since, recorded.time, working=working)
                self.check(timedelta() <= timedelta(seconds=clock.left) - left < timedelta(seconds=1), "left is kept", clock, left)
            self.clocks = {clock.deadline.deadline_id: clock for clock in event.paused}
        elif isinstance(event, told.Resumed):
            self.check({each.deadline_id for each in event.deadlines} == set(self.clocks), "all go on", recorded)
            for deadline in event.deadlines:
                left = calendar.used(recorded.time, deadline.due_at, working=is_working(deadline.allowance))
                clock = self.clocks[deadline.deadline_id]
                self.check(left == timedelta(seconds=clock.left), "left is kept", deadline, clock, left)
                self.check(deadline.calendar_version == calendar.version, "left is kept", deadline, calendar.version)

    def _rolled(self, recorded: Recorded[Event], event: told.DeadlineChanged) -> None:
        """A roll-out puts nothing into the past, and does what its mode says."""
        seen = self.audit.seen
        self.moved_at = recorded.time
        mode = self.audit.county.modes[event.rollout_id or ""]
        seen[f"moved by {mode}"] += 1
        seen[f"moved by {event.rollout_id}"] += 1
        former = {deadline.deadline_id: deadline for deadline in event.former}
        self.check(mode != "keep", "mode", recorded)
        for clock in event.paused:
            stood = self.clocks[clock.deadline.deadline_id].deadline
            self.check(stood.allowance != clock.deadline.allowance, "a calendar moves no stopped clock", clock)
            self.clocks[clock.deadline.deadline_id] = clock
            seen["stopped clocks moved"] += 1
        for deadline in stated_by(recorded):
            was = former[deadline.deadline_id]
            better = deadline.due_at > was.due_at if was.kind == "rating" else deadline.due_at < was.due_at
            self.check(deadline.due_at > recorded.time, "nothing into the past", deadline)
            self.check(better or mode == "recompute", "mode", mode, was, deadline)
            if deadline.deadline_id in event.grace:
                self.check(deadline.setting == "grace" and deadline.due_at < was.due_at, "grace is never later", deadline, was)
                seen["grace cases"] += 1
            if was.allowance and deadline.allowance and is_working(was.allowance) != is_working(deadline.allowance):
                seen["changed between clock and working time"] += 1


@pytest.fixture(scope="module")
def year() -> Audit:
    county = County(SEED, ISSUES, PUBLICATIONS, CALENDARS)
    county.run()
    return Audit(county)


@pytest.mark.parametrize("rule", RULES)
def test_rule_held_all_year(year: Audit, rule: str) -> None:
    assert year.seen[rule] > 0, f"seed {SEED}: nothing to check"
    assert not year.faults[rule], (len(year.faults[rule]), year.faults[rule][:3])


def test_the_year_had_everything(year: Audit) -> None:
    seen = year.seen
    wanted = (
        *(f"missed {kind}" for kind in ("accept", "handle", "arbitration", "answer", "rating", "visit", "task", "promise")),
        *("missed supervise_notice", "missed supervise_criticism", "Escalated", "Suspended", "Resumed", "Arbitrated", "Reassigned"),
        *("ExtensionDecided", "extensions granted", "Referred", "Reclassified", "InterimAnswered", "ReturnVisited", "Closed"),
        *("moved by recompute", "moved by recompute_if_better", "grace cases", "stopped clocks moved"),
        *("changed between clock and working time", "moved by policy-2", "moved by policy-3", "moved by policy-5", "moved by policy-6"),
        *("moved by calendar-2", "moved by calendar-3", "moved by calendar-4"),
    )
    assert set(year.faults) <= set(RULES), SEED
    assert not [name for name in wanted if not seen[name]], (SEED, seen)
    assert year.county.modes["policy-4"] == "keep"
    assert seen["moved by policy-4"] == 0
    assert (len(year.county.lives), len(year.county.rules.policies), len(year.county.rules.calendars)) == (ISSUES, 6, 4)
