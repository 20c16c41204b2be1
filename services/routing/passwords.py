"""Passwords: argon2id, checked in threads so that the loop goes on, a few at a time so that a burst of sign-ins cannot take all memory."""

import asyncio
import secrets

from pwdlib import PasswordHash

AT_ONCE = 2
"""A check takes 0.13 s of a core and 64 MB (argon2id, RFC 9106's second choice): as many as the smallest machine has cores."""

DEMO_PASSWORD = "huiyin-demo"
"""Public. Stored on a stack that was started with `--demo`, and good on such a stack only."""


class Passwords:
    """Makes and checks hashes. Make one a process: the bound on concurrent checks is its own."""

    def __init__(self, hasher: PasswordHash | None = None) -> None:
        self._hasher = hasher or PasswordHash.recommended()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    @property
    def slots(self) -> asyncio.Semaphore:
        """Taken for the whole of a sign-in, so that what is decided from earlier failures is never far behind."""
        return self._slots

    async def check(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`. Takes as long where there is no stored hash, and is then False."""
        right = await asyncio.to_thread(self._hasher.verify, password, stored or self._nobody)
        return right and stored is not None

    def hash(self, password: str) -> str:
        """A new hash (PHC string). Takes 0.13 s."""
        return self._hasher.hash(password)
