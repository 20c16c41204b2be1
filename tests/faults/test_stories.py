"""I2 to I4 judged on stories: what the pure domain decides is never blamed, and each way of breaking it is."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from services.routing.domain.life import allowed
from shared.eventlog.copy import Stored
from shared.ids import new_id
from shared.messaging.subjects import subject
from tests.faults.checker import Violation, lives, messages, workflows
from tests.faults.checker.life import life_of
from tests.faults.checker.places import Places
from tests.faults.checker.reading import Logged, Seen
from tests.faults.honest import climbed_life, closed_life
from tests.support.events import sealed
from tests.support.life import Life, in_state
from tests.support.size import full

PATIENCE = 60.0
STATES = ("assigned", "in_progress", "suspended", "in_arbitration", "referred", "resolved", "answered", "visit_due", "closed")


def logged(life: Life, stream: str = "issue") -> list[Logged]:
    """A life's events as they would stand in the log; a person's instant is later than what came before, as it is there."""
    written: list[Logged] = []
    prev: str | None = None
    for event in life.history:
        body, prev = sealed(event, stream, prev)
        written.append(parsed(body.decode()))
    return written


def parsed(body: str) -> Logged:
    told = json.loads(body)
    owner = told["source"].rpartition("/")[2]
    return Logged(told["id"], told["subject"], told["streamversion"], told["type"], told.get("region"), told["hash"], owner, body, told)


def changed(event: Logged, *, time: datetime | None = None, **data: Any) -> Logged:
    """The same event, told otherwise."""
    envelope = {**event.envelope, "data": {**event.data, **data}}
    return replace(event, envelope=envelope | ({"time": time.isoformat()} if time else {}))


def blamed(events: Sequence[Logged], now: datetime) -> list[str]:
    return [str(violation) for violation in lives.judge({"issue": events}, now, PATIENCE)]


def wandering(seed: int, steps: int) -> Life:
    """An issue to which anything happens that may."""
    rng = random.Random(seed)
    level = rng.choice(("village", "township", "county"))
    fits = [
        state
        for state in STATES
        if not (state == "referred" and level != "county") and not (state == "in_arbitration" and level == "village")
    ]
    life = in_state(rng.choice(fits), level)
    for _ in range(steps):
        life.pass_time(seconds=rng.choice((1, 60, 3600, 86_400, 5 * 86_400)))
        commands = allowed(life.issue)
        turn = rng.random()
        if turn < 0.7 and commands:
            life.do(rng.choice(commands))
        elif turn < 0.8:
            life.rated(rng.choice(("satisfied", "dissatisfied")))
        elif turn < 0.9 and life.issue.state == "resolved":
            life.delivered()
    return life


@pytest.mark.parametrize("seed", range(full(400, 40)))
def test_whatever_the_domain_decides_is_told_the_same_and_not_blamed(seed: int) -> None:
    life = wandering(seed, steps=12)
    events = logged(life)
    told, issue = life_of(events), life.issue
    assert (told.state, told.level) == (issue.state, issue.level)
    assert [(clock.id, clock.due_at) for clock in told.waits_for] == [(each.deadline_id, each.due_at) for each in issue.running]
    assert blamed(events, life.now) == []


def test_a_lapse_before_its_instant() -> None:
    events = logged(climbed_life(1))
    escalated = next(event for event in events if event.name == "Escalated")
    due = datetime.fromisoformat(escalated.data["missed"]["due_at"])
    early = [changed(event, time=due - timedelta(seconds=1)) if event is escalated else event for event in events]
    assert any("took effect at" in each for each in blamed(early, events[-1].time))


def test_a_lapse_twice() -> None:
    life = in_state("resolved").pass_time(working_days=3)
    events = logged(life)
    urged = next(event for event in events if event.name == "Supervised" and event.data["missed"])
    again = changed(urged, time=life.now + timedelta(seconds=1))
    assert any("lapsed a second time" in each for each in blamed([*events, again], life.now))


def test_a_lapse_that_never_came() -> None:
    events = logged(Life().raised())
    due = life_of(events).waits_for[0].due_at
    assert blamed(events, due + timedelta(seconds=PATIENCE)) == []
    assert any("has not lapsed" in each for each in blamed(events, due + timedelta(seconds=PATIENCE + 1)))


def test_a_missed_deadline_that_counts_as_kept() -> None:
    life = Life().raised()
    due = life.issue.running[0].due_at
    events = logged(life.ok("accept"))
    late = [changed(event, time=due + timedelta(seconds=1)) if event.name == "Accepted" else event for event in events]
    assert any("had not lapsed first" in each for each in blamed(late, due + timedelta(seconds=2)))


def test_two_levels_at_once() -> None:
    events = logged(climbed_life(1))
    nth = next(nth for nth, event in enumerate(events) if event.name == "Escalated")
    higher = changed(events[nth], from_level="township", to_level="county")
    told = blamed([*events[: nth + 1], higher], events[nth].time)
    assert any("lifted it 2 levels at once" in each for each in told)


@pytest.mark.parametrize("missing", ["Answered", "Resolved"])
def test_closed_without_its_answer(missing: str) -> None:
    events = [event for event in logged(closed_life(1)) if event.name != missing]
    assert any(each.startswith("I4") and "no Answered of resolution" in each for each in blamed(events, events[-1].time))


Messages = list[Stored]


def _skip(stored: Messages) -> Messages:
    return stored[:2] + stored[3:]


def _swap(stored: Messages) -> Messages:
    return [stored[1], stored[0], *stored[2:]]


def _change(stored: Messages) -> Messages:
    return [replace(stored[0], body=stored[0].body.replace(b"routine", b"urgent")), *stored[1:]]


def _repeat(stored: Messages) -> Messages:
    return [*stored, stored[-1]]


def _forge(stored: Messages) -> Messages:
    return [*stored, replace(stored[-1], id=new_id())]


def _move(stored: Messages) -> Messages:
    return [replace(stored[0], subject="huiyin.issue.33.01.82.104.999.IssueRaised"), *stored[1:]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_skip, "was published and is not in the stream"),
        (_swap, "version 2 follows 0"),
        (_change, "differs from event"),
        (_repeat, "is in the stream a second time"),
        (_forge, "is not in the log"),
        (_move, "is on subject"),
    ],
)
def test_messages_that_differ_from_the_log(damage: Callable[[Messages], Messages], words: str) -> None:
    seen = seen_of(logged(closed_life(1)))
    stored = [Stored(nth, event.id, subject(event.type, event.region), event.body.encode()) for nth, event in enumerate(seen.events, 1)]
    assert messages.compare(seen, stored) == []
    assert any(words in str(violation) for violation in messages.compare(seen, damage(stored)))


DUE = SearchAttributeKey.for_datetime("HuiyinDue")


async def test_issues_without_a_workflow_that_waits_soon_enough(temporal: str) -> None:
    client = await Client.connect(temporal)
    places = Places("", None, temporal, Path())
    waits, lost, oversleeps, ended = (new_id() for _ in range(4))
    streams = {issue_id: logged(Life().raised(), issue_id) for issue_id in (waits, lost, oversleeps, ended)}
    due = life_of(streams[waits]).waits_for[0].due_at
    for issue_id, until in ((waits, due), (oversleeps, due + timedelta(days=1)), (ended, due)):
        await client.start_workflow(
            "IssueWorkflow",
            issue_id,
            id=f"issue-{issue_id}",
            task_queue=f"nobody-{issue_id}",  # no worker takes it: it runs and waits
            search_attributes=TypedSearchAttributes([SearchAttributePair(DUE, until)]),
        )
    await client.get_workflow_handle(f"issue-{ended}").terminate()

    async def told(*issues: str) -> list[Violation]:
        return await workflows.judge(places, seen_of([event for issue in issues for event in streams[issue]]), 0)

    assert await told(waits) == []
    assert [violation.subject for violation in await told(waits, lost)] == [lost]
    assert "Temporal knows no workflow" in (await told(lost))[0].detail
    assert "its workflow until" in (await told(oversleeps))[0].detail
    assert "its workflow is" in (await told(ended))[0].detail
    assert "was raised and not assigned" in (await workflows.judge(places, seen_of(streams[lost][:1]), 0))[0].detail


def seen_of(events: Sequence[Logged]) -> Seen:
    """The events as a look at a log finds them, published in their order; nothing else is there."""
    published = [(position, event.id, "") for position, event in enumerate(events, 1)]
    return Seen(events[-1].time, events, {}, published, frozenset(), [], [], [], {})
