"""I1 and I8: the client's own record beside the log and the audit. Every try sent a trace of its own, which events and entries name."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.checker.reading import Logged, Row
from tests.faults.checker.violation import Violation
from tests.faults.record import Entry

EVENT_OF: Mapping[str, str] = {
    "raise": "IssueRaised",
    "rating": "Rated",
    "withdrawal": "IssueWithdrawn",
    "reopening": "ReopenAsked",
    "accept": "Accepted",
    "report-progress": "ProgressReported",
    "resolve": "Resolved",
    "request-escalation": "Escalated",
    "return": "Returned",
    "arbitrate": "Arbitrated",
    "reassign": "Reassigned",
    "reclassify": "Reclassified",
    "invite": "UnitInvited",
    "complete-task": "TaskCompleted",
    "suspend": "Suspended",
    "resume": "Resumed",
    "request-extension": "ExtensionRequested",
    "decide-extension": "ExtensionDecided",
    "refer": "Referred",
    "supervise": "Supervised",
    "record-return-visit": "ReturnVisited",
    "reopen": "Reopened",
    "publish-policy": "PolicyPublished",
    "roll-back": "PolicyPublished",
    "change-calendar": "CalendarChanged",
}
"""Command → the one event that says that it was done (contract.md, domain.md)."""

_REPORTERS = frozenset({"IssueRaised", "Rated", "IssueWithdrawn", "ReopenAsked"})


def judge_commands(events: Sequence[Logged], entries: Sequence[Entry]) -> list[Violation]:
    """I1: answered 2xx exactly once, unanswered at most once, refused never; and nothing that nobody asked for."""
    found: list[Violation] = []
    by_trace: dict[str, list[Logged]] = {}
    for event in events:
        if event.trace is not None and _is_commanded(event):
            by_trace.setdefault(event.trace, []).append(event)
    asked: set[str] = set()
    for tries in _by_key(entries).values():
        traces = {entry.fields["trace_id"] for entry in tries}
        if (name := EVENT_OF.get(tries[0].command)) is not None:
            asked |= traces
            done = [event for trace in traces for event in by_trace.get(trace, []) if event.name == name]
            found += _wrong(tries, name, done)
    for trace, uninvited in by_trace.items():
        if trace not in asked:
            found += [Violation("I1", _subject(event), f"{event.name} is in the log, and nobody asked for it") for event in uninvited]
    return found


def _is_commanded(event: Logged) -> bool:
    """Whether a person's command put it there: the reporter's facts, and whatever names who did it."""
    return event.name in _REPORTERS or event.data.get("by") is not None


def _wrong(tries: Sequence[Entry], name: str, done: Sequence[Logged]) -> list[Violation]:
    first = next((entry for entry in tries if entry.ok), None)
    what = f"{tries[0].command} by {tries[0].actor} ({tries[0].key})"
    if first is None:
        most = 1 if any(entry.unknown for entry in tries) else 0
        if len(done) <= most:
            return []
        answers = ", ".join(str(entry.status) for entry in tries)
        return [Violation("I1", _subject(done[0]), f"{what} was answered {answers}, and {name} is in the log {len(done)} times")]
    told = first.body or {}
    issue_id = str(told.get("issue_id", first.issue_id))
    if len(done) != 1:
        return [Violation("I1", issue_id, f"{what} was answered {first.status}, and {name} is in the log {len(done)} times")]
    event = done[0]
    found: list[Violation] = []
    if event.aggregate == "issue" and event.stream != issue_id:
        found.append(Violation("I1", issue_id, f"{what} was answered with this issue, and {name} is of {event.stream}"))
    if name == "IssueRaised" and event.data["number"] != told.get("number"):
        found.append(Violation("I1", issue_id, f"{what} was answered number {told.get('number')}, the log has {event.data['number']}"))
    if "by" in event.data and event.data["by"] != first.actor:
        found.append(Violation("I1", issue_id, f"{what}: {name} is by {event.data['by']}"))
    different = [entry for entry in tries if entry.ok and entry.body != first.body]
    found += [Violation("I1", issue_id, f"{what} was answered differently when it was repeated") for _ in different[:1]]
    return found


def judge_audit(audit: Sequence[Row], entries: Sequence[Entry]) -> list[Violation]:
    """I8: each request has exactly one entry that says who, what, when, from where and with what result; one without answer at most one."""
    found: list[Violation] = []
    by_trace: dict[tuple[str, str], list[Row]] = {}
    for row in audit:
        by_trace.setdefault((row["service"], row["trace_id"]), []).append(row)
    for entry in entries:
        service = str(entry.fields["path"]).split("/")[2]
        rows = [row for row in by_trace.get((service, entry.fields["trace_id"]), []) if row["who"] in _names(entry)]
        what = f"{entry.command} by {entry.actor} ({entry.key}, try {entry.fields.get('attempt', 1)})"
        subject = entry.issue_id or entry.key
        least = 0 if entry.unknown else 1
        if not least <= len(rows) <= 1:
            found.append(Violation("I8", subject, f"{what} was answered {entry.status} and has {len(rows)} audit entries"))
        found += [Violation("I8", subject, f"{what}: {detail}") for row in rows for detail in _unlike(row, entry)]
    return found


def _names(entry: Entry) -> set[str]:
    """Who the audit may say that it was: a refused token makes an officer anonymous, a sign-in is the account's that it names."""
    request: Mapping[str, Any] = entry.fields.get("request") or {}
    return {entry.actor, "anonymous", "reporter", request.get("username", entry.actor)}


def _unlike(row: Row, entry: Entry) -> list[str]:
    checks = {
        f"its audit entry says status {row['status']}, the answer was {entry.status}": entry.unknown or row["status"] == entry.status,
        "its audit entry does not say from where": bool(row["address"]),
        f"its audit entry says {row['result']}, the answer was {entry.code or 'ok'}": entry.unknown
        or row["result"] == (entry.code or "ok"),
        "its audit entry does not say what was asked": bool(row["action"]),
    }
    return [detail for detail, holds in checks.items() if not holds]


def _by_key(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    tries: dict[str, list[Entry]] = {}
    for entry in entries:
        tries.setdefault(entry.key, []).append(entry)
    return tries


def _subject(event: Logged) -> str:
    return event.stream if event.aggregate == "issue" else f"{event.aggregate} {event.stream} version {event.version}"
