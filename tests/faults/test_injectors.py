"""Each injector strikes and heals once on real parts: what it claims to break is broken, and is whole again afterwards."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
import pytest_asyncio

from deploy.local.postgres import superuser_url
from shared.contracts.intake import IssueRaised
from shared.contracts.routing import Assigned, ProgressReported
from shared.database import Database
from shared.eventlog import EventLog
from shared.ids import new_id
from tests.faults.injectors.base import Fault
from tests.faults.injectors.losses import JetStreamLost, TemporalLost
from tests.faults.injectors.messages import Copies, Poison, Reordered
from tests.faults.injectors.network import answer_lost, cut, delay, half_open
from tests.faults.injectors.processes import Kill, Pause, PostgresCrash
from tests.faults.injectors.rot import EditedRow, RottenBlock
from tests.faults.injectors.small import SmallStack
from tests.support.events import MONDAY, VILLAGE, digest, example
from tests.support.memory import in_memory
from tests.support.size import LONG
from tests.support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

PARTS = {"postgres", "nats", "database", "relay", "tracking"}
RNG_SEED = 4


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SmallStack]:
    with in_memory(tmp_path_factory.mktemp("injectors")) as folder:
        async with SmallStack(folder / "data", PARTS) as stack:
            for _ in range(3):
                await told(stack)
            yield stack


async def told(stack: SmallStack, notes: int = 3) -> str:
    """An issue with some events in the log; its id."""
    issue = new_id()
    raised = example(IssueRaised, number=f"{issue[-12:]}", tracking_digest=digest(issue))
    for source, events in (("intake", [raised]), ("routing", [example(Assigned), *[example(ProgressReported)] * notes])):
        database, log = Database(stack.layout.database_url(source), pool_size=1), EventLog(f"/huiyin/{source}")
        async with database.transaction() as session:
            head = (await log.load(session, issue)).head
            facts: dict[str, Any] = {"now": MONDAY, "region": VILLAGE, "correlation_id": issue, "causation_id": None}
            await log.append(session, issue, events, after=head, **facts)
        await database.close()
    return issue


async def rows(stack: SmallStack, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a superuser sees, on the straight way."""
    async with await psycopg.AsyncConnection.connect(superuser_url(stack.layout, "huiyin"), autocommit=True) as connection:
        return await (await connection.execute(statement.encode(), values or None)).fetchall()


async def shown(stack: SmallStack, issue: str) -> None:
    """Return when tracking has had the issue's last event: the way from the log to a projection is open."""

    async def level() -> bool:
        try:
            found = await rows(
                stack,
                "SELECT FROM tracking.watermarks AS w JOIN log.streams AS s USING (stream) WHERE s.stream = %s AND w.version = s.version",
                issue,
            )
        except psycopg.OperationalError:
            return False
        return bool(found)

    await eventually(level, seconds=60)


async def strike(fault: Fault, stack: SmallStack) -> str:
    await fault.strike(stack, random.Random(RNG_SEED))
    return fault.told


@asynccontextmanager
async def through_proxy(stack: SmallStack) -> AsyncIterator["psycopg.AsyncConnection[tuple[Any, ...]]"]:
    """Postgres as a part reaches it: on the way on which networks fail."""
    port = stack.proxies.url("postgres").rpartition(":")[2]
    url = superuser_url(stack.layout, "huiyin").replace(f":{stack.layout.port('postgres')}/", f":{port}/")
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection


@pytest.mark.parametrize("most", [1, 3, None] if LONG else [3])
async def test_killed_parts_come_back(stack: SmallStack, most: int | None) -> None:
    names = sorted(PARTS - {"database"})
    before = {name: stack.pid(name) for name in names}
    fault = Kill("kill", most, names)
    said = await strike(fault, stack)
    struck = [name for name in names if name in said.split()]
    assert len(struck) >= min(most or len(names), 2)
    await eventually(lambda: all(stack.keepers[name].last_exit == -9 and stack.keepers[name].process for name in struck), seconds=30)
    await fault.heal(stack)
    await stack.wait_healthy()
    assert {name for name in names if stack.pid(name) != before[name]} == {*struck}


async def test_a_paused_part_stands_still_and_goes_on(stack: SmallStack) -> None:
    fault = Pause(["tracking"])
    await strike(fault, stack)
    process = psutil.Process(stack.pid("tracking"))
    await eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    await fault.heal(stack)
    await eventually(lambda: process.status() != psutil.STATUS_STOPPED)
    await shown(stack, await told(stack))


async def test_every_process_of_postgres_dies_at_once(stack: SmallStack) -> None:
    postmaster = psutil.Process(stack.pid("postgres"))
    everyone = [postmaster, *postmaster.children(recursive=True)]
    fault = PostgresCrash()
    await strike(fault, stack)
    _, alive = psutil.wait_procs(everyone, timeout=5)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    await fault.heal(stack)
    await eventually(lambda: stack.keepers["postgres"].process is not None and stack.pid("postgres") != postmaster.pid, seconds=30)
    await stack.wait_healthy()
    await shown(stack, await told(stack))


