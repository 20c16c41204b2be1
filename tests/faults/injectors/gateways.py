"""The SMS gateway and the mail server misbehave: refuse, temporarily or for good, hang, or drop the line after they took the message."""

import random
from collections.abc import Mapping

from tests.faults.injectors.base import Target
from tests.faults.injectors.proxy import Script, Way


def _smtp(refusal: bytes) -> Script:
    """A mail server that greets, and then refuses every recipient."""

    def reply(said: bytes) -> bytes:
        match said[:4].upper():
            case b"EHLO" | b"HELO" | b"RSET" | b"NOOP" | b"MAIL":
                return b"250 well\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
            case _:
                return refusal

    return Script(b"220 fault ESMTP\r\n", reply)


def _http(status: bytes) -> Script:
    """An SMS gateway that gives every request the same answer; what follows the first piece of a request is its body."""

    def reply(said: bytes) -> bytes:
        return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" if said.startswith(b"POST") else b""

    return Script(b"", reply)


SMS: Mapping[str, Way] = {
    "refuses connections": Way(refuses=True),
    "503": Way(script=_http(b"503 Service Unavailable")),
    "400": Way(script=_http(b"400 Bad Request")),
    "hangs": Way(silent=True),
    "drops after it took the message": Way(loses=b"POST "),
}
MAIL: Mapping[str, Way] = {
    "refuses connections": Way(refuses=True),
    "451": Way(script=_smtp(b"451 4.7.1 try again later\r\n")),
    "550": Way(script=_smtp(b"550 5.1.1 no such mailbox\r\n")),
    "hangs": Way(silent=True),
    "drops after DATA": Way(loses=b"\r\n.\r\n"),
}


class Gateway:
    """One gateway misbehaves in one way.

    Args:
        name: as in a schedule.
        server: `sms_sink` or `smtp_sink`.
        ways: to choose from, with what to say of them.
    """

    def __init__(self, name: str, server: str, ways: Mapping[str, Way]) -> None:
        self.name = name
        self.told = ""
        self._server = server
        self._ways = ways

    async def strike(self, stack: Target, rng: random.Random) -> None:
        """Misbehave from now on."""
        what = rng.choice(list(self._ways))
        stack.proxies.become(self._server, self._ways[what])
        self.told = f"{self._server} {what}"

    async def heal(self, stack: Target) -> None:
        """Recover."""
        stack.proxies.become(self._server, Way())


def sms(only: str | None = None) -> Gateway:
    """The SMS gateway, in any way or in `only` one."""
    return Gateway("sms-gateway", "sms_sink", SMS if only is None else {only: SMS[only]})


def mail(only: str | None = None) -> Gateway:
    """The mail server, in any way or in `only` one."""
    return Gateway("mail-server", "smtp_sink", MAIL if only is None else {only: MAIL[only]})
