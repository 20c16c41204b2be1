"""Signing in on the word of an OpenID provider: it says who somebody is; what they may do here, their account says.

Nothing is counted for lock-out: there is no password here that could be guessed, and the provider counts those that are guessed there.
"""

import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete
from sqlmodel import col

from services.routing.openid_provider import Asked, NotConfirmed, OpenIdProvider, ProviderAway, Word
from services.routing.sign_in import Grant, SignIn
from services.routing.tables import Account, OpenIdAttempt
from shared.audit import Entry, record
from shared.clock import Clock
from shared.database import Database
from shared.problem_texts import Text
from shared.security.tokens import Claims

log = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=10)
"""How long somebody may take at the provider: a second factor, a forgotten password."""

_LONGEST_NAME = 64
"""Characters of an account's name."""
_NOT_WANTED = frozenset({"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required"})
"""Errors that say that the person did not go through with it (OpenID Connect Core 1.0, 3.1.2.6); the others are ours or the provider's."""

REFUSALS: Mapping[str, Text] = {
    "openid_denied": Text(
        "没有登录成功",
        "You are not signed in",
        "您在{provider}那里取消了登录,或那里没有同意。可以再试一次,也可以用这里的用户名和密码。",
        "The sign-in with {provider} was cancelled or refused there. Try again, or use a user name and password of Huiyin.",
    ),
    "openid_over": Text(
        "这次登录已经失效",
        "This sign-in is over",
        "每次登录只能用一回,并且要在十分钟内、在同一个浏览器里完成。请重新登录。",
        "Each sign-in counts once, within ten minutes and in the same browser. Please sign in again.",
    ),
    "openid_mismatch": Text(
        "这不是您刚才开始的登录",
        "This is not the sign-in that you began",
        "可能您开了两个登录窗口,也可能链接是别人给的。请从这里重新登录。",
        "You may have begun twice in two windows, or somebody else made the link. Please sign in from here.",
    ),
    "openid_unconfirmed": Text(
        "没能确认您的身份",
        "Who you are could not be confirmed",
        "从{provider}得到的答复不能相信,所以没有登录。请再试一次;总是这样时请告诉管理员。",
        "What came back from {provider} cannot be trusted, so you are not signed in. Try again; tell an administrator if it goes on.",
    ),
    "openid_away": Text(
        "{provider}暂时没有回应",
        "No answer from {provider}",
        "请稍后再试,也可以用这里的用户名和密码登录。",
        "Try again in a moment, or use a user name and password of Huiyin.",
    ),
    "openid_nobody": Text(
        "您在回音里没有可用的账号",
        "You have no account in Huiyin that can be used",
        "{provider}确认了您的身份,但这里没有对应的账号,或账号已停用。请联系管理员。",
        "You were confirmed by {provider}, but no account here belongs to you, or it is disabled. Please ask an administrator.",
    ),
}
"""Why nobody is signed in; `{provider}` is its name."""


class NotSignedIn(Exception):
    """Nobody is signed in.

    Args:
        code: why; one of `REFUSALS`.
        onward: the page that they wanted to go on to, where that is known.
        account: the disabled account that they belong to.
    """

    def __init__(self, code: str, onward: str = "", account: str | None = None) -> None:
        assert code in REFUSALS
        super().__init__(code)
        self.code = code
        self.onward = onward
        self.account = account


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser brings from the provider; texts are empty where it brought none."""

    state: str
    code: str
    error: str
    issuer: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Whose account it is, a token for it, the page to go on to, and the provider's ID token."""

    username: str
    grant: Grant
    onward: str
    id_token: str