async def test_a_cut_resets_and_refuses_and_a_part_finds_its_way_back(stack: SmallStack) -> None:
    fault = cut(("postgres",))
    async with httpx.AsyncClient(base_url=stack.layout.url("tracking"), trust_env=False) as tracking:

        async def ready() -> bool:
            return (await tracking.get("/api/tracking/health/ready")).status_code == 200

        await eventually(ready, seconds=30)
        async with through_proxy(stack) as connection:
            await strike(fault, stack)
            with pytest.raises(psycopg.OperationalError):
                await connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            async with through_proxy(stack):
                pytest.fail("it was to be refused")
        assert not await ready()
        await fault.heal(stack)
        await eventually(ready, seconds=30)


async def test_a_delay_is_felt_on_each_piece(stack: SmallStack) -> None:
    async with through_proxy(stack) as connection:
        fault = delay(("postgres",))
        await strike(fault, stack)
        began = asyncio.get_running_loop().time()
        await connection.execute("SELECT 1")
        assert asyncio.get_running_loop().time() - began >= 2 * stack.proxies.way("postgres").delay > 0
        await fault.heal(stack)
        assert stack.proxies.way("postgres").delay == 0


async def test_half_open_the_server_forgets_and_the_client_is_not_told(stack: SmallStack) -> None:
    fault = half_open(("postgres",))
    async with through_proxy(stack) as connection:
        backend = connection.info.backend_pid

        async def forgotten() -> bool:
            return not await rows(stack, "SELECT FROM pg_stat_activity WHERE pid = %s", backend)

        await strike(fault, stack)
        asking = asyncio.create_task(connection.execute("SELECT 1"))
        await eventually(forgotten)
        await asyncio.wait({asking}, timeout=0.2)
        assert not asking.done()
        await fault.heal(stack)
        with pytest.raises(psycopg.OperationalError):
            await asking
    async with through_proxy(stack) as connection:
        await connection.execute("SELECT 1")


async def test_an_answer_is_lost_after_the_commit(stack: SmallStack) -> None:
    row = new_id()
    async with through_proxy(stack) as connection:
        await connection.execute("CREATE TABLE public.lost (id text)")
        await connection.execute("INSERT INTO public.lost VALUES (%s)", [row])
        fault = answer_lost(("postgres",))
        for seed in range(100):
            await fault.strike(stack, random.Random(seed))
            if stack.proxies.way("postgres").every == 1:
                break
        lost = stack.proxies.lost("postgres")
        with pytest.raises(psycopg.OperationalError):
            await connection.commit()
    assert stack.proxies.lost("postgres") > lost
    await fault.heal(stack)
    assert await rows(stack, "SELECT 1 FROM public.lost WHERE id = %s", row)
    await stack.wait_healthy()


async def test_poison_is_put_aside_once_and_the_stream_goes_on(stack: SmallStack) -> None:
    fault = Poison(["tracking"])
    await strike(fault, stack)
    await shown(stack, await told(stack))
    await fault.heal(stack)
    dead = await rows(stack, "SELECT decision, settled_at IS NOT NULL FROM tracking.dead_letters")
    assert dead == [("discard", True)] * 5


@pytest.mark.skipif(not LONG, reason="LONG=1: the simulator has both in every schedule")
@pytest.mark.parametrize("maker", [Copies, Reordered])
async def test_copies_and_overtaking_change_nothing(stack: SmallStack, maker: type[Copies | Reordered]) -> None:
    issues = [await told(stack) for _ in range(2)]
    fault = maker()
    await strike(fault, stack)
    assert not fault.told.startswith("0 ")
    for issue in issues:
        await shown(stack, issue)
    await fault.heal(stack)
    assert await rows(stack, "SELECT FROM tracking.dead_letters WHERE settled_at IS NULL") == []


@pytest.mark.skipif(not LONG, reason="LONG=1: the stories lose it too")
async def test_jetstream_is_lost_and_filled_again(stack: SmallStack) -> None:
    fault = JetStreamLost()
    server = stack.pid("nats")
    await strike(fault, stack)
    await eventually(lambda: stack.keepers["nats"].process is not None and stack.pid("nats") != server, seconds=30)
    await fault.heal(stack)
    await shown(stack, await told(stack))


@pytest.mark.skipif(not LONG, reason="LONG=1: tests of the recovery commands find both")
@pytest.mark.parametrize("maker", [RottenBlock, EditedRow])
async def test_damage_is_found_and_mended(stack: SmallStack, maker: type[RottenBlock | EditedRow]) -> None:
    # Healing ends with `events verify`, which looks at what the tests before have left, too.
    fault = maker()
    await strike(fault, stack)
    await fault.heal(stack)


@pytest.mark.skipif(not LONG, reason="LONG=1: it takes a Temporal of its own")
async def test_temporal_is_lost_and_seated_again(tmp_path: Path) -> None:
    names = {"postgres", "nats", "database", "relay", "temporal", "routing-worker"}
    async with SmallStack(tmp_path / "data", names) as stack:
        fault = TemporalLost()
        before = (stack.data / "temporal.sqlite").stat().st_ino
        await strike(fault, stack)
        await eventually(lambda: stack.keepers["temporal"].last_exit == -9, seconds=30)
        await fault.heal(stack)
        assert (stack.data / "temporal.sqlite").stat().st_ino != before
