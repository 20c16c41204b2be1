"""A process that was stopped and comes back finds that the world has moved on, and writes nothing (real processes, SIGSTOP)."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from services.routing.bootstrap import bootstrap
from services.routing.settings import Settings
from shared.clock import PostgresClock
from shared.eventlog import EventLog
from shared.eventlog.copy import StreamCopy
from shared.eventlog.health import RelaySettings
from shared.eventlog.relay import serve
from tests.integration.eventlog.harness import connected, relaying, rows, stored
from tests.integration.eventlog.test_relay import _complete, _forget_ids, _story  # pyright: ignore[reportPrivateUsage]
from tests.integration.routing.issue_support import office
from tests.integration.routing.staff_support import settings_for
from tests.support.servers import NatsAddress, StackDatabase
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload(["shared.eventlog.relay", "services.routing.bootstrap"])

OUTAGE = 60.0
"""Seconds within which another takes over, also on a busy machine; it takes 10 (idle_session_timeout of the relay)."""
SHORT = "2s"
"""The stopped worker's transaction_timeout, in place of the role's 15 s."""


@asynccontextmanager
async def child(target: Callable[..., None], *arguments: object) -> AsyncIterator[psutil.Process]:
    """A process that stops itself somewhere in `target`; ended with the block, stopped or not."""
    process = _forked.Process(target=target, args=arguments)
    process.start()
    for argument in arguments:
        if isinstance(argument, Connection):
            argument.close()  # its own end alone is open now: when it dies, whoever listens is told
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


async def stopped(process: psutil.Process) -> None:
    await eventually(lambda: process.status() == psutil.STATUS_STOPPED, seconds=OUTAGE)


def _stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _relay(database_url: str, nats_url: str, telling: Connection) -> None:
    """A relay that is stopped with its second batch in its hands, and tells how publishing it went when it came back."""
    publish = StreamCopy.publish

    async def stops_before_the_second(self: StreamCopy, events: Any, *, after: int) -> int:
        if after == 0 or telling.closed:
            return await publish(self, events, after=after)
        _stops_itself()
        try:
            return await publish(self, events, after=after)
        except Exception as error:
            telling.send(str(error))
            raise
        finally:
            telling.close()

    StreamCopy.publish = stops_before_the_second
    asyncio.run(serve(RelaySettings(database_url=SecretStr(database_url), nats_url=SecretStr(nats_url)), asyncio.Event()))


async def test_a_relay_that_was_stopped_loses_its_lock_and_publishes_nothing_when_it_wakes(
    stack_database: StackDatabase, nats: NatsAddress
) -> None:
    told, telling = _forked.Pipe(duplex=False)
    async with connected(nats) as connection, child(_relay, stack_database.url("relay"), nats.url("relay"), telling) as old:
        await _story(stack_database, issues=2, notes=1)
        await _complete(stack_database, connection)
        await _story(stack_database, issues=3, notes=1)
        await stopped(old)
        async with relaying(stack_database, nats):
            await eventually(lambda: not rows(stack_database, "SELECT FROM log.outbox"), seconds=OUTAGE, every=0.2)
            before = await _complete(stack_database, connection)
            await _forget_ids(connection)  # as after a pause longer than the duplicate window
            old.resume()
            assert "wrong last sequence" in await asyncio.to_thread(told.recv)
            assert await stored(connection) == before
            await _story(stack_database, issues=1, notes=1)
            after = await _complete(stack_database, connection)
        assert [message.id for message in after[: len(before)]] == [message.id for message in before]
        assert len({message.id for message in after}) == len(after) == len(before) + 2


def _worker(database: StackDatabase, folder: Path, url: str, issue_id: str, holding_the_lock: bool, telling: Connection) -> None:
    """Enforces what is due of an issue, is stopped with the decision in its hands, and tells what its append came to."""
    append = EventLog.append

    async def stops(self: EventLog, *arguments: Any, **named: Any) -> Any:
        EventLog.append = append
        try:
            if holding_the_lock:
                recorded = await append(self, *arguments, **named)
                _stops_itself()
                return recorded
            _stops_itself()
            return await append(self, *arguments, **named)
        except Exception as error:
            telling.send(type(error).__name__)
            raise

    async def enforce() -> None:
        values = settings_for(database, folder).model_dump() | {"database_url": url}
        async with bootstrap(Settings.model_validate(values)) as app:
            EventLog.append = stops
            try:
                seen = await app.issues.tick(issue_id)
                telling.send(f"looked again, at version {seen.version}")
            except Exception as error:
                telling.send(type(error).__name__)

    asyncio.run(enforce())


@pytest.mark.parametrize("holding_the_lock", [False, True])
async def test_a_worker_that_was_stopped_writes_nothing_when_it_wakes(
    stack_database: StackDatabase, tmp_path: Path, holding_the_lock: bool
) -> None:
    told, telling = _forked.Pipe(duplex=False)
    async with office(stack_database, tmp_path) as routing:
        issue_id = await routing.raised()
        async with routing.app.database.transaction() as session:
            routing.clock.instant = await PostgresClock().now(session)  # months later: the first deadline has passed
        url = f"{stack_database.url('routing')}?options=-c%20transaction_timeout%3D{SHORT}"
        async with child(_worker, stack_database, tmp_path, url, issue_id, holding_the_lock, telling) as worker:
            await stopped(worker)
            await routing.issues.tick(issue_id)
            names = await routing.names(issue_id)
            assert names.count("Escalated") == 1
            worker.resume()
            if holding_the_lock:  # its transaction was ended by the server, and the lock with it
                assert await asyncio.to_thread(told.recv) == "OperationalError"
            else:
                assert await asyncio.to_thread(told.recv) == "ConcurrentAppend"
                assert (await asyncio.to_thread(told.recv)).startswith("looked again")
            assert await routing.names(issue_id) == names
