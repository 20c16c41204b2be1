"""Settings, keys and tokens for tests that talk to a service over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette

from shared.outgoing import http_client
from shared.security.keys import StaticKeys
from shared.security.principal import Principal, Role
from shared.security.tokens import SigningKey, TokenVerifier, sign
from shared.security.trusted import token_verifier
from shared.settings import CommonSettings

ISSUER = "http://127.0.0.1:8080/api/routing"
AUDIENCE = "huiyin"
KEY = SigningKey("test-key", Ed25519PrivateKey.generate())

VILLAGE = "330182104001"
SIBLING_VILLAGE = "330182104002"
TOWNSHIP = "330182104000"
SIBLING_TOWNSHIP = "330182100000"
VILLAGE_OF_SIBLING = "330182100001"
COUNTY = "330182000000"
SIBLING_COUNTY = "330181000000"
LOOK_ALIKE_VILLAGE = "330181104001"
"""The digits of township and village are those of VILLAGE; the county is another."""


def verifier() -> TokenVerifier:
    """Accepts what `token` makes."""
    return token_verifier(settings(), http_client(), own_keys=StaticKeys([KEY.public_jwk()]))


def principal(role: Role, *regions: str, subject: str | None = None, units: tuple[str, ...] = ()) -> Principal:
    """A staff member named as the demo names them."""
    return Principal(subject or "-".join([role, *regions[:1]]), f"{role} {' '.join(regions)}".strip(), role, regions, units)


def token(who: Principal, *, lifetime: timedelta = timedelta(minutes=15)) -> str:
    """An access token that `verifier` accepts."""
    return sign(who, KEY, issuer=ISSUER, audience=AUDIENCE, now=datetime.now(UTC), lifetime=lifetime)


def bearer(who: Principal) -> dict[str, str]:
    """The Authorization header of a staff member."""
    return {"Authorization": f"Bearer {token(who)}"}


def settings_values(**values: Any) -> dict[str, Any]:
    """Values that every service's settings accept; given ones win."""
    return {
        "database_url": "postgresql+psycopg://nobody@127.0.0.1:1/huiyin",
        "nats_url": "nats://127.0.0.1:1",
        "http_port": 0,
        "public_url": "http://127.0.0.1:8080",
        "jwks_url": "http://127.0.0.1:1/jwks.json",
        "issuer": ISSUER,
        "secrets_dir": Path("unused"),
    } | values


def settings(**values: Any) -> CommonSettings:
    """Settings of a service."""
    return CommonSettings(**settings_values(**values))


def client(app: Starlette, *, address: str = "203.0.113.9") -> httpx.AsyncClient:
    """Calls an application without a network; requests seem to come from `address`."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 40000)), base_url="http://test")
