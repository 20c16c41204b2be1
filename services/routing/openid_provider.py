"""The OpenID provider on whose word staff may sign in: authorization code with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636, RFC 9700).

It is told when they sign out (OpenID Connect RP-Initiated Logout 1.0).
"""

# authlib is not typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlencode

import httpx
import jwt
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from services.routing.settings import Settings, is_safe
from shared.security.keys import MAX_AGE, FetchedKeys, KeysUnavailable, discovered, fetch_discovered
from shared.security.tokens import EXTERNAL_ALGORITHMS, Claims, InvalidToken, verified_claims

CALLBACK = "/sign-in/openid/callback"
"""Where the provider sends people back to; it must know this address behind our public one."""

AFTERWARDS = "/"
"""Where the provider sends people back to who signed out there; it must know this address too."""

_PARTS = ":/?&=%[]@"
"""What an address may hold as it is; anything else in it could end a header."""
_TIMEOUT = 5.0
"""Seconds: somebody is waiting before a blank page."""


class ProviderAway(Exception):
    """The provider does not answer, or not as one. A retry may help."""


class NotConfirmed(Exception):
    """The provider does not vouch for anybody with this code, or its word cannot be trusted. A new sign-in may help."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent along with a person, and must fit what comes back: 256 bits each, fresh for each sign-in."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> "Asked":
        """A new one."""
        return cls(generate_token(43), generate_token(43), generate_token(43))


@dataclass(frozen=True, slots=True)
class Word:
    """What the provider says of somebody: its ID token, and the claims in it."""

    id_token: str
    claims: Claims


class OpenIdProvider:
    """Asks the provider of `settings`.

    Args:
        settings: with `oidc_issuer` and `oidc_client_id`.
        client: must not follow redirects.
    """

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        assert settings.oidc_issuer
        assert settings.oidc_client_id
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret
        self._how = settings.oidc_client_auth
        self._scopes = settings.oidc_scopes
        self._callback = settings.public_url + CALLBACK
        self._afterwards = settings.public_url + AFTERWARDS
        self._client = client
        self._keys = FetchedKeys(fetch_discovered(client, self.issuer))
        self._document: Mapping[str, Any] = {}
        self._fetched = 0.0

    async def address(self, asked: Asked) -> str:
        """Where a browser is sent to. Raises `ProviderAway`."""
        document = await self._discovered()
        return prepare_grant_uri(
            document["authorization_endpoint"],
            self._client_id,
            "code",
            redirect_uri=self._callback,
            scope=self._scopes,
            state=asked.state,
            nonce=asked.nonce,
            code_challenge=create_s256_code_challenge(asked.verifier),
            code_challenge_method="S256",
        )

    async def farewell(self, id_token: str) -> str | None:
        """Where a browser is sent to so that the provider's session ends too; None where it has no such place. Raises `ProviderAway`."""
        there = (await self._discovered()).get("end_session_endpoint")
        if not isinstance(there, str) or not is_safe(there):
            return None
        told = {"id_token_hint": id_token, "client_id": self._client_id, "post_logout_redirect_uri": self._afterwards}
        return f"{quote(there, safe=_PARTS)}{'&' if '?' in there else '?'}{urlencode(told)}"

    async def word(self, code: str, asked: Asked) -> Word:
        """What the provider says of whoever brought `code`. Raises `ProviderAway`, `NotConfirmed`."""
        token = await self._exchanged(code, asked.verifier)
        try:
            claims = await verified_claims(
                token, self._keys, EXTERNAL_ALGORITHMS, issuer=self.issuer, audience=self._client_id, required=("nonce",)
            )
            said = CodeIDToken(claims, jwt.get_unverified_header(token), params={"nonce": asked.nonce, "client_id": self._client_id})
            said.validate_nonce()
            said.validate_azp()
        except KeysUnavailable as error:
            raise ProviderAway from error
        except (InvalidToken, JoseError) as error:
            raise NotConfirmed(f"ID token: {error}") from error
        return Word(token, claims)

    async def _exchanged(self, code: str, verifier: str) -> str:
        """The ID token for a code."""
        document = await self._discovered()
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback, "code_verifier": verifier}
        secret = self._secret.get_secret_value() if self._secret else None
        identified = httpx.Auth()
        if secret and self._how == "client_secret_basic":
            identified = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(secret))  # RFC 6749, 2.3.1
        else:
            sent |= {"client_id": self._client_id} | ({"client_secret": secret} if secret else {})
        try:
            answer = await self._client.post(document["token_endpoint"], data=sent, auth=identified, timeout=_TIMEOUT)
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ProviderAway from error
        if answer.status_code >= 500:
            raise ProviderAway
        token = cast(dict[str, Any], told).get("id_token") if isinstance(told, dict) and answer.is_success else None
        if not isinstance(token, str):
            raise NotConfirmed(f"the token endpoint answered {answer.status_code}")
        return token

    async def _discovered(self) -> Mapping[str, Any]:
        """The provider's discovery document, not older than its keys may be."""
        if not self._document or time.monotonic() - self._fetched > MAX_AGE:
            try:
                document = await discovered(self._client, self.issuer)
                if not all(is_safe(str(document[name])) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")):
                    raise ProviderAway("an endpoint in the clear")
            except (httpx.HTTPError, ValueError, KeyError) as error:
                raise ProviderAway from error
            self._document, self._fetched = document, time.monotonic()
        return self._document
