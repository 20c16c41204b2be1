"""Citizens, cadres, officers, dispatchers, supervisors and an administrator: what they do, as chance has it, through the APIs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

from services.intake.domain.commands import RaiseIssue, Rate, Reopen, Reporter, Withdraw
from services.routing.domain import commands as ask
from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.life import allowed
from services.routing.domain.policy import rule
from services.routing.domain.state import Issue
from services.routing.rules import CALENDAR, POLICY, statutory_calendar
from shared.contracts import Event
from shared.contracts.envelope import Recorded
from shared.contracts.routing import OpenIssues, PolicyPublished
from shared.contracts.values import Category
from shared.regions import at_level
from tests.faults.simulator.rollouts import Rollouts
from tests.faults.simulator.web import Asked, Clients
from tests.support.county import WEIGHTS, villages
from tests.support.life import COUNTY, TOWNSHIP, Life, actor, directory, example

NAME, PHONE, ADDRESS = "庄惜缘", "13900004711", "桐花巷一百零八号"
"""Canaries: a reporter's name, telephone and address. They belong into the vault and to the gateway, nowhere else (I9)."""

SHORTEST, LONGEST = ((0.002, 0.05), (0.1, 3), (3, 30)), (4, 4, 3)
"""Hours between two acts about one issue, and how often: in the middle of a fault, the same day, days later."""


class Seat(Life):
    """The issue as somebody at a screen sees it, for `example` and `entitled` of tests.support.life."""

    def __init__(self, seen: Issue, past: list[Recorded[Event]], now: Any) -> None:
        super().__init__(now)
        self.seen, self.history = seen, past

    @property
    def issue(self) -> Issue:
        return self.seen

    def entitled(self, name: str) -> str:
        return super().entitled(name).replace(TOWNSHIP, at_level(self.seen.village, "township"))


