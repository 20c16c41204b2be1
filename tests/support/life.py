"""An issue's life without I/O: commands, facts and the passing of time on the pure domain, with a hand-moved clock.

    life = Life().raised()            # assigned at the village
    life.do("accept")                 # by whoever is the handler
    life.pass_time(working_days=6)    # every deadline on the way takes effect at its instant
    assert life.issue.level == "township"

States are reached by commands and facts, never by setting fields.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from services.routing.domain import commands as ask
from services.routing.domain.commands import Actor, Command, Context, Decision
from services.routing.domain.decide import decide
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.directory import Directory
from services.routing.domain.evolve import replay
from services.routing.domain.rulebook import Rulebook
from services.routing.domain.settle import settle
from services.routing.domain.state import Issue
from services.routing.rules import statutory_calendar
from services.routing.seed import demo_posts, topics_of, units_of
from shared.contracts import Event, intake, notify
from shared.contracts.envelope import Recorded
from shared.contracts.routing import PolicyPublished
from shared.contracts.values import Evidence, Handler
from shared.ids import new_id
from shared.regions import Regions
from shared.worktime import Calendar
from tests.support import events

DEMO = Path("deploy/demo")
VILLAGE, TOWNSHIP, COUNTY = "330182104228", "330182104000", "330182000000"
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A working Monday, 09:00 in Shanghai."""
PHOTO = Evidence(attachment_id="a1", sha256="0" * 64, media_type="image/jpeg")
LEVELS = ("village", "township", "county")


@cache
def calendar() -> Calendar:
    return Calendar.of(statutory_calendar(2026))


@cache
def rules() -> Rulebook:
    published = PolicyPublished(policy="default", version=1, effective_from=MONDAY, rules=DEFAULT_RULES, by=None, note="default")
    return Rulebook.of(published, calendar())


@cache
def directory() -> Directory:
    regions = Regions.load(DEMO / "regions.csv")
    bare = Directory(
        topics={topic.code: topic for topic in topics_of(DEMO)}, units={unit.unit_id: unit for unit in units_of(DEMO, regions)}
    )
    return Directory(bare.topics, bare.units, {officer.officer_id: officer for officer in demo_posts(bare, regions)})


def actor(officer_id: str) -> Actor:
    """A member of the demo's staff, by account name."""
    officer = directory().officers[officer_id]
    return Actor(officer.officer_id, officer.role, officer.regions, officer.units)


def raised_on_the_web(**changes: Any) -> intake.IssueRaised:
    """What a citizen with a name raises, without a first receiver."""
    return events.example(intake.IssueRaised, **{"channel": "web", "first_receiver": None, **changes})


class Life:
    """One issue, from its raising on."""

    def __init__(self, at: datetime = MONDAY, *, known: Directory | None = None, rulebook: Rulebook | None = None) -> None:
        self.now = at
        self.history: list[Recorded[Event]] = []
        self.directory = known or directory()
        self.rules = rulebook or rules()
        self.last: Decision = Decision()

    # What is known

    @property
    def issue(self) -> Issue:
        issue = replay(self.history)
        assert issue is not None
        return issue

    @property
    def context(self) -> Context:
        return Context(self.now, self.rules, self.directory)

    def names(self, since: int = 0) -> list[str]:
        """The names of the events after the first `since`."""
        return [recorded.name for recorded in self.history[since:]]

    def of(self, kind: type[Any]) -> list[Any]:
        """The data of every event of that type."""
        return [recorded.data for recorded in self.history if isinstance(recorded.data, kind)]

    # What happens

    def raised(self, **changes: Any) -> "Life":
        """Raised by a citizen on the web, and assigned at once."""
        self.record(raised_on_the_web(**changes))
        return self.tick()

    def fact(self, event: Event) -> "Life":
        """A fact of intake or notify, and its consequences."""
        self.record(event)
        return self.tick()

    def delivered(self, *, stage: str = "delivered", channel: str = "sms") -> "Life":
        """The notice of the present resolution reached the reporter."""
        event_id = self.issue.resolved_by_event or ""
        return self.fact(
            notify.NoticeDelivered.model_validate(
                {"notice_id": "n", "kind": "resolved", "channel": channel, "stage": stage, "event_id": event_id, "event_version": 1}
            )
        )

    def notice_failed(self) -> "Life":
        event_id = self.issue.resolved_by_event or ""
        return self.fact(
            notify.NoticeFailed(notice_id="n", kind="resolved", channel="sms", reason="refused", event_id=event_id, event_version=1)
        )

    def rated(self, rating: str) -> "Life":
        return self.fact(intake.Rated.model_validate({"rating": rating, "words": "w1"}))

    def tick(self) -> "Life":
        """Enforce what is due now."""
        events, _ = settle(self.issue, self.context)
        for event in events:
            self.record(event)
        return self

    def until(self, instant: datetime) -> "Life":
        """Let time pass; every instant on the way is enforced when it comes."""
        while (following := self.issue.next_instant) is not None and following <= instant:
            self.now = max(following, self.now)
            self.tick()
        self.now = instant
        return self

    def pass_time(self, *, working_days: float = 0, **clock: float) -> "Life":
        """Let working or clock time pass."""
        target = self.now + timedelta(**clock)
        if working_days:
            target = calendar().add_working(target, working_days * calendar().working_day)
        return self.until(target)

    def do(self, name: str, *, by: str | None = None, expected_version: int | None = None, **fields: Any) -> Decision:
        """Give a command, by default as whoever may; its events are recorded, refused or not."""
        command = example(name, self, **fields)
        decision = decide(self.issue, command, actor(by or self.entitled(name)), self.context, expected_version=expected_version)
        for event in decision.events:
            self.record(event)
        self.last = decision
        return decision

    def ok(self, name: str, *, by: str | None = None, **fields: Any) -> "Life":
        """Give a command that must succeed."""
        decision = self.do(name, by=by, **fields)
        assert decision.refusal is None, decision.refusal
        return self

    def record(self, event: Event) -> None:
        self.history.append(
            Recorded(
                id=new_id(),
                source=f"/huiyin/{event.owner}",
                stream="issue",
                version=len(self.history) + 1,
                time=self.now,
                region=VILLAGE,
                correlation_id="c",
                causation_id=None,
                traceparent=None,
                prev_hash=None,
                hash="",
                data=event,
            )
        )

    def entitled(self, name: str) -> str:
        """An account that may give the command as the issue stands (domain.md, "Who")."""
        issue = self.issue
        dispatcher = {"village": f"dispatcher-{TOWNSHIP}", "township": f"dispatcher-{TOWNSHIP}", "county": f"dispatcher-{COUNTY}"}
        above = {"village": f"dispatcher-{TOWNSHIP}", "township": f"dispatcher-{COUNTY}", "county": f"supervisor-{COUNTY}"}
        level = issue.level or "village"
        match name:
            case "arbitrate" | "decide-extension":
                return above[level]
            case "suspend" if issue.suspensions:
                return above[level]
            case "reclassify":
                return dispatcher[level]
            case "supervise" | "reopen" | "record-return-visit":
                return f"supervisor-{COUNTY}"
            case "complete-task" if issue.tasks:
                return str(next(iter(issue.tasks.values())).handler.officer_id)
            case _:
                return str((issue.handler or Handler(officer_id="", name="", unit="")).officer_id)


