"""Tokens that prove nothing are refused (security.md, tokens; RFC 8725)."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.security.keys import FetchedKeys, KeysUnavailable, StaticKeys, fetch_discovered
from shared.security.tokens import EXTERNAL_ALGORITHMS, InvalidToken, Issuer, SigningKey, TokenVerifier, claims_reader, sign
from shared.security.trusted import token_verifier
from tests.support.platform import AUDIENCE, ISSUER, KEY, TOWNSHIP, VILLAGE, principal, settings, verifier

CADRE = principal("cadre", VILLAGE, units=(f"{VILLAGE}/village_committee",))


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims of this very second, with changes: a timedelta counts from now, None leaves the claim out."""
    now = int(datetime.now(UTC).timestamp())
    full = {
        "sub": "cadre-x",
        "name": "x",
        "role": "cadre",
        "regions": [VILLAGE],
        "units": [],
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "jti": "1",
    } | changes
    instants = {name: now + int(value.total_seconds()) for name, value in full.items() if isinstance(value, timedelta)}
    return {name: value for name, value in (full | instants).items() if value is not None}


def made(changes: Mapping[str, Any] | None = None, *, key: Any = KEY.private, algorithm: str = "EdDSA", kid: Any = KEY.kid) -> str:
    return jwt.encode(claims(**(changes or {})), key, algorithm=algorithm, headers={"kid": kid} if kid is not None else {})


def by_hand(algorithm: str, signed: Callable[[bytes], bytes], **changes: Any) -> str:
    """A token that no library would make."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": algorithm, "kid": KEY.kid}, claims(**changes))
    ]
    return b".".join([*parts, base64.urlsafe_b64encode(signed(b".".join(parts))).rstrip(b"=")]).decode()


async def refused(token: str) -> bool:
    try:
        await verifier().verify(token)
    except InvalidToken:
        return True
    return False


async def test_a_signed_token_names_its_bearer() -> None:
    token = sign(CADRE, KEY, issuer=ISSUER, audience=AUDIENCE, now=datetime.now(UTC))
    assert await verifier().verify(token) == CADRE


async def test_tokens_as_made_here_are_accepted() -> None:
    assert (await verifier().verify(made())).subject == "cadre-x"
    assert (await verifier().verify(by_hand("EdDSA", KEY.private.sign))).subject == "cadre-x"


def test_a_token_lives_at_most_15_minutes() -> None:
    with pytest.raises(ValueError, match="15 minutes"):
        sign(CADRE, KEY, issuer=ISSUER, audience=AUDIENCE, now=datetime.now(UTC), lifetime=timedelta(minutes=16))


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "http://elsewhere/api/routing"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": None},
        {"exp": seconds(-60), "iat": seconds(-600)},
        {"exp": None},
        {"exp": "never"},
        {"nbf": seconds(60)},
        {"nbf": None},
        {"jti": None},
        {"iat": None},
        {"exp": seconds(1000)},
        {"iat": seconds(-600), "exp": seconds(600)},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"role": "root"},
        {"role": None},
        {"role": ["cadre"]},
        {"regions": "330182104001"},
        {"regions": ["3301"]},
        {"regions": ["%"]},
        {"regions": [330182104001]},
        {"units": "x"},
    ],
    ids=str,
)
async def test_wrong_claims(changes: dict[str, Any]) -> None:
    assert await refused(by_hand("EdDSA", KEY.private.sign, **changes))


async def test_alg_none() -> None:
    assert await refused(by_hand("none", lambda _: b""))
    head, body, _ = made().split(".")
    assert await refused(f"{head}.{body}.")


async def test_hs256_signed_with_the_public_key() -> None:
    raw = KEY.private.public_key().public_bytes_raw()
    pem = KEY.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (raw, pem, KEY.public_jwk()["x"].encode()):
        assert await refused(by_hand("HS256", partial(hmac.digest, secret, digest="sha256")))


@pytest.mark.parametrize("kid", ["../../etc/passwd", "http://evil.example/jwks.json", "test-key\x00", "TEST-KEY", "", None])
async def test_a_key_id_is_compared_as_it_stands(kid: str | None) -> None:
    assert await refused(made(kid=kid))


async def test_another_key_and_another_algorithm() -> None:
    assert await refused(made(key=Ed25519PrivateKey.generate()))
    assert await refused(made(key=rsa.generate_private_key(65537, 2048), algorithm="RS256"))
    assert await refused(made(key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"))


async def test_our_own_tokens_are_signed_by_eddsa_only_even_with_another_key_in_the_set() -> None:
    private = rsa.generate_private_key(65537, 2048)
    jwk = jwt.get_algorithm_by_name("RS256").to_jwk(private.public_key(), as_dict=True) | {"kid": "rsa"}
    async with httpx.AsyncClient() as http:
        trusted = token_verifier(settings(), http, own_keys=StaticKeys([jwk]))
        with pytest.raises(InvalidToken, match="not accepted"):
            await trusted.verify(made(key=private, algorithm="RS256", kid="rsa"))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "é.é.é", "e30.e30.e30"])
async def test_nonsense(token: str) -> None:
    assert await refused(token)


class Counted:
    """A JWK set on a server that can be away."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.fetches = 0
        self.away = False

    async def __call__(self) -> dict[str, Any]:
        self.fetches += 1
        if self.away:
            raise httpx.ConnectError("away")
        return {"keys": self.keys}


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def test_keys_are_fetched_once_and_again_for_an_unknown_id_but_not_often() -> None:
    fetch, watch = Counted(KEY.public_jwk()), Stopwatch()
    keys = FetchedKeys(fetch, monotonic=watch)
    assert await keys.key("test-key") is not None
    assert await keys.key("test-key") is not None
    for number in range(100):
        assert await keys.key(f"made-up-{number}") is None
    assert fetch.fetches == 1
    fetch.keys.append(SigningKey("next", Ed25519PrivateKey.generate()).public_jwk())
    watch.seconds += 6
    assert await keys.key("next") is not None
    assert fetch.fetches == 2


