"""Access tokens: EdDSA JWTs of at most 15 minutes, signed by routing, verified by every service.

Tokens of one external OpenID provider count as well (RS256, ES256 or EdDSA, as its keys say). Rules: RFC 8725, OWASP ASVS 5 chapter 9.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from shared.ids import new_id
from shared.regions import UnknownRegion, level_of
from shared.security.keys import KeySource
from shared.security.principal import ROLES, Principal

MAX_LIFETIME = timedelta(minutes=15)
"""A stolen or outdated token is worth little: nothing else revokes one."""

_LEEWAY = timedelta(seconds=5)
"""Hosts' clocks differ by less."""

OWN_ALGORITHMS = frozenset({"EdDSA"})
EXTERNAL_ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})


class InvalidToken(Exception):
    """A token that proves nothing. A retry does not help."""


@dataclass(frozen=True)
class SigningKey:
    """A private key and the opaque id under which its public half is published."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)

    def public_jwk(self) -> dict[str, Any]:
        """The public half as an entry of a JWK set."""
        jwk = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return jwk | {"kid": self.kid, "use": "sig", "alg": "EdDSA"}


def sign(principal: Principal, key: SigningKey, *, issuer: str, audience: str, now: datetime, lifetime: timedelta = MAX_LIFETIME) -> str:
    """A token that says who `principal` is from `now` on. Raises `ValueError` for a lifetime over 15 minutes."""
    if lifetime > MAX_LIFETIME:
        raise ValueError("an access token lives at most 15 minutes")
    claims = {
        "sub": principal.subject,
        "name": principal.name,
        "role": principal.role,
        "regions": list(principal.regions),
        "units": list(principal.units),
        "iss": issuer,
        "aud": audience,
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "jti": new_id(),
    }
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid})


Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Issuer:
    """Somebody whose tokens count.

    Args:
        name: their `iss`, compared as it stands.
        keys: where their public keys come from.
        algorithms: what may sign; the key must agree.
        principal: reads claims; raises `InvalidToken` where they describe no staff member.
        required: claims that must be there, besides `exp`, `iat`, `iss`, `aud` and `sub`.
    """

    name: str
    keys: KeySource
    algorithms: frozenset[str]
    principal: Callable[[Claims], Principal]
    required: tuple[str, ...] = ()


class TokenVerifier:
    """Turns a bearer token into a `Principal`."""

    def __init__(self, issuers: Sequence[Issuer], *, audience: str) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._audience = audience

    async def verify(self, token: str) -> Principal:
        """Who the token's bearer is.

        Raises:
            InvalidToken: for whatever is wrong with it.
            KeysUnavailable: when the issuer's keys cannot be had; a retry may help.
        """
        try:
            named = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError) as error:
            raise InvalidToken("malformed") from error
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise InvalidToken("unknown issuer")
        claims = await verified_claims(
            token, issuer.keys, issuer.algorithms, issuer=issuer.name, audience=self._audience, required=issuer.required
        )
        if claims["exp"] - claims["iat"] > MAX_LIFETIME.total_seconds():
            raise InvalidToken("lives too long")
        return issuer.principal(claims)


async def verified_claims(
    token: str, keys: KeySource, algorithms: frozenset[str], *, issuer: str, audience: str, required: Sequence[str] = ()
) -> Claims:
    """What a token of `issuer` for `audience` says, its signature and times checked.

    Raises:
        InvalidToken: for whatever is wrong with it.
        KeysUnavailable: when the issuer's keys cannot be had; a retry may help.
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidToken("malformed") from error
    kid, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(kid, str) or algorithm not in algorithms:
        raise InvalidToken("no key id, or an algorithm that is not accepted")
    key = await keys.key(kid)
    if key is None or key.algorithm_name != algorithm:
        raise InvalidToken("unknown key")
    try:
        return jwt.decode(
            token,
            key.key,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub", *required]},
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise InvalidToken(type(error).__name__) from error


def claims_reader(
    *, subject: str = "sub", role: str = "role", regions: str = "regions", units: str = "units"
) -> Callable[[Claims], Principal]:
    """A reader of claims with these names. The role must be one of ours, regions 12-digit codes, units texts."""

    def read(claims: Claims) -> Principal:
        who, is_role = claims.get(subject), claims.get(role)
        if not isinstance(who, str) or not who or not isinstance(is_role, str) or is_role not in ROLES:
            raise InvalidToken("no subject or role")
        codes = _texts(claims.get(regions, []))
        try:
            for code in codes:
                level_of(code)
        except UnknownRegion as error:
            raise InvalidToken("no region") from error
        name = claims.get("name")
        return Principal(who, name if isinstance(name, str) else who, is_role, codes, _texts(claims.get(units, [])))

    return read


def _texts(value: object) -> tuple[str, ...]:
    items = cast(list[object], value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise InvalidToken("not a list of texts")
    return tuple(cast(list[str], items))
