"""Every service refuses tokens that prove nothing (security.md, tokens); what they hold is tried in `tests/unit/shared/test_tokens.py`."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.ids import new_id
from shared.security.tokens import SigningKey
from tests.integration.hostile.conftest import Served
from tests.integration.hostile.county import SERVICES
from tests.support.life import COUNTY

ASKS = {
    "intake": f"/api/intake/v1/issues/{new_id()}/statement",
    "routing": "/api/routing/v1/worklist",
    "tracking": "/api/tracking/v1/issues",
    "notify": f"/api/notify/v1/notices?issue_id={new_id()}",
}
"""What a supervisor may ask of each service: 200, or 404 as there is no such issue."""
OTHER_KEY = Ed25519PrivateKey.generate()


def encoded(part: object) -> bytes:
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=")


def token(key: SigningKey, issuer: str, *, algorithm: str = "EdDSA", signs: Callable[[bytes], bytes] | None = None, **changes: Any) -> str:
    """A supervisor's token, signed by hand, with changes to its header's `kid` and to its claims; None leaves one out."""
    now = int(datetime.now(UTC).timestamp())
    kid = changes.pop("kid", key.kid)
    claims = {
        "sub": f"supervisor-{COUNTY}",
        "name": "x",
        "role": "supervisor",
        "regions": [COUNTY],
        "units": [],
        "iss": issuer,
        "aud": "huiyin",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": new_id(),
    } | changes
    claims = {name: now + value if name in ("iat", "nbf", "exp") and value in SHIFTS else value for name, value in claims.items()}
    signed = encoded({"alg": algorithm, "typ": "JWT", "kid": kid}) + b"." + encoded({k: v for k, v in claims.items() if v is not None})
    return (signed + b"." + encoded((signs or key.private.sign)(signed))).decode()


SHIFTS = (-3600, -1200, 3600, 86_400)
"""Seconds from now, where a claim is one of these."""


def forged(key: SigningKey, issuer: str) -> dict[str, str]:
    """Tokens by what is wrong with them."""
    public = key.private.public_key().public_bytes_raw()
    good = token(key, issuer)
    payload, signature = good.rpartition(".")[::2]
    return {
        "alg none": token(key, issuer, algorithm="none", signs=lambda _: b""),
        "no signature": f"{payload}.",
        "HS256 with the public key": token(key, issuer, algorithm="HS256", signs=lambda signed: hmac.digest(public, signed, "sha256")),
        "another key": token(key, issuer, signs=OTHER_KEY.sign),
        "a key id with a path": token(key, issuer, kid="../../../../dev/null"),
        "a key id with an address": token(key, issuer, kid="http://127.0.0.1:1/jwks.json"),
        "no key id": token(key, issuer, kid=None),
        "another issuer": token(key, "http://evil.example/api/routing"),
        "no issuer": token(key, issuer, iss=None),
        "another audience": token(key, issuer, aud="another"),
        "no audience": token(key, issuer, aud=None),
        "expired": token(key, issuer, iat=-3600, nbf=-3600, exp=-1200),
        "not yet valid": token(key, issuer, nbf=3600),
        "no end": token(key, issuer, exp=None),
        "too long a life": token(key, issuer, exp=86_400),
        "an altered claim": f"{payload.replace('.', '.', 1)[:-2]}AA.{signature}",
        "no role": token(key, issuer, role="root"),
        "nonsense": "a.b.c",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_token_that_proves_nothing_opens_nothing(service: str, served: Served) -> None:
    routing = served.county.routing
    key, issuer = routing.staff.keys.newest(), routing.settings.issuer
    with httpx.Client(base_url=served.urls[service], trust_env=False, timeout=30) as http:

        def asked(bearer: str) -> httpx.Response:
            return http.get(ASKS[service], headers={"Authorization": f"Bearer {bearer}"})

        assert asked(token(key, issuer)).status_code in (200, 404), "tokens as made here are good"
        for wrong, bearer in forged(key, issuer).items():
            answer = asked(bearer)
            assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid"), wrong
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
