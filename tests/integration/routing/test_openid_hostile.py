"""An OpenID provider that lies, fails or is away; and settings that would be unsafe."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr, ValidationError

from services.routing.settings import Settings
from tests.integration.routing.issue_support import Office, office
from tests.integration.routing.openid_support import CADRE, CALLBACK, back, query, refusal, sent_out, signed_out, told
from tests.support.openid.hostile import HostileProvider, hostile_provider
from tests.support.pages import Page
from tests.support.servers import StackDatabase

SECRET = "the secret of the client, long enough for HS256"
CLIENT: dict[str, Any] = {"oidc_client_id": "huiyin-web", "oidc_client_secret": SECRET, "oidc_subject_claim": "preferred_username"}
UNCONFIRMED, AWAY = "没能确认您的身份", "单位统一身份认证暂时没有回应"


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with hostile_provider() as provider:
        yield provider


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path, provider: HostileProvider) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC), oidc_issuer=provider.issuer, **CLIENT) as found:
        yield found


async def answered(here: Office, there: str, **further: str) -> httpx.Response:
    return await back(here, f"{CALLBACK}?{httpx.QueryParams({'code': 'x', 'state': query(there)['state'], **further})}")


async def said_of(here: Office, provider: HostileProvider, **changes: Any) -> str:
    """What the page says of an ID token with these claims."""
    there = await sent_out(here)
    provider.told = {
        "id_token": provider.signed(provider.claims(**({"nonce": query(there)["nonce"], "preferred_username": CADRE} | changes)))
    }
    return await refusal(here, await answered(here, there))


async def test_its_tokens_count_where_they_are_good(here: Office, provider: HostileProvider) -> None:
    """Otherwise the refusals below would prove nothing."""
    for changes in ({}, {"aud": ["huiyin-web", "another"], "azp": "huiyin-web"}, {"aud": ["huiyin-web"]}):
        there = await sent_out(here)
        claims = provider.claims(nonce=query(there)["nonce"], preferred_username=CADRE, **changes)
        provider.told = {"id_token": provider.signed(claims)}
        assert (await answered(here, there, iss=provider.issuer)).headers["location"] == "/work"
        here.client.cookies.clear()
    assert "code_verifier=" in provider.asked[0]


async def test_wrong_claims(here: Office, provider: HostileProvider) -> None:
    wrong: list[dict[str, Any]] = [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["huiyin-web", "another"]},
        {"azp": "another"},
        {"iss": "https://another.example"},
        {"iat": timedelta(minutes=-10), "exp": timedelta(minutes=-2)},
        {"exp": None},
        {"iat": timedelta(hours=1)},
        {"nbf": timedelta(hours=1)},
        {"sub": None},
    ]
    for changes in wrong:
        assert UNCONFIRMED in await said_of(here, provider, **changes), changes
    assert await told(here) == [("anonymous", "openid_unconfirmed", {"by": "openid"})] * len(wrong)


async def test_wrong_signatures(here: Office, provider: HostileProvider) -> None:
    def none(claims: dict[str, Any]) -> object:
        return jwt.encode(claims, "", algorithm="none", headers={"kid": "its-key"})

    def stripped(claims: dict[str, Any]) -> object:
        return provider.signed(claims).rpartition(".")[0] + "."

    def with_the_client_secret(claims: dict[str, Any]) -> object:
        return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": "its-key"})

    def with_the_public_key(claims: dict[str, Any]) -> object:
        return jwt.encode(claims, provider.public_key, algorithm="HS256", headers={"kid": "its-key"})

    def with_another_key(claims: dict[str, Any]) -> object:
        return jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": "its-key"})

    def of_an_unknown_key(claims: dict[str, Any]) -> object:
        return provider.signed(claims, kid="../its-key")

    def no_token(_: dict[str, Any]) -> object:
        return "x.y.z"

    def no_text(_: dict[str, Any]) -> object:
        return 7

    for made in (none, stripped, with_the_client_secret, with_the_public_key, with_another_key, of_an_unknown_key, no_token, no_text):
        there = await sent_out(here)
        provider.told = {"id_token": made(provider.claims(nonce=query(there)["nonce"], preferred_username=CADRE))}
        assert UNCONFIRMED in await refusal(here, await answered(here, there)), made.__name__


async def test_names_that_no_account_can_have(here: Office, provider: HostileProvider) -> None:
    for name in ("a\0b", "x" * 65, 7, ["admin"], "", None, "admin\u202e", " admin"):
        assert "您在回音里没有可用的账号" in await said_of(here, provider, preferred_username=name), name


async def test_ways_back_without_a_good_code(here: Office, provider: HostileProvider) -> None:
    for changes, said in (
        ({"iss": "https://another.example"}, UNCONFIRMED),
        ({"error": "access_denied", "code": ""}, "您在单位统一身份认证那里取消了登录"),
        ({"error": "invalid_scope", "code": ""}, UNCONFIRMED),
        ({"code": ""}, UNCONFIRMED),
    ):
        there = await sent_out(here)
        assert said in await refusal(here, await answered(here, there, **changes)), changes
    assert provider.asked == [], "no code is shown to anybody"


async def test_a_token_endpoint_that_fails(here: Office, provider: HostileProvider) -> None:
    answers: list[tuple[int, Any, str]] = [
        (500, {}, AWAY),
        (502, "<html>", AWAY),
        (200, "no JSON", AWAY),
        (200, [], UNCONFIRMED),
        (400, {"error": "invalid_grant", "id_token": "x"}, UNCONFIRMED),
    ]
    for status, answer, said in answers:
        there = await sent_out(here)
        provider.status, provider.told = status, answer
        assert said in await refusal(here, await answered(here, there)), answer


async def test_a_discovery_that_leads_astray(here: Office, provider: HostileProvider) -> None:
    good = dict(provider.document)
    for changes in (
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ):
        provider.document = good | changes
        answer = await here.client.get("/sign-in/openid?next=/sessions")
        assert query(answer.headers["location"]) == {"next": "/sessions", "refused": "openid_away"}, changes
    provider.document = good
    assert (await sent_out(here)).startswith(good["authorization_endpoint"]), "what was wrong is not remembered"


async def test_a_provider_that_is_away(stack_database: StackDatabase, tmp_path: Path) -> None:
    with hostile_provider() as gone:
        pass
    async with office(stack_database, tmp_path, datetime.now(UTC), oidc_issuer=gone.issuer, **CLIENT) as here:
        said = await refusal(here, await here.client.get("/sign-in/openid"))
        assert AWAY in said
        assert "用户名" in said, "a password still does"


async def test_who_only_begins_is_stopped(here: Office) -> None:
    answers = [(await here.client.get("/sign-in/openid")).status_code for _ in range(150)]
    assert set(answers[:120]) == {303}
    assert 429 in answers[120:]


@pytest.mark.parametrize("there", [None, 7, "http://elsewhere.example/end", "javascript:alert(1)", "data:text/html,x"])
async def test_without_a_good_place_to_sign_out_it_ends_here(here: Office, provider: HostileProvider, there: object) -> None:
    provider.document["end_session_endpoint"] = there
    asked = await sent_out(here)
    provider.told = {"id_token": provider.signed(provider.claims(nonce=query(asked)["nonce"], preferred_username=CADRE))}
    await answered(here, asked)
    answer = await signed_out(here)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "refresh" not in answer.headers


async def test_the_address_to_sign_out_at_ends_no_header(here: Office, provider: HostileProvider) -> None:
    provider.document["end_session_endpoint"] = f"{provider.issuer}/end;url=x\r\nSet-Cookie: a=b 回"
    asked = await sent_out(here)
    provider.told = {"id_token": provider.signed(provider.claims(nonce=query(asked)["nonce"], preferred_username=CADRE))}
    await answered(here, asked)
    answer = await signed_out(here)
    assert answer.headers["refresh"].startswith(f"0;url={provider.issuer}/end%3Burl=x%0D%0ASet-Cookie:%20a=b%20%E5%9B%9E?id_token_hint=")


async def test_without_settings_there_is_nothing(stack_database: StackDatabase, tmp_path: Path) -> None:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as here:
        page = Page(await here.client.get("/sign-in?refused=openid_denied"))
        assert not [link for link in page.links if link.startswith("/sign-in/openid")]
        assert "取消了登录" not in page.text
        for path in ("/sign-in/openid", "/sign-in/openid/callback?state=x&code=y"):
            assert (await here.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"oidc_issuer": None}, "OIDC_ISSUER"),
        ({"oidc_issuer": "http://provider.example"}, "https"),
        ({"oidc_issuer": "http://localhost.evil.example"}, "https"),
        ({"oidc_client_id": "huiyin"}, "AUDIENCE"),
        ({"oidc_scopes": "profile"}, "openid"),
    ],
    ids=str,
)
def test_unsafe_settings_are_refused_and_tell_no_secret(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    secret: dict[str, Any] = {"database_url": "postgresql://x:hush-hush@h/x", "nats_url": "nats://hush-hush", "secrets_dir": tmp_path}
    rest = {"http_port": 0, "public_url": "http://h", "jwks_url": "http://h", "issuer": "http://h"}
    provider = {"oidc_issuer": "https://provider.example", "oidc_client_id": "web", "oidc_client_secret": "hush-hush"}
    with pytest.raises(ValidationError, match=said) as refused:
        Settings.model_validate(secret | rest | provider | changes)
    assert "hush" not in str(refused.value)
    known = Settings.model_validate(secret | rest | provider)
    assert known.oidc_client_secret == SecretStr("hush-hush")
    assert "hush" not in repr(known)