async def test_a_withdrawn_key_stops_counting() -> None:
    fetch, watch = Counted(KEY.public_jwk()), Stopwatch()
    keys = FetchedKeys(fetch, monotonic=watch)
    await keys.key("test-key")
    fetch.keys.clear()
    watch.seconds += 601
    assert await keys.key("test-key") is None


async def test_known_keys_outlive_an_outage_of_their_server() -> None:
    fetch, watch = Counted(KEY.public_jwk()), Stopwatch()
    keys = FetchedKeys(fetch, monotonic=watch)
    fetch.away = True
    with pytest.raises(KeysUnavailable):
        await keys.key("test-key")
    fetch.away = False
    watch.seconds += 6
    assert await keys.key("test-key") is not None
    fetch.away = True
    watch.seconds += 601
    assert await keys.key("test-key") is not None


PROVIDER = "https://sso.example.gov.cn/realms/city"


def provider(jwks: list[dict[str, Any]], *, named: str = PROVIDER) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/.well-known/openid-configuration"):
            return httpx.Response(200, json={"issuer": named, "jwks_uri": f"{PROVIDER}/certs"})
        return httpx.Response(200, json={"keys": jwks})

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
async def test_tokens_of_an_external_provider_count(private: Any, algorithm: str) -> None:
    jwk = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True) | {"kid": "a/b"}
    configured = settings(oidc_issuer=PROVIDER, oidc_role_claim="huiyin_role")
    async with provider([jwk]) as http:
        trusted = token_verifier(configured, http)
        token = made(
            {"iss": PROVIDER, "role": None, "huiyin_role": "officer", "regions": [TOWNSHIP], "nbf": None},
            key=private,
            algorithm=algorithm,
            kid="a/b",
        )
        found = await trusted.verify(token)
        assert (found.role, found.regions) == ("officer", (TOWNSHIP,))
        with pytest.raises(InvalidToken):
            await trusted.verify(made({"iss": PROVIDER, "nbf": None}, key=private, algorithm=algorithm, kid="a/b"))


async def test_a_key_of_the_provider_signs_no_token_of_ours() -> None:
    private = Ed25519PrivateKey.generate()
    theirs = FetchedKeys(Counted(SigningKey("theirs", private).public_jwk()))
    ours = FetchedKeys(Counted(KEY.public_jwk()))
    both = TokenVerifier(
        [Issuer(ISSUER, ours, frozenset({"EdDSA"}), claims_reader()), Issuer(PROVIDER, theirs, EXTERNAL_ALGORITHMS, claims_reader())],
        audience=AUDIENCE,
    )
    assert (await both.verify(made({"iss": PROVIDER}, key=private, kid="theirs"))).role == "cadre"
    with pytest.raises(InvalidToken):
        await both.verify(made(key=private, kid="theirs"))


async def test_a_discovery_document_of_another_issuer_is_not_believed() -> None:
    async with provider([KEY.public_jwk()], named="https://evil.example") as http:
        with pytest.raises(KeysUnavailable):
            await FetchedKeys(fetch_discovered(http, PROVIDER)).key(KEY.kid)


async def test_secret_keys_in_a_set_are_left_out() -> None:
    symmetric = {"kty": "oct", "k": "c2VjcmV0", "kid": "hs", "alg": "HS256"}
    keys = FetchedKeys(Counted(symmetric, {"kty": "OKP", "crv": "X448", "kid": "odd"}, KEY.public_jwk()))
    assert await keys.key("hs") is None
    assert await keys.key("odd") is None
    assert await keys.key(KEY.kid) is not None
