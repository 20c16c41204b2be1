"""Bodies of the administrators' requests about policies, roll-outs and calendars."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from services.routing.tables import PolicyDraft, Rollout
from shared.contracts.routing import CalendarChanged, OpenIssues, PolicyPublished
from shared.web.requests import RequestModel

Note = Annotated[str, Field(max_length=500)]
Rate = Annotated[int, Field(ge=1, le=5_000)]
RATE = 500
"""Issues in a second that a roll-out moves unless told otherwise."""

MAX_RULES = 500


class AllowanceBody(RequestModel):
    """A length of time, a share or a number."""

    amount: int
    unit: Literal["seconds", "minutes", "hours", "working_hours", "working_days", "days", "percent", "times"]


class RuleBody(RequestModel):
    """One rule: where `match` fits, `set` holds."""

    rule: Annotated[str, Field(min_length=1, max_length=80)]
    match: dict[Annotated[str, Field(pattern="^[a-z_]+$")], Annotated[str, Field(min_length=1, max_length=80)]]
    set: dict[Annotated[str, Field(pattern="^[a-z_]+$")], AllowanceBody]


class DraftBody(RequestModel):
    """A new draft: from rules, a preset or a published version; without any of them from the newest version."""

    note: Note = ""
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=MAX_RULES)] | None = None
    preset: str | None = None
    version: int | None = None


class DraftChange(RequestModel):
    """What a draft holds from now on. `based_on`: the version that its writer has seen; null leaves it."""

    note: Note
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=MAX_RULES)]
    based_on: int | None = None


class PublishBody(RequestModel):
    """How a draft is published. Without `effective_from`: at once."""

    open_issues: OpenIssues
    effective_from: AwareDatetime | None = None
    rate: Rate = RATE


class RollBackBody(RequestModel):
    """How a former version is published again."""

    open_issues: OpenIssues = "recompute"
    rate: Rate = RATE


class PreviewBody(RequestModel):
    """What to look at: a draft, a published version, or rules; and what would happen to open issues."""

    open_issues: OpenIssues = "recompute"
    draft_id: str | None = None
    version: int | None = None
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=MAX_RULES)] | None = None
    issue: Annotated[str | None, Field(description="Number of one issue: what changes for it, and why.")] = None


class OverrideBody(RequestModel):
    """A day that differs in one region."""

    region: Annotated[str, Field(pattern="^[0-9]{2,12}$")]
    day: str
    kind: Literal["closed", "open", "stopped"]
    note: Annotated[str, Field(max_length=200)] = ""


Days = Annotated[tuple[str, ...], Field(max_length=2_000)]


class CalendarBody(RequestModel):
    """Days of the calendar; what is left out stays as it is."""

    note: Note = ""
    office_hours: Annotated[tuple[tuple[str, str], ...], Field(max_length=6)] | None = None
    holidays: Days | None = None
    working_days: Days | None = None
    overrides: Annotated[tuple[OverrideBody, ...], Field(max_length=2_000)] | None = None
    confirmed_years: Annotated[tuple[int, ...], Field(max_length=50)] | None = None
    rate: Rate = RATE


def policy_shown(policy: PolicyPublished, *, in_force: int) -> dict[str, Any]:
    """A published version, as JSON."""
    return policy.model_dump(mode="json") | {"in_force": policy.version == in_force}


def draft_shown(draft: PolicyDraft, errors: list[dict[str, object]]) -> dict[str, Any]:
    """A draft, as JSON, with what keeps it from being published."""
    return {
        "draft_id": draft.draft_id,
        "version": draft.version,
        "note": draft.note,
        "based_on": draft.based_on,
        "by": draft.by,
        "created_at": draft.created_at.isoformat(),
        "changed_at": draft.changed_at.isoformat(),
        "rules": draft.rules,
        "errors": errors,
    }


def rollout_shown(rollout: Rollout, now: datetime) -> dict[str, Any]:
    """A roll-out, as JSON. `seconds_left` follows from its speed so far; null where nothing can be said yet."""
    reached = rollout.reached
    left = None if rollout.total is None else rollout.total - reached
    seconds = (now - rollout.started_at).total_seconds() if rollout.started_at else 0.0
    known = rollout.state == "running" and reached > 0 and left is not None
    return {
        "rollout_id": rollout.rollout_id,
        "policy_version": rollout.policy_version,
        "calendar_version": rollout.calendar_version,
        "open_issues": rollout.mode,
        "reason": rollout.reason,
        "by": rollout.by,
        "state": rollout.state,
        "rate": rollout.rate,
        "total": rollout.total,
        "done": reached,
        "left": left,
        "moved": rollout.moved,
        "unchanged": rollout.unchanged,
        "failed": rollout.failed,
        "seconds_left": round(seconds / reached * left) if known and left is not None else None,
        "begins_at": rollout.begins_at.isoformat(),
        "started_at": rollout.started_at.isoformat() if rollout.started_at else None,
        "ended_at": rollout.ended_at.isoformat() if rollout.ended_at else None,
    }


def calendar_shown(calendar: CalendarChanged) -> dict[str, Any]:
    """A version of the calendar, as JSON."""
    return calendar.model_dump(mode="json")
