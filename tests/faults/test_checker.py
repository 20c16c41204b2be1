"""The checker finds nothing on an honest system, and every damage that was done to it, under its invariant."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy.local.postgres import superuser_url
from shared.ids import new_id
from tests.faults.checker import Violation, judge
from tests.faults.checker.places import Places
from tests.faults.honest import NAME, NARRATIVE, PHONE, climbed_life, closed_life, system
from tests.faults.record import Entry
from tests.integration.eventlog.harness import rows
from tests.support.servers import Servers, StackDatabase, fresh_database

PATIENCE = 0.3
"""Seconds that backlogs have: in these tests nobody works them off."""


@dataclass
class World:
    """A system that a test may damage: a database of its own, a data folder, the client's record."""

    database: StackDatabase
    data: Path
    entries: list[Entry]

    def meddle(self, statement: str, *values: object) -> None:
        """Change rows as nobody may: the triggers that guard the log do not fire."""
        with psycopg.connect(self.database.superuser, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            assert connection.execute(statement.encode(), values or None).rowcount > 0, "nothing was damaged"

    def judged(self) -> list[Violation]:
        places = Places(self.database.superuser, None, None, self.data)
        return asyncio.run(judge(places, self.entries, seconds=PATIENCE))

    def entry(self, command: str, nth: int = 0) -> Entry:
        return [entry for entry in self.entries if entry.command == command][nth]

    def sms(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._sink.read_text(encoding="utf-8").splitlines()]

    def put_sms(self, *messages: dict[str, Any]) -> None:
        self._sink.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")

    @property
    def _sink(self) -> Path:
        return self.data / "sinks" / "sms.jsonl"


@pytest.fixture(scope="module")
def honest(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two issues that lived and were closed."""
    servers.start_postgres()
    data = tmp_path_factory.mktemp("honest")

    async def live() -> list[Entry]:
        async with system(database, data) as lived:
            await lived.live(closed_life(1))
            await lived.live(climbed_life(2))
            return lived.entries

    with fresh_database(servers.layout, "honest") as database:
        yield World(database, data, asyncio.run(live()))


@contextmanager
def _copied(honest: World, data: Path) -> Iterator[World]:
    """The same once more, to be damaged."""
    layout = honest.database.layout
    copytree(honest.data, data, dirs_exist_ok=True)
    with psycopg.connect(superuser_url(layout), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE damaged TEMPLATE {}").format(sql.Identifier(honest.database.name)))
        try:
            yield World(StackDatabase(layout, "damaged"), data, list(honest.entries))
        finally:
            server.execute("DROP DATABASE damaged WITH (FORCE)")


@dataclass(frozen=True)
class Damage:
    """What is done, and what must be found of it: the invariant, and words of the finding."""

    do: Callable[[World], None]
    invariant: str
    words: str


def _lost_raise(world: World) -> None:
    fields = {"path": "/api/intake/v1/issues", "trace_id": "0" * 32}
    body = {"issue_id": "lost", "number": "330182-20260302-000099"}
    world.entries.append(Entry("lost-key", "anonymous", "raise", "lost", _now(), _now(), 201, body, fields))


def _forgotten_request(world: World) -> None:
    world.entries.remove(world.entry("rating"))


def _refused_and_done(world: World) -> None:
    _answer(world, world.entry("accept"), 409, {"code": "not_possible_in_state"})


def _other_number(world: World) -> None:
    raised = world.entry("raise", 1)
    _answer(world, raised, 201, {"issue_id": raised.issue_id, "number": "another"})


def _answer(world: World, entry: Entry, status: int, body: dict[str, Any]) -> None:
    world.entries[world.entries.index(entry)] = replace(entry, status=status, body=body)


def _edited_event(world: World) -> None:
    world.meddle("UPDATE log.events SET body = replace(body, '路灯', '路登') WHERE version = 1")


def _deleted_event(world: World) -> None:
    world.meddle("DELETE FROM log.events WHERE type LIKE '%%.Closed.v1' AND stream = %s", world.entry("rating", -1).issue_id)


def _broken_chain(world: World) -> None:
    world.meddle("UPDATE log.published SET chain = repeat('0', 64) WHERE position = 4")


def _other_state(world: World) -> None:
    world.meddle("UPDATE tracking.ledger SET level = 'county'")


def _lost_moment(world: World) -> None:
    world.meddle("DELETE FROM tracking.timeline WHERE event = 'Accepted'")


def _other_worklist(world: World) -> None:
    world.meddle("UPDATE routing.issues SET officer_id = 'nobody'")


def _other_memory(world: World) -> None:
    world.meddle('UPDATE notify.issues SET known = known || \'{"title": "别的"}\'')


def _lost_notice(world: World) -> None:
    world.meddle("DELETE FROM notify.notices WHERE kind = 'assigned' AND recipient <> 'reporter'")


def _foreign_id(world: World) -> None:
    first = world.sms()[0]
    world.put_sms(*world.sms(), {**first, "message_id": new_id()})


def _sent_again(world: World) -> None:
    world.put_sms(*world.sms(), world.sms()[1])


def _never_sent(world: World) -> None:
    world.put_sms(*(message for message in world.sms() if message != world.sms()[2]))


def _left_in_outbox(world: World) -> None:
    world.meddle("INSERT INTO log.outbox (id) SELECT id FROM log.events WHERE version = 2")


def _left_parked(world: World) -> None:
    world.meddle("INSERT INTO tracking.parked (consumer, stream, version, body) VALUES ('tracking', 'x', 3, '{}')")


def _left_queued(world: World) -> None:
    world.meddle("UPDATE notify.notices SET state = 'queued' WHERE kind = 'closed'")


def _no_entry(world: World) -> None:
    world.meddle("DELETE FROM intake.audit WHERE action = 'raise'")


def _two_entries(world: World) -> None:
    columns = "who, action, issue_id, address, result, status, trace_id"
    world.meddle(f"INSERT INTO routing.audit (entry_id, {columns}) SELECT entry_id || 'b', {columns} FROM routing.audit")


def _from_nowhere(world: World) -> None:
    world.meddle("UPDATE routing.audit SET address = NULL")


def _in_a_log(world: World) -> None:
    _write(world.data / "logs" / "intake.log", f'{{"message": {json.dumps(NARRATIVE)}}}')  # escaped, as many loggers do


def _in_nats(world: World) -> None:
    _write(world.data / "nats" / "1.blk", f"\0\1{NAME}\n")


def _in_a_table(world: World) -> None:
    world.meddle("UPDATE notify.messages SET masked = %s", PHONE)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")


def _now() -> datetime:
    return datetime.fromisoformat("2026-03-02T01:00:00+00:00")


DAMAGES = (
    Damage(_lost_raise, "I1", "lost: raise by anonymous (lost-key) was answered 201, and IssueRaised is in the log 0 times"),
    Damage(_forgotten_request, "I1", "Rated is in the log, and nobody asked for it"),
    Damage(_refused_and_done, "I1", "was answered 409, and Accepted is in the log 1 times"),
    Damage(_other_number, "I1", "was answered number another, the log has 330182-20260302-000002"),
    Damage(_edited_event, "I2", "version 1: its hash is "),
    Damage(_deleted_event, "I2", " is gone"),
    Damage(_deleted_event, "I2", ", its head row says "),
    Damage(_broken_chain, "I2", "position 4: the running chain is broken"),
    Damage(_other_state, "I5", "tracking.ledger: "),
    Damage(_lost_moment, "I5", "tracking.timeline: the rebuild has "),
    Damage(_other_worklist, "I5", "routing.issues: there is only "),
    Damage(_other_memory, "I5", "notify.issues: "),
    Damage(_lost_notice, "I6", "a notice (assigned) that was never queued"),
    Damage(_foreign_id, "I6", "left the house, and notify knows no such message"),
    Damage(_sent_again, "I6", "was taken 2 times, and was tried only 1 times"),
    Damage(_never_sent, "I6", "is delivered by sms, and no gateway has it"),
    Damage(_left_in_outbox, "I7", "log.outbox: 2 are left"),
    Damage(_left_parked, "I7", "tracking.parked: 1 are left"),
    Damage(_left_queued, "I7", "notify.notices: "),
    Damage(_no_entry, "I8", "was answered 201 and has 0 audit entries"),
    Damage(_two_entries, "I8", "was answered 200 and has 2 audit entries"),
    Damage(_from_nowhere, "I8", "its audit entry does not say from where"),
    Damage(_in_a_log, "I9", "logs/intake.log: holds "),
    Damage(_in_nats, "I9", "nats/1.blk: holds "),
    Damage(_in_a_table, "I9", "notify.messages: holds "),
)


def _named(damage: Damage) -> str:
    return f"{damage.invariant}{damage.do.__name__}"


@pytest.fixture(scope="module")
def found(honest: World, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """What the checker says of a system that all of it was done to: one look instead of two dozen."""
    with _copied(honest, tmp_path_factory.mktemp("damaged")) as world:
        for do in dict.fromkeys(damage.do for damage in DAMAGES):
            do(world)
        return [str(violation) for violation in world.judged()]


def test_an_honest_system_has_no_violations(honest: World) -> None:
    assert rows(honest.database, "SELECT count(*) FROM log.events")[0][0] > 15
    assert len(honest.sms()) > 3
    assert honest.judged() == []


@pytest.mark.parametrize("damage", DAMAGES, ids=_named)
def test_damage_is_found(damage: Damage, found: Sequence[str]) -> None:
    assert any(each.startswith(damage.invariant) and damage.words in each for each in found), "\n".join(found)


def test_damage_to_one_row_breaks_one_invariant(honest: World, tmp_path: Path) -> None:
    with _copied(honest, tmp_path) as world:
        _lost_moment(world)
        assert {violation.invariant for violation in world.judged()} == {"I5"}
