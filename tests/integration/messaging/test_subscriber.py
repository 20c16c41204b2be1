"""A consumer commits before it acknowledges (decision 7): once, in order, whatever fails."""

import json

import psycopg
import pytest

from shared.contracts.envelope import parse
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, ProgressReported
from shared.eventlog.copy import StreamCopy
from shared.ids import new_id
from shared.messaging.connection import NatsConnection
from shared.messaging.deadletters import DeadLetters
from shared.messaging.delivery import Delivery
from shared.messaging.subscriber import ATTEMPTS
from shared.messaging.topology import ensure_topology
from tests.integration.eventlog.harness import connected, relaying, rows, stored, until
from tests.integration.messaging.harness import Effects, drained, publish, story, subscribed
from tests.support.consumers import unfinished
from tests.support.events import bodies, example
from tests.support.servers import NatsAddress, StackDatabase


@pytest.fixture
def effects(stack_database: StackDatabase) -> Effects:
    return Effects(stack_database)


async def test_every_event_has_its_effect_once_and_in_order(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issues = [new_id() for _ in range(20)]
    stories = [story(issue) for issue in issues]
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        await publish(relay, *[body for version in zip(*stories, strict=True) for body in version])
        await publish(relay, *stories[0], again=True)
        await until(lambda: drained(relay))
    assert all(effects.seen(issue) == [1, 2, 3, 4] for issue in issues)
    assert rows(stack_database, "SELECT count(*) FROM tracking.parked") == [(0,)]


async def test_what_comes_while_it_rests_goes_together_and_a_poisoned_stream_stops_alone(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects
) -> None:
    first, poisoned, *issues = (new_id() for _ in range(6))
    effects.fails_on[poisoned, 2] = ValueError("never")
    async with connected(nats) as relay, subscribed(stack_database, nats, effects, pace=2.0) as database:
        await publish(relay, *story(first))
        await effects.reached(first, [1, 2, 3, 4])
        for issue in issues:
            await publish(relay, *story(issue))
        for issue in issues:
            await effects.reached(issue, [1, 2, 3, 4])
        written = rows(stack_database, "SELECT count(DISTINCT xmin::text) FROM tracking.effects WHERE stream = ANY(%s)", issues)
        assert written == [(1,)]
        await publish(relay, *story(poisoned), *story(new_id()))
        (letter,) = await until(DeadLetters(database).open)
        await until(lambda: drained(relay))
    assert (letter.stream, letter.version) == (poisoned, 2)
    assert effects.seen(poisoned) == [1]


async def test_a_gap_parks_the_stream_until_the_missing_version_comes(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects
) -> None:
    issue, other = new_id(), new_id()
    raised, assigned, *notes = story(issue)
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        await publish(relay, raised, *notes, *story(other))
        await effects.reached(other, [1, 2, 3, 4])
        await until(lambda: drained(relay))
        assert effects.seen(issue) == [1]
        assert rows(stack_database, "SELECT version FROM tracking.parked ORDER BY version") == [(3,), (4,)]
        await publish(relay, assigned)
        await effects.reached(issue, [1, 2, 3, 4])
    assert rows(stack_database, "SELECT count(*) FROM tracking.parked") == [(0,)]


async def test_a_failing_event_is_tried_again_and_keeps_nobody_waiting(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects
) -> None:
    issue, other = new_id(), new_id()
    effects.fails_on[issue, 2] = ValueError("not yet")
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        await publish(relay, *story(issue), *story(other))
        await effects.reached(other, [1, 2, 3, 4])
        assert effects.seen(issue) == [1]
        effects.fails_on.clear()
        await effects.reached(issue, [1, 2, 3, 4])
    assert rows(stack_database, "SELECT count(*) FROM tracking.dead_letters") == [(0,)]


async def test_poison_is_dead_once_and_its_stream_waits_for_a_decision(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects
) -> None:
    issue, other = new_id(), new_id()
    events = story(issue)
    effects.fails_on[issue, 2] = ValueError("never")
    async with (
        connected(nats) as relay,
        relaying(stack_database, nats),
        subscribed(stack_database, nats, effects) as database,
    ):
        await publish(relay, *events, *story(other))
        letters = DeadLetters(database)
        (letter,) = await until(letters.open)
        assert (letter.stream, letter.version, letter.attempts, letter.consumer) == (issue, 2, ATTEMPTS, "tracking")
        assert "ValueError: never" in letter.error
        await effects.reached(other, [1, 2, 3, 4])
        await until(lambda: drained(relay))
        assert await until(lambda: dead_copies(relay)) == [("huiyin_dead.tracking", events[1])]

        await letters.replay(letter.id, by="operator", reason="try again")
        await until(lambda: given_up(stack_database, attempts=ATTEMPTS + 1))
        assert effects.seen(issue) == [1]
        effects.fails_on.clear()
        await letters.replay(letter.id, by="operator", reason="mended")
        await effects.reached(issue, [1, 2, 3, 4])
        assert await letters.open() == []


async def dead_copies(relay: NatsConnection) -> list[tuple[str, bytes]]:
    copy = StreamCopy(relay, stream="HUIYIN_DEAD")
    state = await copy.state()
    return [(message.subject, message.body) async for portion in copy.read(max(state.first, 1), state.last) for message in portion]


async def given_up(database: StackDatabase, *, attempts: int) -> bool:
    return rows(database, "SELECT 1 FROM tracking.dead_letters WHERE attempts = %s AND decision IS NULL", attempts) != []


async def test_a_discarded_event_is_stepped_over(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issue = new_id()
    effects.fails_on[issue, 2] = ValueError("never")
    async with connected(nats) as relay, subscribed(stack_database, nats, effects) as database:
        await publish(relay, *story(issue))
        letters = DeadLetters(database)
        (letter,) = await until(letters.open)
        await letters.discard(letter.id, by="operator", reason="superseded")
        await effects.reached(issue, [1, 3, 4])
    assert rows(stack_database, "SELECT decision, reason, decided_by FROM tracking.dead_letters WHERE settled_at IS NOT NULL") == [
        ("discard", "superseded", "operator")
    ]


POISON = {
    "bad JSON": b'{"id": ',
    "not text": b"\xff\xfe\x00",
    "not an envelope": b'{"hello": "world"}',
    "a NUL in the stream": b'{"specversion":"1.0","subject":"\\u0000","streamversion":1,"type":"x"}',
    "an unknown type": bodies(example(Accepted))[0].replace(b"huiyin.issue.Accepted.v1", b"huiyin.issue.Danced.v1"),
    "an unknown version": bodies(example(Accepted))[0].replace(b"huiyin.issue.Accepted.v1", b"huiyin.issue.Accepted.v9"),
    "data that the contract refuses": bodies(example(Accepted))[0].replace(b'"by":', b'"who":'),
}


async def test_what_is_no_event_is_dead_at_once(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issue = new_id()
    async with connected(nats) as relay, subscribed(stack_database, nats, effects) as database:
        for body in (*POISON.values(), *POISON.values()):
            await relay.request("huiyin.issue.33.01.82.104.228.Accepted", body, timeout=5)
        await publish(relay, *story(issue))
        await effects.reached(issue, [1, 2, 3, 4])
        await until(lambda: drained(relay))
        letters = await DeadLetters(database).open()
    assert {letter.body for letter in letters} == set(POISON.values())
    assert len(letters) == len(POISON)
    assert effects.tries == 4


async def test_an_event_without_a_handler_is_dead_and_not_ignored(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects
) -> None:
    issue = new_id()
    async with connected(nats) as relay, subscribed(stack_database, nats, effects, {IssueRaised: effects}) as database:
        await publish(relay, *story(issue))
        (letter,) = await until(DeadLetters(database).open)
    assert (letter.version, letter.attempts) == (2, 1)
    assert "UnknownEvent" in letter.error


async def test_a_crash_between_commit_and_acknowledgement_has_its_effect_once(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = new_id()
    async with connected(nats) as relay:
        with monkeypatch.context() as crash:

            async def lost(self: Delivery) -> None:
                await self.nak(0.1)

            crash.setattr(Delivery, "ack", lost)
            crash.setattr(Delivery, "ack_sync", lost)
            async with subscribed(stack_database, nats, effects):
                await publish(relay, *story(issue))
                await effects.reached(issue, [1, 2, 3, 4])
        assert await unfinished(relay, "tracking") == 4
        async with subscribed(stack_database, nats, effects):
            await until(lambda: drained(relay))
    assert effects.seen(issue) == [1, 2, 3, 4]


async def test_a_database_that_goes_away_makes_no_poison(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issue = new_id()
    name = stack_database.name
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        raised, *rest = story(issue)
        await publish(relay, raised)
        await effects.reached(issue, [1])
        rows(stack_database, "ALTER ROLE tracking NOLOGIN")
        try:
            rows(stack_database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = 'tracking'", name)
            await publish(relay, *rest)
            await until(lambda: tried_again(relay))
        finally:
            rows(stack_database, "ALTER ROLE tracking LOGIN")
        await effects.reached(issue, [1, 2, 3, 4])
    assert rows(stack_database, "SELECT count(*) FROM tracking.dead_letters") == [(0,)]


async def tried_again(relay: NatsConnection) -> bool:
    info = json.loads((await relay.request("$JS.API.CONSUMER.INFO.HUIYIN.tracking", b"")).data)
    return info["delivered"]["consumer_seq"] > 1 + 3 + 3


async def test_errors_that_pass_by_themselves_are_never_poison(
    stack_database: StackDatabase, nats: NatsAddress, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.subscriber._WAIT", 0.05)
    issue = new_id()
    effects.fails_on[issue, 2] = psycopg.OperationalError("the server is shutting down")
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        await publish(relay, *story(issue))

        async def tried() -> bool:
            return effects.tries > 1 + 2 * ATTEMPTS

        await until(tried)
        assert effects.seen(issue) == [1]
        effects.fails_on.clear()
        await effects.reached(issue, [1, 2, 3, 4])
    assert rows(stack_database, "SELECT count(*) FROM tracking.dead_letters") == [(0,)]


async def test_two_subscribers_of_one_durable_share_the_work(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issues = [new_id() for _ in range(30)]
    stories = [story(issue, notes=6) for issue in issues]
    async with (
        connected(nats) as relay,
        subscribed(stack_database, nats, effects),
        subscribed(stack_database, nats, effects),
    ):
        await publish(relay, *[body for version in zip(*stories, strict=True) for body in version])
        for issue in issues:
            await effects.reached(issue, list(range(1, 9)))
        await until(lambda: drained(relay))


async def test_a_stream_made_anew_is_skipped_by_the_watermarks(stack_database: StackDatabase, nats: NatsAddress, effects: Effects) -> None:
    issue = new_id()
    events = story(issue)
    async with connected(nats) as relay, subscribed(stack_database, nats, effects):
        await publish(relay, *events)
        await effects.reached(issue, [1, 2, 3, 4])
        await relay.request("$JS.API.STREAM.DELETE.HUIYIN", b"")
        await ensure_topology(relay)
        await publish(relay, *events, *bodies(example(ProgressReported), stream=issue, after=parse(events[-1])))
        await effects.reached(issue, [1, 2, 3, 4, 5])
        assert len(await stored(relay)) == 5
