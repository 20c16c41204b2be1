"""Builders of published events: a valid default of each, and histories that carry versions, times and the hash chain.

    raised, assigned = history(example(IssueRaised, title="路灯不亮"), example(Assigned))

The defaults tell one coherent story: a street light in village `VILLAGE`, raised and assigned at `MONDAY`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.contracts import Event
from shared.contracts.envelope import Recorded, parse, seal, unsealed
from shared.ids import new_id
from tests.support.story import (
    COUNTY,
    EXAMPLES,
    LOOK_ALIKE_TOWNSHIP,
    MONDAY,
    OTHER_COUNTY,
    OTHER_TOWNSHIP,
    SIBLING_VILLAGE,
    STREET_LIGHT,
    TOKEN,
    TOWNSHIP,
    VILLAGE,
    clocks,
    deadline,
    digest,
    handler,
    missed,
)

__all__ = [
    "COUNTY",
    "EXAMPLES",
    "LOOK_ALIKE_TOWNSHIP",
    "MONDAY",
    "OTHER_COUNTY",
    "OTHER_TOWNSHIP",
    "SIBLING_VILLAGE",
    "STREET_LIGHT",
    "TOKEN",
    "TOWNSHIP",
    "VILLAGE",
    "bodies",
    "clocks",
    "deadline",
    "digest",
    "example",
    "handler",
    "history",
    "missed",
    "then",
]

E = TypeVar("E", bound=Event)


def example(event: type[E], **changes: Any) -> E:
    """The default event of a type, with `changes` to its fields (validated)."""
    default = EXAMPLES[event]
    return event.model_validate({name: getattr(default, name) for name in event.model_fields} | changes)


def bodies(
    *events: Event | tuple[datetime, Event],
    stream: str | None = None,
    region: str | None = VILLAGE,
    start: datetime = MONDAY,
    after: Recorded[Event] | None = None,
) -> tuple[bytes, ...]:
    """One stream's events as the log stores them: versions from 1, each a minute after the one before.

    Args:
        events: facts, or pairs of their instant and fact.
        stream: the aggregate's id; a new issue id by default.
        region: None for aggregates other than an issue.
        start: instant of the first event.
        after: go on from this event instead (its stream, region, version, hash).
    """
    stream, region = (after.stream, after.region) if after else (stream or new_id(), region)
    version, previous = (after.version, after.hash) if after else (0, None)
    at = after.time if after else start - timedelta(minutes=1)
    written: list[bytes] = []
    for item in events:
        at, event = item if isinstance(item, tuple) else (at + timedelta(minutes=1), item)
        version += 1
        body, previous = seal(
            unsealed(
                event,
                id=new_id(),
                source=f"/huiyin/{event.owner}",
                stream=stream,
                version=version,
                time=at,
                region=region if event.aggregate == "issue" else None,
                correlation_id=stream,
                causation_id=None,
                traceparent=None,
                prev_hash=previous,
            )
        )
        written.append(body)
    return tuple(written)


def sealed(event: Recorded[Event], stream: str, prev: str | None, *, traceparent: str | None = None) -> tuple[bytes, str]:
    """The bytes and the hash of an event as it stands in the log after the one whose hash is `prev`, in `VILLAGE`."""
    return seal(
        unsealed(
            event.data,
            id=event.id,
            source=event.source,
            stream=stream,
            version=event.version,
            time=event.time,
            region=VILLAGE,
            correlation_id=stream,
            causation_id=None,
            traceparent=traceparent,
            prev_hash=prev,
        )
    )


def history(*events: Event | tuple[datetime, Event], **options: Any) -> tuple[Recorded[Event], ...]:
    """`bodies`, read back: what a consumer's handlers are given. Takes the same arguments."""
    return tuple(parse(body) for body in bodies(*events, **options))


def then(past: Sequence[Recorded[Event]], *events: Event | tuple[datetime, Event]) -> tuple[Recorded[Event], ...]:
    """`past` and what happened next in the same stream."""
    return (*past, *history(*events, after=past[-1]))
