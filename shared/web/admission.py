"""ASGI middleware that lets as many requests work as the service can carry, has a few wait, and tells the others to come back.

A service that takes on everything answers nobody in time: it is better to carry out a part and refuse the rest at once, for almost nothing.
What is refused here was not looked at: it is no command, and leaves no trace but in the metrics.
"""

import asyncio
import random
from collections import deque
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.problem_texts import register_texts
from shared.problems import Problem

register_texts({"overloaded": ("系统繁忙,请稍后再试", "Too much to do at the moment, please try again")})

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALWAYS = ("/health/live", "/health/ready", "/metrics", "/openapi.json", "/v1/jwks.json")
"""What is asked to know how the service is, or to know who somebody is: never refused."""
_COME_BACK = (1, 5)
"""Seconds, by chance: those who were refused together do not return together."""


class Lane:
    """Places for requests at work, and a line before them: first come, first served.

    Args:
        at_once: how many work.
        waiting: how many stand in line.
        patience: seconds for which one stands in line.
    """

    def __init__(self, at_once: int, waiting: int, patience: float) -> None:
        self._free = at_once
        self._waiting = waiting
        self._patience = patience
        self._line: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Take a place, which `leave` gives back. Raises Problem 503 where the line is full or does not move."""
        if self._free:
            self._free -= 1
        else:
            await self._stand_in_line()

    def leave(self) -> None:
        """Give the place to the next in line, or free it."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def _stand_in_line(self) -> None:
        if len(self._line) >= self._waiting:
            raise overloaded()
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._line:
                self._line.remove(turn)
            if isinstance(error, TimeoutError):
                raise overloaded() from None
            raise


class Admission:
    """Two lanes, so that a flood of commands does not keep anybody from reading, nor the other way round."""

    def __init__(self, app: ASGIApp, *, at_once: int, waiting: int, patience: float) -> None:
        self.app = app
        self._commands = Lane(at_once, waiting, patience)
        self._reads = Lane(at_once, waiting, patience)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises Problem 503 with Retry-After where there is no place."""
        if scope["type"] != "http" or scope["path"].endswith(_ALWAYS):
            await self.app(scope, receive, send)
            return
        lane = self._reads if scope["method"] in _READS else self._commands
        await lane.enter()
        try:
            await self.app(scope, receive, send)
        finally:
            lane.leave()


def overloaded() -> Problem:
    """503: more comes in than can be carried."""
    return Problem("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": str(random.randint(*_COME_BACK))})
