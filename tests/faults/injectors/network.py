"""Networks that fail between a part and its server: cut, slow, half-open, and the answer that is lost after the server has done it all."""

import random
from collections.abc import Callable, Mapping

from tests.faults.injectors.base import Target
from tests.faults.injectors.proxy import Way

SERVERS = ("postgres", "nats", "temporal", "intake", "gateway")
"""Between which and its clients the network fails; the SMS and mail gateways have faults of their own."""

COMMITS: Mapping[str, bytes] = {
    "postgres": b"COMMIT",
    "nats": b"HPUB huiyin.",
    "temporal": b"",
    "intake": b"POST ",
    "gateway": b"POST ",
}
"""Bytes of a request after whose answer something is for good. Temporal's requests are compressed, so any will do."""


class Network:
    """One kind of failure, between one server and all its clients.

    Args:
        name: as in a schedule.
        way: what its proxy does; told the server and the seeded choice.
        servers: to choose from.
    """

    def __init__(self, name: str, way: Callable[[str, random.Random], Way], servers: tuple[str, ...] = SERVERS) -> None:
        self.name = name
        self.told = ""
        self._way = way
        self._servers = servers
        self._struck: str | None = None

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Change the way of one proxy."""
        self._struck = rng.choice(self._servers)
        way = self._way(self._struck, rng)
        stack.proxies.become(self._struck, way)
        self.told = f"{self.name} {self._struck}: {way}"

    async def heal(self, stack: Target) -> None:
        """Pass everything on again."""
        if self._struck is not None:
            stack.proxies.become(self._struck, Way())
            self._struck = None


def cut(servers: tuple[str, ...] = SERVERS) -> Network:
    """Connections are reset, new ones refused."""
    return Network("cut", lambda _server, _rng: Way(refuses=True), servers)


def delay(servers: tuple[str, ...] = SERVERS) -> Network:
    """Everything takes 10 ms to 1 s longer each way."""
    return Network("delay", lambda _server, rng: Way(delay=rng.choice((0.01, 0.1, 1.0))), servers)


def half_open(servers: tuple[str, ...] = SERVERS) -> Network:
    """The server has forgotten its connections, and their clients are not told."""
    return Network("half-open", lambda _server, _rng: Way(silent=True), servers)


def answer_lost(servers: tuple[str, ...] = SERVERS) -> Network:
    """The server does it, and nobody hears of it: every answer, or every second to fifth."""
    return Network("answer-lost", lambda server, rng: Way(loses=COMMITS[server], every=rng.randint(1, 5)), servers)