def example(name: str, life: Life, **fields: Any) -> Command:
    """A valid command of that name for the issue as it stands; `fields` replace its own."""
    later = life.now + timedelta(days=30)
    issue = life.issue
    unit = issue.handler.unit if issue.handler else "village_committee"
    handle = issue.running_of("handle")
    extended = (handle.due_at if handle else life.now) + timedelta(days=7)
    tasks = (ask.Invitation("transport", "查看路面", life.now + timedelta(days=3)),)
    defaults: dict[str, tuple[type[Any], dict[str, Any]]] = {
        "accept": (ask.Accept, {}),
        "report-progress": (ask.ReportProgress, {"note": "已到现场"}),
        "resolve": (ask.Resolve, {"outcome": "solved", "result": "路灯已装好", "evidence": (PHOTO,)}),
        "request-escalation": (ask.RequestEscalation, {"reason": "需要镇里的经费"}),
        "return": (ask.Return, {"reason": "不属于本单位"}),
        "arbitrate": (ask.Arbitrate, {"unit": unit, "reason": "由该单位负责"}),
        "reassign": (ask.Reassign, {"unit": unit, "reason": "换人"}),
        "reclassify": (ask.Reclassify, {"reason": "更正", "priority": "urgent"}),
        "invite": (ask.Invite, {"tasks": tasks, "ids": tuple(f"t{index}" for index in range(len(fields.get("tasks", tasks))))}),
        "complete-task": (ask.CompleteTask, {"task_id": next(iter(issue.tasks), "none"), "result": "已查看"}),
        "suspend": (ask.Suspend, {"condition": "等鉴定报告", "until": life.now + timedelta(days=7)}),
        "resume": (ask.Resume, {}),
        "request-extension": (ask.RequestExtension, {"until": extended, "reason": "材料晚到"}),
        "decide-extension": (ask.DecideExtension, {"granted": True, "reason": "同意"}),
        "refer": (ask.Refer, {"to": "市水利局", "promised_by": later}),
        "supervise": (ask.Supervise, {"kind": "urge"}),
        "record-return-visit": (ask.RecordReturnVisit, {"result": "content"}),
        "reopen": (ask.Reopen, {"reason": "问题又出现"}),
    }
    kind, values = defaults[name]
    return kind(**{**values, **fields})


def in_state(state: str, level: str = "village", **raised: Any) -> Life:
    """An issue in `state` at `level`, by the shortest way."""
    life = Life().raised(**raised)
    while life.issue.level != level:
        life.ok("request-escalation")
    steps: dict[str, Sequence[str]] = {
        "assigned": (),
        "in_progress": ("accept",),
        "suspended": ("accept", "suspend"),
        "in_arbitration": ("return", "return"),
        "referred": ("accept", "refer"),
        "resolved": ("accept", "resolve"),
        "answered": ("accept", "resolve", "delivered"),
        "visit_due": ("accept", "resolve", "notice_failed"),
        "closed": ("accept", "resolve", "delivered", "satisfied"),
    }
    for step in steps[state]:
        if step == "delivered":
            life.delivered()
        elif step == "notice_failed":
            life.notice_failed()
        elif step == "satisfied":
            life.rated("satisfied")
        else:
            life.ok(step)
    assert life.issue.state == state, (life.issue.state, life.names())
    return life
