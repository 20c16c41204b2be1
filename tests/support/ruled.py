"""An issue under rules that change: publications and roll-outs as they happen, beside the life of one issue."""

from datetime import datetime
from typing import Any

from services.routing.domain.default_policy import DEFAULT_RULES
from services.routing.domain.explain import explain
from services.routing.domain.rollout import change
from services.routing.rules import Rules, statutory_calendar
from shared.contracts.routing import CalendarChanged, OpenIssues, PolicyPublished, PolicyRule
from shared.contracts.values import DeadlineKind
from tests.support.life import MONDAY, Life


class Ruled:
    """One life, and every version of policy and calendar that it saw.

    issue = Ruled()                   # raised and assigned under the default rules
    issue.publish(with_rules(...))    # a policy in force from now, rolled out
    issue.of("handle")                # why the handle deadline is what it is
    """

    def __init__(self, *, calendar: CalendarChanged | None = None, rules: tuple[PolicyRule, ...] = DEFAULT_RULES, **raised: Any) -> None:
        self.rules = Rules((policy(1, rules),), (calendar or statutory_calendar(2026),))
        self.life = Life(rulebook=self.rules.by_version[1]).raised(**raised)

    def publish(self, rules: tuple[PolicyRule, ...], mode: OpenIssues = "recompute") -> "Ruled":
        following = policy(len(self.rules.policies) + 1, rules, self.life)
        return self.roll_out(Rules((*self.rules.policies, following), self.rules.calendars), mode)

    def new_days(self, mode: OpenIssues = "recompute", **changes: Any) -> "Ruled":
        version = len(self.rules.calendars) + 1
        following = self.rules.calendars[-1].model_copy(update={"version": version, **changes})
        return self.roll_out(Rules(self.rules.policies, (*self.rules.calendars, following)), mode)

    def roll_out(self, rules: Rules, mode: OpenIssues) -> "Ruled":
        self.life.tick()
        self.rules = rules
        self.life.rules = rules.by_version[rules.policies[-1].version]
        moved = change(self.life.issue, self.life.context, rules.by_version, mode=mode, reason="新规则", rollout_id="r1")
        for event in moved:
            self.life.record(event)
        return self

    def told(self, at: datetime | None = None) -> dict[str, Any]:
        return explain(self.life.history, self.rules, at or self.life.now)

    def of(self, kind: DeadlineKind, at: datetime | None = None) -> dict[str, Any]:
        return next(each for each in self.told(at)["deadlines"] if each["kind"] == kind)


def policy(version: int, rules: tuple[PolicyRule, ...], life: Life | None = None) -> PolicyPublished:
    effective = life.now if life else MONDAY
    return PolicyPublished(policy="default", version=version, effective_from=effective, rules=rules, by=None, note="")


def with_rules(*more: PolicyRule) -> tuple[PolicyRule, ...]:
    replaced = {each.rule for each in more}
    return (*(each for each in DEFAULT_RULES if each.rule not in replaced), *more)
