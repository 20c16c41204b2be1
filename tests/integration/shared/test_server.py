"""A service's one loop: a signal ends everything in order, a crashed task ends it loudly."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from shared.web import server
from shared.web.health import health_router
from shared.web.server import BackgroundFailed
from tests.support.servers import free_base


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield http


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 – what is waited for is another socket's doing
            await asyncio.sleep(0.01)


async def answers(http: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await http.get(f"http://127.0.0.1:{port}/ping")).status_code == 200
    except httpx.TransportError:
        return False


class Service:
    """An application whose slow request waits until it is let go."""

    def __init__(self) -> None:
        self.app = FastAPI(lifespan=None)
        self.entered = asyncio.Event()
        self.leave = asyncio.Event()
        self.app.get("/ping")(self.ping)
        self.app.get("/slow")(self.slow)

    async def ping(self) -> str:
        return "pong"

    async def slow(self) -> str:
        self.entered.set()
        await self.leave.wait()
        return "done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_requests_and_tasks_finish(http: httpx.AsyncClient, number: signal.Signals) -> None:
    service, port, log = Service(), free_base(), list[str]()

    async def subscriber(stop: asyncio.Event) -> None:
        await stop.wait()
        log.append("finished in good order")

    running = asyncio.create_task(server.run(service.app, port=port, background={"subscriber": subscriber}))
    await until(lambda: answers(http, port))
    slow = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/slow"))
    await service.entered.wait()
    os.kill(os.getpid(), number)

    async def refuses() -> bool:
        return not await answers(http, port)

    await until(refuses)
    assert not running.done()
    service.leave.set()
    assert (await slow).json() == "done"
    await running
    assert log == ["finished in good order"]


async def test_a_service_that_is_leaving_says_so_and_goes_on_answering(http: httpx.AsyncClient) -> None:
    """So that a gateway turns to the other replicas before the port closes."""
    service, port = Service(), free_base()
    service.app.include_router(health_router({}), prefix="/api/thing")
    running = asyncio.create_task(server.run(service.app, port=port, drain=60))
    await until(lambda: answers(http, port))

    async def live() -> int:
        return (await http.get(f"http://127.0.0.1:{port}/api/thing/health/live")).status_code

    assert await live() == 200
    os.kill(os.getpid(), signal.SIGTERM)

    async def leaving() -> bool:
        return await live() == 503

    await until(leaving)
    assert await answers(http, port)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_crashed_task_ends_the_service_with_an_error(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    port, crash = free_base(), asyncio.Event()

    async def subscriber(stop: asyncio.Event) -> None:
        await crash.wait()
        raise ValueError("poison")

    running = asyncio.create_task(server.run(Service().app, port=port, background={"subscriber": subscriber}))
    await until(lambda: answers(http, port))
    crash.set()
    with pytest.raises(BackgroundFailed, match="subscriber"):
        await running
    assert not await answers(http, port)
    assert any(record.levelname == "CRITICAL" and "subscriber" in record.getMessage() for record in caplog.records)


async def test_a_task_that_just_ends_is_a_failure_too() -> None:
    async def subscriber(stop: asyncio.Event) -> None:
        return

    with pytest.raises(BackgroundFailed, match="ended by itself"):
        await server.run(Service().app, port=free_base(), background={"subscriber": subscriber})


def test_answers_are_sent_at_once() -> None:
    with server.listener("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await server.run(Service().app, port=taken.getsockname()[1])


async def test_tasks_run_without_an_application() -> None:
    started = asyncio.Event()

    async def worker(stop: asyncio.Event) -> None:
        started.set()
        await stop.wait()

    running = asyncio.create_task(server.run(None, background={"worker": worker}))
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running


async def test_a_task_that_does_not_stop_is_cancelled(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(server, "GRACE", 0.05)
    started = asyncio.Event()

    async def deaf(stop: asyncio.Event) -> None:
        started.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(server.run(None, background={"deaf": deaf}))
    await started.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert "deaf did not stop" in caplog.text
