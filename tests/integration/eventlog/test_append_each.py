"""One event to each of many streams in one call: what moved on is left out, everything else is as strict as a single append."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import orjson
import psycopg
import pytest

from shared.contracts import Event
from shared.contracts.envelope import Recorded, hash_of
from shared.contracts.intake import AttachmentAdded, IssueRaised
from shared.contracts.routing import Accepted, Assigned
from shared.database import Database
from shared.eventlog import Append, EventLog, ForbiddenEvent, Head, InvalidAppend
from shared.ids import new_id
from tests.integration.eventlog.harness import acting_as, append, everything_published, relaying, rows, until
from tests.integration.eventlog.test_verify import verified
from tests.support.events import MONDAY, SIBLING_VILLAGE, VILLAGE, example
from tests.support.servers import NatsAddress, StackDatabase

LOG = EventLog("/huiyin/routing")


@pytest.fixture
async def intake(stack_database: StackDatabase) -> AsyncIterator[Database]:
    async with acting_as(stack_database, "intake") as connections:
        yield connections


@pytest.fixture
async def routing(stack_database: StackDatabase) -> AsyncIterator[Database]:
    async with acting_as(stack_database, "routing") as connections:
        yield connections


async def heads(intake: Database, count: int) -> dict[str, Head]:
    """So many raised issues, and where their streams end."""
    made: dict[str, Head] = {}
    log = EventLog("/huiyin/intake")
    async with intake.transaction() as session:
        for index in range(count):
            issue, region = new_id(), VILLAGE if index % 2 else SIBLING_VILLAGE
            raised = example(IssueRaised, tracking_digest=issue)
            (recorded,) = await log.append(
                session, issue, [raised], after=Head(), now=MONDAY, region=region, correlation_id="c", causation_id=None
            )
            made[issue] = Head(1, recorded.hash, region)
    return made


async def append_each(routing: Database, wanted: Sequence[Append], log: EventLog = LOG) -> dict[str, Recorded[Event]]:
    async with routing.transaction() as session:
        return await log.append_each(session, wanted, now=MONDAY)


def accepted(after: dict[str, Head]) -> list[Append]:
    return [Append(issue, example(Accepted), head, f"correlation-{issue}", None) for issue, head in after.items()]


async def test_fifty_streams_in_one_call(stack_database: StackDatabase, intake: Database, routing: Database) -> None:
    known = await heads(intake, 50)
    recorded = await append_each(routing, accepted(known))
    assert set(recorded) == set(known)
    async with routing.transaction() as session:
        for issue, head in known.items():
            loaded = await LOG.load(session, issue)
            assert [event.version for event in loaded.events] == [1, 2]
            assert loaded.events[-1] == recorded[issue]
            assert loaded.events[-1].prev_hash == head.hash
            assert loaded.events[-1].correlation_id == f"correlation-{issue}"
            assert loaded.head == Head(2, recorded[issue].hash, head.region)
    bodies = rows(stack_database, "SELECT body, hash FROM log.events WHERE version = 2")
    assert all(hash_of(body) == digest for body, digest in bodies)
    assert {orjson.loads(body)["prevhash"] for body, _ in bodies} == {head.hash for head in known.values()}
    assert rows(stack_database, "SELECT count(*) FROM log.outbox") == [(100,)], "each event waits for the relay"


async def test_what_it_wrote_is_sound(stack_database: StackDatabase, nats: NatsAddress, intake: Database, routing: Database) -> None:
    known = await heads(intake, 3)
    after = await append_each(routing, accepted(known))
    later = {issue: Head(2, event.hash, event.region) for issue, event in after.items()}
    await append_each(routing, accepted(later))
    async with relaying(stack_database, nats):
        await until(lambda: everything_published(stack_database))
    report = await verified(stack_database, nats)
    assert (report.events, report.streams, report.faults) == (9, 3, [])


async def test_a_stream_that_moved_on_is_left_out(stack_database: StackDatabase, intake: Database, routing: Database) -> None:
    known = await heads(intake, 5)
    moved_on = sorted(known)[2]
    await append(intake, "intake", moved_on, example(AttachmentAdded), region=known[moved_on].region)
    recorded = await append_each(routing, accepted(known))
    assert set(recorded) == set(known) - {moved_on}
    versions = rows(stack_database, "SELECT stream, version FROM log.streams")
    assert set(versions) == {(issue, 2) for issue in known}
    (last,) = rows(stack_database, "SELECT type FROM log.events WHERE stream = %s AND version = 2", moved_on)
    assert last == ("huiyin.issue.AttachmentAdded.v1",)


async def test_all_may_have_moved_on_and_none_may_be_asked_for(intake: Database, routing: Database) -> None:
    known = await heads(intake, 2)
    await append_each(routing, accepted(known))
    assert await append_each(routing, accepted(known)) == {}
    assert await append_each(routing, []) == {}


async def test_a_stream_that_does_not_exist_is_left_out(stack_database: StackDatabase, intake: Database, routing: Database) -> None:
    known = await heads(intake, 1)
    unknown = new_id()
    assert set(await append_each(routing, accepted({**known, unknown: Head()}))) == set(known)
    assert rows(stack_database, "SELECT count(*) FROM log.streams") == [(1,)]


async def test_many_are_one_transaction_without_subtransactions(stack_database: StackDatabase, intake: Database, routing: Database) -> None:
    """More than 64 subtransactions make every snapshot of the server slower."""
    known = await heads(intake, 100)
    assert set(await append_each(routing, accepted(known))) == set(known)
    assert rows(stack_database, "SELECT count(DISTINCT xmin::text) FROM log.events WHERE version = 2") == [(1,)]


async def test_one_wrong_event_ends_all(stack_database: StackDatabase, intake: Database, routing: Database) -> None:
    known = await heads(intake, 3)
    foreign = [*accepted(dict(list(known.items())[:2])), Append(sorted(known)[2], example(IssueRaised), known[sorted(known)[2]], "c", None)]
    with pytest.raises(ForbiddenEvent):
        await append_each(routing, foreign)
    lying = accepted(known)
    head = lying[1].after
    lying[1] = Append(lying[1].stream, example(Assigned), Head(1, head.hash, "330182000000"), "c", None)
    with pytest.raises(InvalidAppend):
        await append_each(routing, lying)
    assert rows(stack_database, "SELECT max(version) FROM log.streams") == [(1,)]


@pytest.mark.parametrize("role", ["intake", "tracking", "notify", "relay", "operator"])
async def test_another_role_is_refused_by_the_database(stack_database: StackDatabase, intake: Database, role: str) -> None:
    known = await heads(intake, 1)
    async with acting_as(stack_database, role) as other:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await append_each(other, accepted(known), EventLog(f"/huiyin/{role}"))


async def test_streams_are_loaded_together_as_they_are_one_by_one(
    stack_database: StackDatabase, intake: Database, routing: Database
) -> None:
    known = await heads(intake, 3)
    (first, *_), traceparent = known, f"00-{'a' * 32}-{'b' * 16}-01"
    await append_each(routing, [replace(accepted({first: known[first]})[0], traceparent=traceparent)])
    async with routing.transaction() as session:
        loaded = await LOG.load_each(session, [*known, "unknown"])
        assert loaded == {issue: await LOG.load(session, issue) for issue in known}
    assert [event.traceparent for event in loaded[first].events][-1] == traceparent
