"""Sessions of browsers: the cookie holds a secret of 256 bits, the table its digest.

Each renewal gives a short token, so that whoever is signed out, or disabled, is out everywhere within the 15 minutes of a token.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlmodel import col

from services.routing.sign_in import Grant, SignIn
from services.routing.tables import Account, BrowserSession
from shared.audit import Entry, record
from shared.clock import Clock
from shared.database import Database

IDLE = timedelta(hours=8)
"""A working day without a look."""
LONGEST = timedelta(days=7)
"""Then the password is asked for again, whatever was looked at."""
_BROWSER = 200
"""Characters of the browser's own name that are kept."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A session as its owner sees it; `digest` names it."""

    digest: str
    browser: str
    begun_at: datetime
    seen_at: datetime
    own: bool


class BrowserSessions:
    """Begins, renews, lists and ends sessions.

    Args:
        database: routing's.
        clock: dates them.
        sign_in: gives the tokens.
    """

    def __init__(self, database: Database, clock: Clock, sign_in: SignIn) -> None:
        self._database = database
        self._clock = clock
        self._sign_in = sign_in

    async def begin(self, username: str, browser: str, id_token: str | None = None) -> str:
        """A new session of somebody whose password was right, or for whom the OpenID provider gave `id_token`.

        Returns the cookie's secret; clears away what is over.
        """
        secret = secrets.token_urlsafe(32)
        async with self._database.transaction() as session:
            now = await self._clock.now(session)
            await session.execute(
                delete(BrowserSession).where((col(BrowserSession.seen_at) < now - IDLE) | (col(BrowserSession.begun_at) < now - LONGEST))
            )
            row = BrowserSession(
                digest=_digest(secret), username=username, browser=browser[:_BROWSER], begun_at=now, seen_at=now, id_token=id_token
            )
            session.add(row)
        return secret

    async def renew(self, secret: str) -> Grant | None:
        """A new token, or None where the session is over or the account is disabled."""
        async with self._database.transaction() as session:
            found = await session.get(BrowserSession, _digest(secret))
            if found is None:
                return None
            now = await self._clock.now(session)
            account = await session.get(Account, found.username)
            if account is None or not account.active or found.seen_at < now - IDLE or found.begun_at < now - LONGEST:
                await session.delete(found)
                return None
            found.seen_at = now
            return self._sign_in.grant(account, now)

    async def of(self, username: str, secret: str) -> list[Listed]:
        """Somebody's sessions, the latest first."""
        query = select(BrowserSession).where(col(BrowserSession.username) == username).order_by(col(BrowserSession.seen_at).desc())
        async with self._database.transaction() as session:
            rows = (await session.execute(query)).scalars().all()
        return [Listed(row.digest, row.browser, row.begun_at, row.seen_at, row.digest == _digest(secret)) for row in rows]

    async def end(self, username: str, digest: str | None = None) -> int:
        """End one session of somebody, or all. Returns how many there were."""
        gone = delete(BrowserSession).where(col(BrowserSession.username) == username).returning(col(BrowserSession.digest))
        if digest is not None:
            gone = gone.where(col(BrowserSession.digest) == digest)
        async with self._database.transaction() as session:
            ended = len((await session.execute(gone)).all())
            await record(session, Entry(action="sign_out", status=200, who=username, after={"sessions": ended}))
        return ended

    async def sign_out(self, secret: str) -> str | None:
        """End the session of this cookie. Returns the ID token that it began with, if any."""
        async with self._database.transaction() as session:
            found = await session.get(BrowserSession, _digest(secret))
        if found is None:
            return None
        await self.end(found.username, found.digest)
        return found.id_token


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