class People:
    """Whoever uses the cell."""

    def __init__(self, clients: Clients, rollouts: Rollouts, *, issues: int, acts: int) -> None:
        self.clients, self.cell, self.loop = clients, clients.cell, clients.loop
        self.rollouts = rollouts
        self._numbers = 0
        for _ in range(issues):
            self._spawn(self._life(acts), "citizen")
        if self.loop.random.random() < 0.3:
            self._spawn(self._administrator(), "administrator")

    def _spawn(self, work: Any, name: str) -> None:
        self.loop.spawn(self.clients.process, work, name)

    def _key(self) -> str:
        self._numbers += 1
        return f"key{self._numbers:05}"

    async def _life(self, acts: int) -> None:
        """One matter: raised, then looked after for a while."""
        chance = self.loop.random
        await self.loop.sleep(chance.uniform(0, 3600))
        key = self._key()
        issue_id = f"00000000-0000-7000-9000-{self._numbers:012x}"
        command = RaiseIssue.model_validate(
            {
                "village_code": chance.choice(villages()),
                "category": chance.choice(get_args(Category)),
                "topic": chance.choice(sorted(directory().topics)),
                "title": f"路灯不亮 {key}",
                "narrative": f"{ADDRESS} {NAME} {PHONE}",
                "priority": chance.choice(("routine", "routine", "urgent")),
                **(
                    {"anonymous": True}
                    if chance.random() < 0.15
                    else {"reporter": Reporter(name=NAME, phone=PHONE, email=chance.choice((None, "canary@mail.example")))}
                ),
            }
        )
        asked = Asked(key, "citizen", "raise_issue", issue_id, self.loop.instant)
        await self.clients.ask(asked, self.clients.intake, lambda api, request: api.raise_issue(request, key, issue_id, command))
        for _ in range(acts):
            shortest, longest = chance.choices(SHORTEST, LONGEST)[0]
            await self.loop.sleep(3600 * chance.uniform(shortest, longest))
            await self._act(issue_id)

    def _present(self, issue_id: str) -> tuple[Issue | None, list[Recorded[Event]]]:
        past = [each.event for each in self.cell.store.streams.get(issue_id, ())]
        return self.cell.fold(past), past

    async def _act(self, issue_id: str) -> None:
        chance = self.loop.random
        issue, past = self._present(issue_id)
        if issue is None or (issue.state == "closed" and chance.random() < 0.7):
            return
        if (issue.state in ("resolved", "answered", "visit_due", "closed") and chance.random() < 0.7) or chance.random() < 0.03:
            await self._reporter(issue_id)
            return
        commands = allowed(issue)
        if not commands:
            return
        name = chance.choices(commands, [WEIGHTS[each] for each in commands])[0]
        seat = Seat(issue, past, self.cell.store.now)
        key = self._key()
        command = example(name, seat, **self._fields(name, seat))
        for field in ("reason", "note", "result"):
            if isinstance(getattr(command, field, None), str) and name != "record-return-visit":
                command = replace(command, **{field: f"{getattr(command, field)} {key}"})
        by = seat.entitled(name) if chance.random() < 0.95 else f"supervisor-{COUNTY}"
        if by not in directory().officers:
            return
        seen = issue.version if chance.random() < 0.2 else None
        await self._staff(key, name, issue_id, command, by, seen)
        if chance.random() < 0.15:  # a second click, or a colleague at the same time
            self._spawn(self._staff(self._key(), name, issue_id, command, by, None), "colleague")

    async def _staff(self, key: str, name: str, issue_id: str, command: ask.Command, by: str, seen: int | None) -> None:
        asked = Asked(key, by, name, issue_id, self.loop.instant)
        who = actor(by)
        await self.clients.ask(asked, self.clients.routing, lambda api, request: api.give(request, key, name, issue_id, command, who, seen))

    async def _reporter(self, issue_id: str) -> None:
        chance, key = self.loop.random, self._key()
        words = f"{NAME}说 {key}"
        command = chance.choices(
            (
                Rate(rating=chance.choice(("satisfied", "fair", "dissatisfied", "dissatisfied")), comment=words),
                Reopen(reason=words),
                Withdraw(reason=words),
            ),
            (6, 2, 1),
        )[0]
        asked = Asked(key, "reporter", type(command).__name__, issue_id, self.loop.instant)
        await self.clients.ask(asked, self.clients.intake, lambda api, request: api.reporter(request, key, issue_id, command))

    def _fields(self, name: str, seat: Seat) -> dict[str, Any]:
        chance = self.loop.random
        soon = seat.now + timedelta(days=chance.uniform(0.2, 6))
        match name:
            case "resolve":
                outcome = chance.choice(("solved", "solved", "explained", "planned"))
                return {"outcome": outcome, "promised_by": soon if outcome == "planned" else None}
            case "suspend":
                return {"until": soon}
            case "refer":
                return {"promised_by": soon}
            case "decide-extension":
                return {"granted": chance.random() < 0.7}
            case "invite":
                task = f"t{len(seat.history)}"
                unit = seat.issue.handler.unit if seat.issue.handler else ""
                return {"tasks": (ask.Invitation(unit, "查看", soon),), "ids": (task,)}
            case "record-return-visit":
                return {"result": chance.choice(("content", "not_content", "unreachable")), "reason": "已回访"}
            case _:
                return {}

    async def _administrator(self) -> None:
        """New deadlines or new days, for issues that are open too."""
        chance = self.loop.random
        await self.loop.sleep(3600 * chance.uniform(1, 60))
        mode: OpenIssues = chance.choice(("recompute", "recompute_if_better", "keep"))
        if chance.random() < 0.6:
            hours = chance.choice((8, 20, 60))
            village = rule(
                "village", {"level": "village"}, handle=f"{hours} working_hours", accept=f"{chance.choice((2, 6))} working_hours"
            )
            published = PolicyPublished(
                policy="default",
                version=2,
                effective_from=self.cell.store.now,
                rules=(*(each for each in DEFAULT_RULES if each.rule != "village"), village),
                open_issues=mode,
                by="admin",
                note="",
            )
            await self.rollouts.publish(POLICY, published, mode)
        else:
            announced = statutory_calendar(2026)
            changed = announced.model_copy(update={"version": 2, "holidays": (*announced.holidays, "2027-01-02", "2026-03-04")})
            await self.rollouts.publish(CALENDAR, changed, "recompute")