class OpenIdSignIn:
    """Sends browsers to the provider and takes them back.

    Args:
        database: routing's.
        clock: dates attempts.
        provider: vouches for people.
        sign_in: gives the tokens.
        claim: the one that holds the name of the account.
    """

    def __init__(self, database: Database, clock: Clock, provider: OpenIdProvider, sign_in: SignIn, *, claim: str) -> None:
        self._database = database
        self._clock = clock
        self._provider = provider
        self._sign_in = sign_in
        self._claim = claim

    async def begin(self, onward: str) -> tuple[str, str]:
        """Where to send a browser, and the secret of the cookie that it comes back with; clears away what is over.

        Raises:
            NotSignedIn: the provider is away.
        """
        asked, secret = Asked.fresh(), secrets.token_urlsafe(32)
        try:
            address = await self._provider.address(asked)
        except ProviderAway:
            log.warning("the OpenID provider is away", exc_info=True)
            raise NotSignedIn("openid_away", onward) from None
        async with self._database.transaction() as session:
            now = await self._clock.now(session)
            await session.execute(delete(OpenIdAttempt).where(col(OpenIdAttempt.begun_at) < now - PATIENCE))
            row = OpenIdAttempt(
                digest=_digest(secret), state=asked.state, nonce=asked.nonce, verifier=asked.verifier, onward=onward, begun_at=now
            )
            session.add(row)
        return address, secret

    async def finish(self, secret: str, answer: Answer) -> SignedIn:
        """Whoever comes back with the cookie of `begin`: once, and in time. Audited either way.

        Raises:
            NotSignedIn: with the reason.
        """
        try:
            return await self._finished(secret, answer)
        except NotSignedIn as refused:
            async with self._database.transaction() as session:
                await record(session, _entry(refused.account or "anonymous", result=refused.code, status=403))
            raise

    async def farewell(self, id_token: str) -> str | None:
        """Where to send a browser whose session began with `id_token` and is over here; None where it can only be over here."""
        try:
            return await self._provider.farewell(id_token)
        except ProviderAway:
            log.warning("the OpenID provider is away", exc_info=True)
            return None

    async def _finished(self, secret: str, answer: Answer) -> SignedIn:
        asked, onward = await self._taken(secret, answer.state)
        word = await self._word(answer, asked, onward)
        name = _name(word.claims, self._claim)
        async with self._database.transaction() as session:
            account = await session.get(Account, name) if name else None
            if account is None or not account.active:
                raise NotSignedIn("openid_nobody", onward, account.username if account else None)
            await record(session, _entry(account.username, role=account.role))
            return SignedIn(account.username, self._sign_in.grant(account, await self._clock.now(session)), onward, word.id_token)

    async def _taken(self, secret: str, state: str) -> tuple[Asked, str]:
        """What the browser was sent out with. It is gone then; another state leaves it, or a forged link would break off a sign-in."""
        async with self._database.transaction() as session:
            found = await session.get(OpenIdAttempt, _digest(secret), with_for_update=True)
            if found is None or found.begun_at < await self._clock.now(session) - PATIENCE:
                raise NotSignedIn("openid_over")
            if not hmac.compare_digest(found.state.encode(), state.encode()):
                raise NotSignedIn("openid_mismatch")
            await session.delete(found)
            return Asked(found.state, found.nonce, found.verifier), found.onward

    async def _word(self, answer: Answer, asked: Asked, onward: str) -> Word:
        """What the provider says of them."""
        if answer.error in _NOT_WANTED:
            raise NotSignedIn("openid_denied", onward)
        try:
            if answer.issuer not in ("", self._provider.issuer):  # RFC 9207
                raise NotConfirmed("another issuer answered")
            if not answer.code:
                raise NotConfirmed(f"the provider says {answer.error[:60]!r}")
            return await self._provider.word(answer.code, asked)
        except ProviderAway:
            log.warning("the OpenID provider is away", exc_info=True)
            raise NotSignedIn("openid_away", onward) from None
        except NotConfirmed as error:
            log.warning("the OpenID provider's answer does not count: %s", error)
            raise NotSignedIn("openid_unconfirmed", onward) from None


def _name(claims: Claims, claim: str) -> str | None:
    """The account's name; None where it cannot be one."""
    name = claims.get(claim)
    return name if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable() else None


def _entry(who: str, *, role: str | None = None, result: str = "ok", status: int = 200) -> Entry:
    return Entry(action="sign_in", result=result, status=status, who=who, role=role, after={"by": "openid"})


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
