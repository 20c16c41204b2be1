"""A year of one county on the pure domain, with a virtual clock: people raise, officers act or forget, rules change, time enforces.

    year = County(1, 2000, publications, calendars)
    year.run()
    year.lives     # one `Dweller` an issue, each with its history

One queue of instants drives everything: raisings, acts of people, the next instant of each issue (settled exactly then, as its workflow
does), publications, and the steps of roll-outs. The same seed gives the same year.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, get_args

from services.routing.domain import commands as ask
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.evolve import evolve
from services.routing.domain.life import allowed
from services.routing.domain.publication import complaints
from services.routing.domain.rollout import change, moves
from services.routing.domain.state import Issue
from services.routing.rules import Rules, statutory_calendar
from shared.contracts import Event, intake
from shared.contracts.intake import OnTheSpot
from shared.contracts.routing import CalendarChanged, OpenIssues, PolicyRule
from shared.contracts.values import Category, Channel
from shared.ids import new_id
from shared.regions import Regions, at_level, level_of
from tests.support.life import COUNTY, DEMO, PHOTO, TOWNSHIP, Life, directory, raised_on_the_web
from tests.support.ruled import policy

BEGIN = datetime(2026, 1, 4, 16, 0, tzinfo=UTC)
"""Monday, 5 January, midnight in Shanghai."""
END = BEGIN + timedelta(days=365)
RAISED_IN, STEP = timedelta(days=355), timedelta(seconds=10)
"""From BEGIN on, and from one issue of a roll-out to the next; officers and deadlines go on meanwhile."""

WEIGHTS = {
    "accept": 9,
    "report-progress": 2,
    "resolve": 9,
    "request-escalation": 1,
    "return": 5,
    "arbitrate": 6,
    "reassign": 2,
    "reclassify": 2,
    "invite": 2,
    "complete-task": 3,
    "suspend": 9,
    "resume": 4,
    "request-extension": 8,
    "decide-extension": 14,
    "refer": 3,
    "supervise": 1,
    "record-return-visit": 8,
    "reopen": 1,
}
"""How often people think of each command where it is possible."""

FACTS = {
    "resolved": ("delivered", "delivered", "delivered", "failed", "satisfied", "reopen"),
    "answered": ("satisfied", "satisfied", "fair", "dissatisfied", "delivered"),
    "visit_due": ("satisfied", "dissatisfied"),
    "closed": ("dissatisfied", "reopen", "satisfied"),
}


@dataclass(frozen=True)
class Publication:
    """A policy that is published on a day of the year, in force some days later."""

    day: float
    mode: OpenIssues
    rules: tuple[PolicyRule, ...]
    ahead: timedelta = timedelta()


NewDays = tuple[float, Callable[[CalendarChanged], dict[str, Any]]]
"""On which day of the year a calendar is published, and what then differs; every clock moves with it."""


@cache
def villages() -> tuple[str, ...]:
    """The villages of the county."""
    codes = (region.code for region in Regions.load(DEMO / "regions.csv"))
    return tuple(sorted(code for code in codes if code.startswith(COUNTY[:6]) and level_of(code) == "village"))


@cache
def _units(region: str) -> tuple[str, ...]:
    return tuple(sorted(unit.unit_id for unit in directory().units.values() if unit.region == region))


class Dweller(Life):
    """One issue of the county: its state is kept, not folded anew; it has its own village."""

    def __init__(self, county: "County", village: str) -> None:
        self.county, self.village = county, village
        self.present: Issue | None = None
        self.stream = new_id()
        super().__init__(county.now, rulebook=county.rules.at(county.now))

    @property
    def issue(self) -> Issue:
        assert self.present is not None
        return self.present

    def record(self, event: Event) -> None:
        super().record(event)
        recorded = self.history[-1] = replace(self.history[-1], stream=self.stream, region=self.village)
        self.present = evolve(self.present, recorded)

    def entitled(self, name: str) -> str:
        return super().entitled(name).replace(TOWNSHIP, at_level(self.village, "township"))

    def roll(self, mode: OpenIssues, rollout_id: str) -> None:
        """One step of a roll-out."""
        self.tick()
        for event in change(self.issue, self.context, self.county.rules.by_version, mode=mode, reason="新规则", rollout_id=rollout_id):
            self.record(event)


class County:
    """The county, its rules, and the queue of what is to happen."""

    def __init__(self, seed: int, issues: int, publications: Sequence[Publication], calendars: Sequence[NewDays]) -> None:
        self.random = Random(seed)
        self.now = BEGIN
        self.rules = Rules((policy(1, DEFAULT_RULES).model_copy(update={"effective_from": BEGIN}),), (statutory_calendar(2026),))
        self.lives: list[Dweller] = []
        self.modes: dict[str, OpenIssues] = {}
        self.calendars_since: list[tuple[datetime, int]] = [(BEGIN, 1)]
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._turn = count()
        self._waking: dict[str, datetime] = {}
        for _ in range(issues):
            self._at(BEGIN + self.random.random() * RAISED_IN, self._raise)
        for publication in publications:
            self._at(BEGIN + timedelta(days=publication.day), lambda published=publication: self._publish(published))
        for day, differs in calendars:
            self._at(BEGIN + timedelta(days=day), lambda changed=differs: self._new_days(changed))

    def run(self) -> None:
        """Let the year pass."""
        while self._queue and self._queue[0][0] <= END:
            self.now, _, happen = heappop(self._queue)
            happen()
        self.now = END

    def _at(self, instant: datetime, happen: Callable[[], None]) -> None:
        heappush(self._queue, (instant, next(self._turn), happen))

    # Time

    def _with(self, life: Dweller, happen: Callable[[], object]) -> None:
        """Something happens to one issue; then its next instant is awaited."""
        life.now, life.rules = self.now, self.rules.at(self.now)
        happen()
        following = life.issue.next_instant
        if following is None or self._waking.get(life.stream) == following:
            return
        self._waking[life.stream] = following
        self._at(max(following, self.now), lambda: self._wake(life, following))

    def _wake(self, life: Dweller, instant: datetime) -> None:
        if self._waking.get(life.stream) == instant:
            del self._waking[life.stream]
            self._with(life, life.tick)

    # Rules

    def _publish(self, publication: Publication) -> None:
        assert not complaints(publication.rules, topics=directory().topics, regions=villages())
        version = len(self.rules.policies) + 1
        effective = self.now + publication.ahead
        published = policy(version, publication.rules).model_copy(
            update={"effective_from": effective, "open_issues": publication.mode, "by": "admin", "drafted_by": "admin2"}
        )
        self.rules = Rules((*self.rules.policies, published), self.rules.calendars)
        self._at(effective, lambda: self._roll_out(f"policy-{version}", publication.mode))

    def _new_days(self, differs: Callable[[CalendarChanged], dict[str, Any]]) -> None:
        former = self.rules.calendars[-1]
        changed = former.model_copy(update={"version": former.version + 1, **differs(former)})
        self.rules = Rules(self.rules.policies, (*self.rules.calendars, changed))
        self.calendars_since.append((self.now, changed.version))
        self._roll_out(f"calendar-{changed.version}", "recompute")

    def _roll_out(self, rollout_id: str, mode: OpenIssues) -> None:
        """Plan it: the soonest new deadline first."""
        self.modes[rollout_id] = mode
        planned: list[tuple[datetime, int]] = []
        for place, life in enumerate(self.lives):
            if life.issue.next_instant is None:
                continue
            life.now, life.rules = self.now, self.rules.at(self.now)
            found = moves(life.issue, life.context, self.rules.by_version, mode)
            if found:
                planned.append((min(move.deadline.due_at for move in found), place))
        for turn, (_, place) in enumerate(sorted(planned)):
            life = self.lives[place]
            self._at(self.now + turn * STEP, lambda moved=life: self._with(moved, lambda: moved.roll(mode, rollout_id)))

    # People

    def _raise(self) -> None:
        chance = self.random
        life = Dweller(self, chance.choice(villages()))
        raised = raised_on_the_web(
            channel=chance.choice(get_args(Channel)),
            category=chance.choice(get_args(Category)),
            topic=chance.choice((*directory().topics, "road", "road")),
            priority=chance.choices(("routine", "urgent", "emergency"), (7, 3, 1))[0],
            reporter=chance.choices(("named", "anonymous"), (4, 1))[0],
            on_the_spot=OnTheSpot(outcome="explained", result="已说明") if chance.random() < 0.03 else None,
        )
        self.lives.append(life)
        self._with(life, lambda: life.fact(raised))
        self._later(life)

    def _later(self, life: Dweller) -> None:
        chance = self.random
        shortest, longest = chance.choices(((0.05, 3), (3, 48), (24, 160)), (4, 4, 3))[0]
        self._at(self.now + timedelta(hours=chance.uniform(shortest, longest)), lambda: self._act(life))

    def _act(self, life: Dweller) -> None:
        chance, state = self.random, life.issue.state
        if state == "closed" and chance.random() < 0.8 and not life.issue.promise_lapsed:
            return
        facts = FACTS.get(state or "", ())
        if chance.random() < 0.02:
            fact = chance.choice(("withdrawn", "attached"))
            self._with(life, lambda: self._fact(life, fact))
        elif facts and chance.random() < 0.7:
            fact = chance.choice(facts)
            self._with(life, lambda: self._fact(life, fact))
        elif commands := allowed(life.issue):
            name = chance.choices(commands, [WEIGHTS[each] for each in commands])[0]
            fields = self._fields(name, life)
            by = chance.choice(("supervisor-" + COUNTY, "dispatcher-" + COUNTY)) if chance.random() < 0.05 else None
            self._with(life, lambda: life.do(name, by=by, **fields))
        self._later(life)

    def _fact(self, life: Dweller, name: str) -> None:
        match name:
            case "delivered":
                life.delivered(stage=self.random.choice(("delivered", "accepted")))
            case "failed":
                life.notice_failed()
            case "withdrawn":
                life.fact(intake.IssueWithdrawn())
            case "attached":
                life.fact(intake.AttachmentAdded(evidence=PHOTO))
            case "reopen":
                life.fact(intake.ReopenAsked(words="w1"))
            case _:
                life.rated(name)

    def _fields(self, name: str, life: Dweller) -> dict[str, Any]:
        """What a command says beyond its example: dates, units and outcomes as chance has them, not all of them possible."""
        chance, issue = self.random, life.issue
        soon = self.now + timedelta(days=chance.uniform(0.2, 25))
        match name:
            case "resolve":
                outcome = chance.choice(("solved", "solved", "planned", "explained", "rejected", "referred"))
                promised = soon if outcome in ("planned", "referred") else None
                return {"outcome": outcome, "promised_by": promised, "reason": "不属受理范围" if outcome == "rejected" else None}
            case "arbitrate" | "reassign":
                return {"unit": chance.choice(_units(at_level(life.village, issue.level or "village")))}
            case "reclassify":
                of: dict[str, tuple[str, ...]] = {
                    "priority": ("routine", "urgent", "emergency"),
                    "topic": tuple(directory().topics),
                    "category": get_args(Category),
                }
                field = chance.choice(("priority", "priority", "topic", "category"))
                return {field: chance.choice(of[field])} | ({} if field == "priority" else {"priority": None})
            case "invite":
                unit = chance.choice(_units(at_level(life.village, issue.level or "township")))
                return {"tasks": (ask.Invitation(unit, "查看", soon),), "ids": (f"t{len(life.history)}",)}
            case "suspend":
                return {"until": soon}
            case "request-extension":
                handle = issue.running_of("handle")
                return {"until": (handle.due_at if handle else self.now) + timedelta(days=chance.uniform(0.1, 20))}
            case "decide-extension":
                return {"granted": chance.random() < 0.75}
            case "refer":
                return {"promised_by": soon}
            case "supervise":
                return {"kind": chance.choice(("urge", "notice", "criticism"))}
            case "record-return-visit":
                return {"result": chance.choice(("content", "content", "not_content", "unreachable", "final")), "reason": "已回访"}
            case _:
                return {}
