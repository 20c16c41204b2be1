"""The log refuses what must not be, whoever asks."""

import asyncio

import orjson
import psycopg
import pytest
from psycopg import errors

from shared.contracts.envelope import hash_of, seal, unsealed
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Accepted, Assigned, DirectoryChanged
from shared.eventlog import ConcurrentAppend, EventLog, ForbiddenEvent, Head, InvalidAppend
from shared.eventlog.bell import libpq
from shared.ids import new_id
from tests.integration.eventlog.harness import acting_as, append, rows
from tests.support.events import MONDAY, SIBLING_VILLAGE, VILLAGE, example
from tests.support.servers import StackDatabase

LOG = EventLog("/huiyin/routing")


async def test_what_was_appended_is_read_back_as_it_was_recorded(stack_database: StackDatabase) -> None:
    issue = new_id()
    async with acting_as(stack_database, "intake") as intake, acting_as(stack_database, "routing") as routing:
        first = await append(intake, "intake", issue, example(IssueRaised))
        second = await append(routing, "routing", issue, example(Assigned), example(Accepted))
        async with routing.transaction() as session:
            loaded = await LOG.load(session, issue)
    assert loaded.events == first + second
    assert [event.version for event in loaded.events] == [1, 2, 3]
    assert loaded.head == Head(3, second[-1].hash, VILLAGE)
    bodies = [body for (body,) in rows(stack_database, "SELECT body FROM log.events ORDER BY version")]
    assert [hash_of(body) for body in bodies] == [event.hash for event in loaded.events]
    assert [orjson.loads(body).get("prevhash") for body in bodies] == [None, first[0].hash, second[0].hash]


async def test_an_unknown_stream_is_empty(stack_database: StackDatabase) -> None:
    async with acting_as(stack_database, "tracking") as tracking, tracking.transaction() as session:
        assert await LOG.load(session, new_id()) == (await LOG.load(session, new_id()))
        assert (await LOG.load(session, new_id())).head == Head()


async def test_a_stale_head_is_a_conflict(stack_database: StackDatabase) -> None:
    issue = new_id()
    async with acting_as(stack_database, "intake") as intake, acting_as(stack_database, "routing") as routing:
        (raised,) = await append(intake, "intake", issue, example(IssueRaised))
        await append(routing, "routing", issue, example(Assigned))
        stale = [Head(), Head(1, raised.hash, VILLAGE), Head(2, raised.hash, VILLAGE), Head(7, raised.hash, VILLAGE)]
        for head in stale:
            with pytest.raises(ConcurrentAppend):
                async with routing.transaction() as session:
                    await LOG.append(
                        session, issue, [example(Accepted)], after=head, now=MONDAY, region=VILLAGE, correlation_id="c", causation_id=None
                    )


async def test_of_many_at_the_same_version_one_wins(stack_database: StackDatabase) -> None:
    issue = new_id()
    async with acting_as(stack_database, "intake") as intake, acting_as(stack_database, "routing", pool_size=10) as routing:
        (raised,) = await append(intake, "intake", issue, example(IssueRaised))

        async def accept() -> bool:
            try:
                async with routing.transaction() as session:
                    await LOG.append(
                        session,
                        issue,
                        [example(Accepted)],
                        after=Head(1, raised.hash, VILLAGE),
                        now=MONDAY,
                        region=VILLAGE,
                        correlation_id="c",
                        causation_id=None,
                    )
            except ConcurrentAppend:
                return False
            return True

        assert sum(await asyncio.gather(*(accept() for _ in range(16)))) == 1
    assert rows(stack_database, "SELECT version FROM log.events ORDER BY version") == [(1,), (2,)]


async def test_a_role_emits_its_own_types_only(stack_database: StackDatabase) -> None:
    async with acting_as(stack_database, "routing") as routing, acting_as(stack_database, "tracking") as tracking:
        with pytest.raises(ForbiddenEvent):
            await append(routing, "routing", new_id(), example(IssueRaised))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await append(tracking, "tracking", new_id(), example(IssueRaised))
    assert rows(stack_database, "SELECT count(*) FROM log.streams") == [(0,)]


async def test_the_region_of_an_issue_never_changes(stack_database: StackDatabase) -> None:
    issue = new_id()
    async with acting_as(stack_database, "intake") as intake, acting_as(stack_database, "routing") as routing:
        await append(intake, "intake", issue, example(IssueRaised))
        with pytest.raises(InvalidAppend):
            await append(routing, "routing", issue, example(Assigned), region=SIBLING_VILLAGE)
        await append(routing, "routing", "directory", example(DirectoryChanged), region=None)


