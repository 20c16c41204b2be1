"""An event loop in a thread of its own: what generates input is synchronous, what is tested is not."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from typing import Any, TypeVar

import uvicorn
from starlette.applications import Starlette

from shared.web.server import configuration
from tests.support.waiting import eventually

T = TypeVar("T")


class Background:
    """A running loop. What is entered in it is left, in reverse order, at its end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._exits = AsyncExitStack()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine that runs in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """What an asynchronous context manager gives."""
        return self.do(self._exits.enter_async_context(context))

    def serve(self, app: Starlette) -> int:
        """Serve an application over the wire as services do. Returns its port."""
        return self.do(self._serve(app))

    async def _serve(self, app: Starlette) -> int:
        server = uvicorn.Server(configuration(app, port=0))
        serving = asyncio.create_task(server.serve())

        async def end() -> None:
            server.should_exit = True
            await serving

        self._exits.push_async_callback(end)
        await eventually(lambda: server.started)
        return int(server.servers[0].sockets[0].getsockname()[1])

    def run(self) -> None:
        """Turn until `stop`."""
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def stop(self) -> None:
        """Leave everything and end."""
        self.do(self._exits.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def background() -> Iterator[Background]:
    """A loop for as long as the block lasts."""
    loop = Background()
    thread = threading.Thread(target=loop.run, name="background loop")
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join(30)
