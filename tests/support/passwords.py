"""Passwords that cost nothing, for tests of everything but their cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))


@contextmanager
def cheap_passwords() -> Iterator[None]:
    """Argon2id as ever, with its smallest costs: 0.13 s of a core less for each hash that is made or checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHash, "recommended", lambda: CHEAP)
        yield
