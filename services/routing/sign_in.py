"""Signing in: the password is checked, failures make the next try wait, a token of at most 15 minutes comes back.

An unknown name, a wrong password, a disabled account and one without a password look the same: same answer, same time, same count.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from services.routing.passwords import DEMO_PASSWORD, Passwords
from services.routing.sign_in_failures import Source, account_source, address_source, count_failure, forget, waiting_until
from services.routing.signing_keys import KeyRing
from services.routing.tables import Account
from shared.audit import Entry, record
from shared.clock import Clock
from shared.database import Database
from shared.problem_texts import register_texts
from shared.problems import Problem
from shared.security.principal import Principal, Role
from shared.security.tokens import MAX_LIFETIME, sign

register_texts(
    {
        "credentials_invalid": (
            "登录失败",
            "Sign-in failed",
            "用户名或密码不正确。",
            "The user name or the password is not right.",
        ),
        "sign_in_delayed": (
            "登录失败次数过多",
            "Too many failed sign-ins",
            "请在 {retry_after} 秒后重试。",
            "Try again in {retry_after} seconds.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in gives: a bearer token and how long it lives."""

    token: str
    lifetime: timedelta


class SignIn:
    """Turns name and password into a token.

    Args:
        database: routing's.
        clock: dates tokens and failures.
        keys: the newest signs.
        passwords: bounds how many are checked at once.
        issuer: `iss` of the tokens.
        audience: `aud` of the tokens.
        demo: whether the demo's public password is good; without the demo it is not, even where a demo left it in the database.
    """

    def __init__(
        self, database: Database, clock: Clock, keys: KeyRing, passwords: Passwords, *, issuer: str, audience: str, demo: bool
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._passwords = passwords
        self._issuer = issuer
        self._audience = audience
        self._demo = demo

    async def __call__(self, username: str, password: str, address: str) -> Grant:
        """A token for the account, asked for from `address`.

        Two transactions, so that no connection is held while the password is checked; both inside one of the few slots, so that a burst of
        guesses gets ahead of the count by no more than the slots.

        Raises:
            Problem: 429 with Retry-After while the account or the address has to wait; 401 for wrong credentials.
        """
        account_tries, address_tries = account_source(username), address_source(address)
        async with self._passwords.slots:
            async with self._database.transaction() as session:
                now = await self._clock.now(session)
                until = await waiting_until(session, (account_tries, address_tries), now)
                if until is not None:
                    raise _delayed(math.ceil((until - now).total_seconds()))
                account = await session.get(Account, username)
            usable = account is not None and account.active and (self._demo or password != DEMO_PASSWORD)
            right = await self._passwords.check(password, account.password_hash if account and usable else None)
            async with self._database.transaction() as session:
                now = await self._clock.now(session)
                if account is not None and right:
                    return await self._grant(session, account, account_tries, now)
                await count_failure(session, (account_tries, address_tries), now)
                await record(session, _failed(account))
        raise Problem("credentials_invalid", 401, headers={"WWW-Authenticate": "Bearer"})

    async def _grant(self, session: AsyncSession, account: Account, tries: Source, now: datetime) -> Grant:
        await forget(session, tries)
        await record(session, Entry(action="sign_in", status=200, who=account.username, role=account.role))
        return self.grant(account, now)

    def grant(self, account: Account, now: datetime) -> Grant:
        """A token for an account whose password, or session, was found right."""
        principal = Principal(account.username, account.name, cast(Role, account.role), tuple(account.regions), tuple(account.units))
        token = sign(principal, self._keys.newest(), issuer=self._issuer, audience=self._audience, now=now)
        return Grant(token, MAX_LIFETIME)


def _failed(account: Account | None) -> Entry:
    """The audit entry; a name that no account has is left out, it might be a password typed into the wrong field."""
    return Entry(action="sign_in", result="credentials_invalid", status=401, who=account.username if account else "anonymous")


def _delayed(seconds: int) -> Problem:
    return Problem("sign_in_delayed", 429, headers={"Retry-After": str(seconds)}, retry_after=seconds)