LIES = {
    "another's name": {"source": "/huiyin/intake"},
    "another stream": {"stream": "01990000-0000-7000-8000-000000000000"},
    "a version ahead": {"version": 3},
    "a broken chain": {"prev_hash": "0" * 64},
    "another region": {"region": SIBLING_VILLAGE},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_a_body_that_lies_is_refused(stack_database: StackDatabase, lie: dict[str, object]) -> None:
    issue = new_id()
    async with acting_as(stack_database, "intake") as intake:
        (raised,) = await append(intake, "intake", issue, example(IssueRaised))
    body = _body(**{"stream": issue, "prev_hash": raised.hash, **lie})
    with psycopg.connect(libpq(stack_database.url("routing"))) as routing, pytest.raises(psycopg.Error) as refused:
        routing.execute("SELECT log.append(%s, 'issue', 1, %s, %s)", (issue, raised.hash, [body]))
    assert refused.value.sqlstate == "ZH422"


async def test_a_hash_that_is_not_the_body_s_is_refused(stack_database: StackDatabase) -> None:
    issue = new_id()
    body = _body(stream=issue, source="/huiyin/intake", version=1, event=example(IssueRaised, title="路灯不亮"))
    with psycopg.connect(libpq(stack_database.url("intake"))) as intake, pytest.raises(psycopg.Error) as refused:
        intake.execute("SELECT log.append(%s, 'issue', 0, NULL, %s)", (issue, [body.replace("路灯不亮", "路灯亮了")]))
    assert refused.value.sqlstate == "ZH422"


async def test_a_body_that_nats_would_not_take_is_refused(stack_database: StackDatabase) -> None:
    async with acting_as(stack_database, "intake") as intake:
        with pytest.raises(InvalidAppend):
            await append(intake, "intake", new_id(), example(IssueRaised, title="灯" * 200_000))


def _body(**facts: object) -> str:
    facts = {"source": "/huiyin/routing", "version": 2, "region": VILLAGE, "prev_hash": None, **facts}
    event = facts.pop("event", example(Accepted))
    body, _ = seal(unsealed(event, id=new_id(), time=MONDAY, correlation_id="c", causation_id=None, traceparent=None, **facts))  # pyright: ignore[reportArgumentType]
    return body.decode()


ROLES = ("intake", "routing", "tracking", "notify", "relay", "operator")
CHANGES = (
    "UPDATE log.events SET body = ''",
    "DELETE FROM log.events",
    "TRUNCATE log.events CASCADE",
    "INSERT INTO log.events SELECT * FROM log.events",
    "UPDATE log.streams SET version = 9",
    "DELETE FROM log.streams",
    "DELETE FROM log.outbox",
    "INSERT INTO log.outbox (id) SELECT id FROM log.events",
    "UPDATE log.published SET position = position + 1",
    "DELETE FROM log.published",
    "INSERT INTO log.emitters SELECT session_user, type FROM log.emitters",
    "ALTER TABLE log.events DISABLE TRIGGER ALL",
)


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_changes_the_log(stack_database: StackDatabase, role: str) -> None:
    async with acting_as(stack_database, "intake") as intake:
        await append(intake, "intake", new_id(), example(IssueRaised))
    with psycopg.connect(libpq(stack_database.url(role)), autocommit=True) as connection:
        for change in CHANGES:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(change.encode())


@pytest.mark.parametrize("change", ["UPDATE log.events SET body = ''", "DELETE FROM log.events", "TRUNCATE log.events CASCADE"])
async def test_even_the_owner_is_refused(stack_database: StackDatabase, change: str) -> None:
    async with acting_as(stack_database, "intake") as intake:
        await append(intake, "intake", new_id(), example(IssueRaised))
    for url in (libpq(stack_database.url("log_owner")), stack_database.superuser):
        with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(change.encode())
        assert refused.value.sqlstate == "ZH403"


@pytest.mark.parametrize("role", ["intake", "routing", "tracking", "notify"])
async def test_services_see_the_log_and_no_other_service(stack_database: StackDatabase, role: str) -> None:
    with psycopg.connect(libpq(stack_database.url(role)), autocommit=True) as connection:
        connection.execute("SELECT * FROM log.events, log.streams, log.published")
        for table in ("log.outbox", "log.emitters", "log.republications"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}".encode())
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT log.move('{}')")
