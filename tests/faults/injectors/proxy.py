"""A TCP proxy that cuts, delays, forgets, loses answers, or speaks for the server behind it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from deploy.local.layout import HOST

_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Script:
    """What the proxy says in the server's place.

    Args:
        greeting: said before the client says anything.
        reply: what to say to what the client sent; may be empty.
    """

    greeting: bytes
    reply: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Way:
    """What a proxy does; by default it passes on what comes.

    Args:
        refuses: nobody listens, and what was open is reset.
        silent: half-open: the server has lost its connections, the clients believe in theirs and hear nothing.
        delay: seconds that each piece waits, in both directions.
        loses: the server gets a request with these bytes and does it, its answer is lost, and the connection with it.
        every: loses only every so many of these answers.
        script: the server is not asked at all.
    """

    refuses: bool = False
    silent: bool = False
    delay: float = 0
    loses: bytes | None = None
    every: int = 1
    script: Script | None = None


@dataclass(eq=False, slots=True)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    doomed: bool = False  # the next answer is to be lost

    def reset(self) -> None:
        """End both sides at once, without what is still on its way."""
        for side in (self.client, self.server):
            if side is not None:
                side.transport.abort()


@dataclass(eq=False)
class Proxy:
    """In front of the server at `server_port` on this machine; `port` is where it listens itself, the same one for all its life."""

    server_port: int
    port: int = 0
    lost: int = 0
    way: Way = field(default_factory=Way)
    _asked: int = 0
    _listening: asyncio.Server | None = None
    _open: set[_Connection] = field(default_factory=set[_Connection])

    async def listen(self) -> None:
        """Take connections."""
        self._listening = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def become(self, way: Way) -> None:
        """Do otherwise from now on, with the connections that are open too."""
        before, self.way = self.way, way
        if way.refuses:
            self.close()
        elif self._listening is None:
            await self.listen()
        for connection in list(self._open):
            if before.silent or before.script or way.script:
                connection.reset()  # one of its sides is gone already
            elif way.silent and connection.server is not None:
                connection.server.transport.abort()

    def close(self) -> None:
        """Take no more connections, and reset those that are open."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in list(self._open):
            connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer)
        self._open.add(connection)
        try:
            with suppress(OSError):  # a side that is gone: the other learns it below
                await self._between(connection, reader)
        finally:
            self._open.discard(connection)
            connection.reset()

    async def _between(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        if script := self.way.script:
            connection.client.write(script.greeting)
            while chunk := await reader.read(_CHUNK):
                connection.client.write(script.reply(chunk))
        elif self.way.silent:
            while await reader.read(_CHUNK):
                pass
        else:
            answers, connection.server = await asyncio.open_connection(HOST, self.server_port)
            await asyncio.gather(self._there(connection, reader, connection.server), self._back(connection, answers))

    async def _there(self, connection: _Connection, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await asyncio.sleep(self.way.delay)
                if self.way.silent:
                    continue
                if self.way.loses is not None and self.way.loses in chunk:
                    self._asked += 1
                    connection.doomed |= self._asked % self.way.every == 0
                server.write(chunk)
                await server.drain()
        connection.reset()

    async def _back(self, connection: _Connection, answers: asyncio.StreamReader) -> None:
        with suppress(OSError):
            while chunk := await answers.read(_CHUNK):
                await asyncio.sleep(self.way.delay)
                if self.way.silent:
                    break
                if connection.doomed:
                    self.lost += 1
                    break
                connection.client.write(chunk)
                await connection.client.drain()
        if not self.way.silent:
            connection.reset()
