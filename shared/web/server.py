"""Runs a service: its HTTP application and its background tasks in one loop, from one signal to one end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from shared.loop import collect_seldom
from shared.web.connection import Connection

log = logging.getLogger(__name__)

Background = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then finishes what it has in hand and returns."""

GRACE = 10.0
"""Seconds for requests and tasks to finish after a signal; then they are cancelled. What is cut off was not acknowledged."""


class BackgroundFailed(RuntimeError):
    """A background task ended while the service should run. The process must end with it, loudly, to be started anew."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ours: they also stop the background tasks."""
        yield


async def run(
    app: Starlette | None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    background: Mapping[str, Background] | None = None,
    drain: float = 0,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop accepting, finish, and return.

    Args:
        app: the application; None runs background tasks alone (a worker).
        host: address to bind.
        port: port to bind.
        background: tasks by name.
        drain: seconds for which it still accepts after the signal while its health says that it will not for long, so that whoever
            balances over several processes turns to another.

    Raises:
        BackgroundFailed: when a task crashed or ended by itself; everything else was stopped in order first.
        OSError: when the port is taken.
    """
    collect_seldom()
    stop = asyncio.Event()
    tasks = [asyncio.create_task(_guarded(name, task, stop), name=name) for name, task in (background or {}).items()]
    if app is not None:
        tasks.append(asyncio.create_task(_serve(app, host, port, stop, drain), name="http"))
    with _signals(stop):
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.set()
            await stopping
            left = {task for task in tasks if not task.done()}
            if left:
                await asyncio.wait(left, timeout=GRACE)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Exception):
            raise result
        if isinstance(result, asyncio.CancelledError):
            log.warning("%s did not stop within %s seconds and was cancelled", task.get_name(), GRACE)


async def _guarded(name: str, task: Background, stop: asyncio.Event) -> None:
    try:
        await task(stop)
    except Exception as error:
        log.critical("background task %s crashed", name, exc_info=error)
        raise BackgroundFailed(name) from error
    if not stop.is_set():
        raise BackgroundFailed(f"{name} ended by itself")


def configuration(app: Starlette, *, port: int = 0) -> uvicorn.Config:
    """How uvicorn serves our applications. `port` counts where no socket is given."""
    return uvicorn.Config(
        app,
        port=port,
        http=Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(GRACE) - 2,
    )


def listener(host: str, port: int) -> socket.socket:
    """A listening socket whose connections send at once.

    asyncio sets TCP_NODELAY only where a socket names its protocol, which those accepted from `socket.create_server` do not. Without it
    the body of a small answer waits for the caller to acknowledge its head: 40 ms.
    """
    made = socket.create_server((host, port), backlog=2048)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


async def _serve(app: Starlette, host: str, port: int, stop: asyncio.Event, drain: float) -> None:
    server = _Server(configuration(app))
    with listener(host, port) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
            app.state.leaving = True
            await asyncio.wait([serving], timeout=drain)
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            serving.cancel()
    if not stop.is_set():
        raise BackgroundFailed("the HTTP server ended by itself")


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
