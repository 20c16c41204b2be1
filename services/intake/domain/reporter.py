"""The reporter's rows (R) of domain.md's state table: what may be asked in which state, and the fact that follows.

Intake appends the reporter's word at the version it has read; routing appends what it leads to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.intake.domain.commands import Rate, Reopen, Withdraw
from services.intake.domain.reporter_view import ReporterView
from shared.contracts import intake
from shared.contracts.values import State

REOPENING_WINDOW = timedelta(days=30)
"""How long after closing a reporter may be dissatisfied or ask to reopen (domain.md, life of an issue)."""

Ask = Literal["rating", "withdrawal", "reopening"]
ReporterCommand = Rate | Withdraw | Reopen
ReporterFact = intake.Rated | intake.IssueWithdrawn | intake.ReopenAsked

_AFTER_A_RESOLUTION: tuple[State, ...] = ("resolved", "answered", "visit_due", "closed")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the state forbids a command, and what it allows instead."""

    code: Literal["forbidden_by_state", "window_over", "consequence_pending"]
    allowed: tuple[Ask, ...]


def decide(view: ReporterView, command: ReporterCommand, *, now: datetime, words: str | None) -> ReporterFact | Refusal:
    """The fact to append, or the refusal.

    Args:
        view: the issue, folded from its stream.
        command: what the reporter asks.
        now: the present instant.
        words: id of the vault row that keeps what the reporter wrote.
    """
    if view.pending:
        return Refusal("consequence_pending", ())
    if refused := _REFUSES[type(command)](view, command, now):
        return Refusal(refused, allowed(view, now))
    match command:
        case Rate():
            return intake.Rated(rating=command.rating, words=words)
        case Withdraw():
            return intake.IssueWithdrawn(words=words)
        case Reopen():
            return intake.ReopenAsked(words=words)


def allowed(view: ReporterView, now: datetime) -> tuple[Ask, ...]:
    """What the reporter may ask in this state."""
    if view.pending:
        return ()
    if view.state not in _AFTER_A_RESOLUTION:
        return ("withdrawal",)
    return ("rating", "withdrawal") if _window_is_over(view, now) else ("rating", "withdrawal", "reopening")


_Refuses = Callable[[ReporterView, ReporterCommand, datetime], Literal["forbidden_by_state", "window_over"] | None]


def _refuses_rate(view: ReporterView, command: ReporterCommand, now: datetime) -> Literal["forbidden_by_state", "window_over"] | None:
    if view.state not in _AFTER_A_RESOLUTION:
        return "forbidden_by_state"
    dissatisfied = isinstance(command, Rate) and command.rating == "dissatisfied"
    return "window_over" if dissatisfied and _window_is_over(view, now) else None


def _refuses_reopen(view: ReporterView, command: ReporterCommand, now: datetime) -> Literal["forbidden_by_state", "window_over"] | None:
    if view.state not in _AFTER_A_RESOLUTION:
        return "forbidden_by_state"
    return "window_over" if _window_is_over(view, now) else None


def _refuses_withdraw(view: ReporterView, command: ReporterCommand, now: datetime) -> None:
    return None


_REFUSES: dict[type[ReporterCommand], _Refuses] = {Rate: _refuses_rate, Withdraw: _refuses_withdraw, Reopen: _refuses_reopen}


def _window_is_over(view: ReporterView, now: datetime) -> bool:
    return view.closed_at is not None and now > view.closed_at + REOPENING_WINDOW
