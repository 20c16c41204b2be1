"""The HTTP connection: uvicorn's, with limits on how long and large a head may be and how slowly an answer is read; problems throughout."""

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.problem_texts import register_texts
from shared.problems import Problem
from shared.web.admission import overloaded

register_texts(
    {
        "bad_request": ("请求格式错误", "The request is not HTTP"),
        "head_too_large": ("请求头过大", "The head of the request is too large"),
    }
)

HEAD_PATIENCE = 10.0
"""Seconds from the first byte of a request, or from the connection, to the end of its head."""
HEAD_BYTES = 32 * 1024
"""Of request line and header fields together: a token is 1 KB, a gateway adds little."""
HEAD_FIELDS = 100
READER_PATIENCE = 30.0
"""Seconds after which an answer is given up that its reader does not take."""
CONNECTIONS = 900
"""At once: a process may open 1,024 files by default, and has some of its own."""


class Connection(HttpToolsProtocol):
    """One client's connection. A head that is slow, long or no HTTP ends it, and so does a reader who stops; others do not notice."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._in_head = False
        self._came = self._read = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._refuse(overloaded())
            return
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_complete()
        self._is_read()
        super().connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(READER_PATIENCE, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    @override
    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._came += len(data)
            if self._came > HEAD_BYTES:
                self._refuse(Problem("head_too_large", 431))

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._read += len(name) + len(value)
        if len(self.headers) > HEAD_FIELDS or self._read + len(self.url) > HEAD_BYTES:
            self._refuse(Problem("head_too_large", 431))
            raise ValueError("the parser stops here")

    @override
    def on_headers_complete(self) -> None:
        self._head_is_complete()
        super().on_headers_complete()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem("bad_request", 400))

    def _await_head(self) -> None:
        self._in_head = True
        self._came = self._read = 0
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_PATIENCE, self._end_waiting)

    def _head_is_complete(self) -> None:
        self._in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _end_waiting(self) -> None:
        """Who has begun a request is told; who never sent anything, such as a browser that connects in advance, is not."""
        if self._came or self._read:
            self._refuse(Problem("request_timeout", 408))
        else:
            self._head_is_complete()
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer and close, once."""
        self._head_is_complete()
        if self.transport.is_closing():
            return
        answer = problem.response("zh-CN")
        head = b"".join(b"%b: %b\r\n" % field for field in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 %d \r\n%bconnection: close\r\n\r\n%b" % (problem.status, head, bytes(answer.body)))
        self.transport.close()
