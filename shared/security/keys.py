"""Public keys of token issuers, fetched and kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import httpx
import jwt

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]

MAX_AGE = 600.0
"""Seconds until a set is fetched anew, so that a withdrawn key stops counting."""
MIN_AGE = 5.0
"""Seconds between two fetches, so that made-up key ids cannot make us flood the issuer."""
_TIMEOUT = 3.0


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had for the moment."""


class KeySource(Protocol):
    """Port: public keys by id."""

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key whose id is exactly `kid`, or None. Raises `KeysUnavailable`."""
        ...


class StaticKeys:
    """Keys that are known beforehand: the issuer's own."""

    def __init__(self, jwks: Sequence[Mapping[str, Any]]) -> None:
        self._keys = _by_id({"keys": list(jwks)})

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key whose id is exactly `kid`."""
        return self._keys.get(kid)


class FetchedKeys:
    """A JWK set from elsewhere. An id is only ever looked up in the fetched set: it is never part of an address or a path."""

    def __init__(self, fetch: Fetch, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> jwt.PyJWK | None:
        """The key whose id is exactly `kid`; an unknown id fetches the set again, but not often. Raises `KeysUnavailable`."""
        if kid not in self._keys or self._older(self._fetched, MAX_AGE):
            async with self._lock:
                if kid not in self._keys or self._older(self._fetched, MAX_AGE):
                    await self._refresh()
        return self._keys.get(kid)

    def _older(self, instant: float | None, age: float) -> bool:
        return instant is None or self._monotonic() - instant > age

    async def _refresh(self) -> None:
        if not self._older(self._tried, MIN_AGE):
            if self._fetched is None:
                raise KeysUnavailable
            return
        self._tried = self._monotonic()
        try:
            self._keys = _by_id(await self._fetch())
        except (httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
            if self._fetched is None:
                raise KeysUnavailable from error
            return
        self._fetched = self._tried


def fetch_jwks(client: httpx.AsyncClient, url: str) -> Fetch:
    """Fetches a JWK set from its address."""

    async def fetch() -> Mapping[str, Any]:
        return await _json(client, url)

    return fetch


def fetch_discovered(client: httpx.AsyncClient, issuer: str) -> Fetch:
    """Fetches the JWK set that an OpenID provider's discovery document names (OpenID Connect Discovery 1.0, 4.3)."""

    async def fetch() -> Mapping[str, Any]:
        return await _json(client, str((await discovered(client, issuer))["jwks_uri"]))

    return fetch


async def discovered(client: httpx.AsyncClient, issuer: str) -> Mapping[str, Any]:
    """The discovery document of an OpenID provider. Raises `httpx.HTTPError`, or `ValueError` where it is another issuer's or none."""
    found = await _json(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise ValueError("the discovery document names another issuer")
    return found


async def _json(client: httpx.AsyncClient, url: str) -> Mapping[str, Any]:
    answer = await client.get(url, timeout=_TIMEOUT)
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return cast(dict[str, Any], found)


def _by_id(jwks: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Keys for signatures by id; kinds that we do not know are left out (RFC 7517, 5)."""
    keys: dict[str, jwt.PyJWK] = {}
    for jwk in cast(Sequence[dict[str, Any]], jwks.get("keys", [])):
        kid = jwk.get("kid")
        if isinstance(kid, str) and jwk.get("use", "sig") == "sig" and jwk.get("kty") in ("OKP", "RSA", "EC"):
            try:
                keys[kid] = jwt.PyJWK(jwk)
            except jwt.PyJWTError:
                continue
    return keys
