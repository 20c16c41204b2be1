"""What happens by itself, and when, if nobody acts: the timer table of domain.md, foretold. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.routing.domain.clocks import by_rule
from services.routing.domain.commands import Context
from services.routing.domain.life import TOP
from services.routing.domain.state import Issue
from services.routing.domain.steps import level_above
from shared.contracts.values import DeadlineKind, Level

Pair = tuple[str, str]

ABOVE: Mapping[str, Pair] = {"township": ("镇(乡、街道)", "the township"), "county": ("县(市、区)", "the county")}

LIFTED: Mapping[DeadlineKind, Pair] = {
    "accept": ("没签收就自动升到{above},重新计时", "Not accepted, it goes up to {above} by itself, with new clocks"),
    "handle": ("没办结就自动升到{above},换人主办,重新计时", "Not settled, it goes up to {above} by itself: another handler, new clocks"),
    "arbitration": ("没裁定就自动升到{above}", "Not arbitrated, it goes up to {above} by itself"),
}
"""Below the top."""

ELSE: Mapping[DeadlineKind, Pair] = {
    "accept": ("没签收就催办主办单位", "Not accepted, the unit in charge is urged"),
    "handle": ("没办结就催办主办岗和分管负责人", "Not settled, the handler is urged"),
    "supervise_notice": ("还没办结就通报", "Still not settled: a notice of supervision"),
    "supervise_criticism": ("还没办结就批评", "Still not settled: criticism"),
    "arbitration": ("没裁定就催办督办人员", "Not arbitrated, the supervisor is urged"),
    "suspension": ("自动恢复办理,接着用余下的时间", "It goes on by itself with the time that was left"),
    "task": ("联办没完成就催办那个单位;主办的时钟不变", "The task not done, that unit is urged; the lead's clock is unchanged"),
    "promise": ("承诺没兑现就催办,并安排首访人回访", "The promise not kept, the handler is urged and the first receiver visits"),
    "extension": ("没批复就算不同意,按原期限", "Undecided, the extension is refused and the old deadline holds"),
    "interim": ("系统自动给反映人一次阶段答复", "The reporter gets an interim answer by itself"),
    "answer": ("反映人还没收到结果就催办,并安排回访", "The reporter not reached, the handler is urged and a visit is due"),
    "rating": ("反映人没评价就安排首访人回访", "Not rated, the first receiver visits"),
    "visit": ("没回访就催首访人,之后每个工作日再催", "No visit, the first receiver is urged, again each working day"),
}
"""At the top, and what no level changes."""

ANONYMOUS: Pair = ("没人评价就自动销号", "Not rated, it is struck off by itself")


@dataclass(frozen=True, slots=True)
class Prospect:
    """One thing that will happen at `at`, as (zh-CN, en)."""

    at: datetime
    kind: DeadlineKind
    text: Pair


def foretold(kind: DeadlineKind, level: Level | None, *, anonymous: bool) -> Pair:
    """What happens when a deadline of `kind` comes at `level`."""
    if kind == "rating" and anonymous:
        return ANONYMOUS
    above = level_above(level) if level else None
    if kind in LIFTED and above is not None:
        return LIFTED[kind][0].format(above=ABOVE[above][0]), LIFTED[kind][1].format(above=ABOVE[above][1])
    return ELSE[kind]


def prospects(issue: Issue, context: Context) -> Iterator[Prospect]:
    """What will happen by itself, soonest first for each deadline; at the top with both degrees of supervision that follow."""
    for deadline in issue.running:
        yield Prospect(deadline.due_at, deadline.kind, foretold(deadline.kind, issue.level, anonymous=issue.anonymous))
        if deadline.kind == "handle" and issue.level == TOP:
            for kind in ("supervise_notice", "supervise_criticism"):
                later = by_rule(issue, context, kind, start=deadline.due_at)
                yield Prospect(later.due_at, kind, foretold(kind, issue.level, anonymous=issue.anonymous))
