"""I6: who is owed a notice gets one, under an id that follows from what it is about; a repeat carries the same id."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from services.notify.domain.state import Issue, evolve
from services.notify.domain.turns import decide
from shared.contracts.envelope import parse
from tests.faults.checker.places import Places
from tests.faults.checker.reading import Logged, Seen
from tests.faults.checker.violation import Violation

_NAMESPACE = UUID("6f0d7c58-52f2-5d0e-9a3a-0c6f5b1f2a11")
"""Ids are derived with it for ever; written here a second time, so that a change does not go unnoticed."""

_TAKEN = 202
_LEFT = ("accepted", "delivered")


@dataclass(frozen=True, slots=True)
class Sent:
    """How often the SMS gateway and the mail server took each message, by message id."""

    taken: Mapping[str, int]


def sent(places: Places) -> Sent:
    """What the sinks' files hold at this moment."""
    sms: list[str] = [line["message_id"] for line in _lines(places.data / "sinks" / "sms.jsonl") if line["status"] == _TAKEN]
    mails: list[str] = [line["message_id"].strip("<>").partition("@")[0] for line in _lines(places.data / "sinks" / "mail.jsonl")]
    return Sent(Counter([*sms, *mails]))


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):  # the last one may be half written when the sink was killed
                yield json.loads(line)


def judge(seen: Seen, before: Sent, after: Sent) -> list[Violation]:
    """Notices and messages against the events that owe them and against what the sinks took.

    Args:
        seen: the rows.
        before: the sinks before the rows were read: every message in them has its row.
        after: the sinks afterwards: every message that its row calls accepted is in them.
    """
    return [*_owed(seen), *_derived(seen), *_delivered(seen), *_taken(seen, before, after)]


def _owed(seen: Seen) -> Iterator[Violation]:
    """The queue is what the events owe, no more and no less."""
    queued = Counter((row["event_id"], row["recipient"], row["kind"]) for row in seen.notices if row["issue_id"] is not None)
    owed: set[tuple[str, str, str]] = set()
    for stream, events in seen.streams.items():
        try:
            owed |= set(_owed_of([event for event in events if event.version <= seen.told.get(stream, 0)]))
        except Exception as error:  # what the product's code cannot read is no reason to leave the rest unread
            yield Violation("I6", stream, f"cannot be read: {type(error).__name__}: {error}")
    for event, recipient, kind in owed - queued.keys():
        yield Violation("I6", event, f"owes {recipient} a notice ({kind}) that was never queued")
    for event, recipient, kind in queued.keys() - owed:
        yield Violation("I6", event, f"owes {recipient} no notice ({kind}), and one was queued")


def _owed_of(events: Sequence[Logged]) -> Iterator[tuple[str, str, str]]:
    known: Issue | None = None
    for event in events:
        recorded = parse(event.body)
        before, known = known, evolve(known, recorded)
        for notice in decide(before, known, recorded.data):
            yield event.id, notice.recipient, notice.kind


def _derived(seen: Seen) -> Iterator[Violation]:
    """Ids follow from event, recipient and kind, and from notice, channel and round; so there is one of each."""
    notices = {row["notice_id"]: row for row in seen.notices}
    for row in seen.notices:
        if row["notice_id"] != str(uuid5(_NAMESPACE, f"{row['event_id']}/{row['recipient']}/{row['kind']}")):
            yield Violation("I6", row["notice_id"], "its id does not follow from what it is about")
    told: Counter[tuple[str, str, str, int]] = Counter()
    for row in seen.messages:
        if row["message_id"] != str(uuid5(_NAMESPACE, f"{row['notice_id']}/{row['channel']}/{row['round']}")):
            yield Violation("I6", row["message_id"], "its id does not follow from what it is about")
        notice = notices[row["notice_id"]]
        told[notice["event_id"], notice["recipient"], row["channel"], row["round"]] += 1
    for (event, recipient, channel, _), times in told.items():
        if times > 1:
            yield Violation("I6", event, f"was told {recipient} by {channel} {times} times")


def _delivered(seen: Seen) -> Iterator[Violation]:
    """The log hears of each stage of each notice once, and never that it failed after it was delivered."""
    notices = {row["notice_id"] for row in seen.notices}
    for stream, events in seen.streams.items():
        stages: Counter[tuple[str, str | None, str]] = Counter()
        for event in events:
            if event.name in ("NoticeDelivered", "NoticeFailed"):
                stages[event.data["notice_id"], event.data["channel"], event.data.get("stage", "failed")] += 1
                if event.data["notice_id"] not in notices:
                    yield Violation("I6", stream, f"version {event.version} tells of notice {event.data['notice_id']}, which there is not")
        for (notice, channel, stage), times in stages.items():
            if times > 1:
                yield Violation("I6", stream, f"notice {notice} was {stage} by {channel} {times} times")


def _taken(seen: Seen, before: Sent, after: Sent) -> Iterator[Violation]:
    rows = {row["message_id"]: row for row in seen.messages}
    for message, times in before.taken.items():
        if message not in rows:
            yield Violation("I6", message, "left the house, and notify knows no such message")
        elif times > rows[message]["tries"]:
            yield Violation("I6", message, f"was taken {times} times, and was tried only {rows[message]['tries']} times")
    for message, row in rows.items():
        if row["state"] in _LEFT and message not in after.taken:
            yield Violation("I6", message, f"is {row['state']} by {row['channel']}, and no gateway has it")
