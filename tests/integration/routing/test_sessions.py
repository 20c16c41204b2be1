"""Signing in: tokens, growing delays, no way to tell which names exist (ASVS 5, chapters 6 and 9), rotation of keys."""

import asyncio
import stat
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from pwdlib import PasswordHash
from sqlalchemy import text

from services.routing.passwords import AT_ONCE
from services.routing.sign_in_failures import LONGEST_WAIT, wait_after
from services.routing.signing_keys import RETIRED_AFTER, KeyRing, NoSigningKey
from shared.clock import ManualClock
from tests.integration.routing.staff_support import Services, client_of, services_on, token_of
from tests.support.servers import StackDatabase

SESSIONS = "/api/routing/v1/sessions"
CADRE = "cadre-330182104228"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def services(stack_database: StackDatabase, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Services]:
    async with services_on(stack_database, tmp_path, clock=clock) as services:
        await services.seed()
        yield services


async def sign_in(client: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    return await client.post(SESSIONS, json={"username": username, "password": password})


async def audited(services: Services) -> list[tuple[str, str, str | None]]:
    async with services.staff.database.transaction() as session:
        rows = await session.execute(text("SELECT who, result, address FROM audit WHERE action = 'sign_in' ORDER BY at"))
        return [(row.who, row.result, row.address) for row in rows]


async def test_a_token_says_role_regions_and_units_and_lives_15_minutes(client: httpx.AsyncClient, services: Services) -> None:
    answer = await sign_in(client, CADRE, "huiyin-demo")
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert 0 < answer.json()["expires_in"] <= 900
    assert answer.headers["cache-control"] == "no-store"
    keys = jwt.PyJWKSet.from_dict((await client.get("/api/routing/v1/jwks.json")).json())
    token = answer.json()["access_token"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="huiyin", issuer=services.settings.issuer)
    assert claims["sub"] == CADRE
    assert claims["role"] == "cadre"
    assert claims["regions"] == ["330182104228"]
    assert claims["units"] == ["330182104228/village_committee"]
    assert claims["exp"] - claims["iat"] <= 900
    assert await audited(services) == [(CADRE, "ok", "198.51.100.7")]


async def test_the_public_keys_hold_no_private_part(client: httpx.AsyncClient) -> None:
    (key,) = (await client.get("/api/routing/v1/jwks.json")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_wrong_password_unknown_name_disabled_and_passwordless_read_the_same(client: httpx.AsyncClient, services: Services) -> None:
    async with services.staff.database.transaction() as session:
        await session.execute(text("UPDATE accounts SET active = false WHERE username = 'officer-330182104000'"))
        await session.execute(text("UPDATE accounts SET password_hash = NULL WHERE username = 'dispatcher-330182104000'"))
    tries = [(CADRE, "wrong"), ("nobody", "wrong"), ("officer-330182104000", "huiyin-demo"), ("dispatcher-330182104000", "huiyin-demo")]
    answers = [await sign_in(client, *pair) for pair in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["code"] for answer in answers} == {"credentials_invalid"}
    bodies = [{name: value for name, value in answer.json().items() if name != "instance"} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert [entry[:2] for entry in await audited(services)] == [
        (CADRE, "credentials_invalid"),
        ("anonymous", "credentials_invalid"),
        ("officer-330182104000", "credentials_invalid"),
        ("dispatcher-330182104000", "credentials_invalid"),
    ]


async def test_an_unknown_name_costs_a_password_check_too(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | bytes] = []
    real = PasswordHash.verify

    def noted(self: PasswordHash, password: str | bytes, hash: str | bytes) -> bool:
        verified.append(hash)
        return real(self, password, hash)

    monkeypatch.setattr(PasswordHash, "verify", noted)
    await sign_in(client, CADRE, "wrong")
    await sign_in(client, "nobody", "wrong")
    stored, nobodys = (str(used) for used in verified)
    assert stored != nobodys
    assert stored.split("$")[:4] == nobodys.split("$")[:4], "the same algorithm with the same costs"


async def test_each_failure_after_five_makes_the_account_wait_twice_as_long(
    client: httpx.AsyncClient, services: Services, clock: ManualClock
) -> None:
    for _ in range(5):
        assert (await sign_in(client, CADRE, "wrong")).status_code == 401
    waits: list[int] = []
    for _ in range(3):
        refused = await sign_in(client, CADRE, "huiyin-demo")
        assert refused.status_code == 429
        assert refused.json()["code"] == "sign_in_delayed"
        waits.append(int(refused.headers["retry-after"]))
        clock.advance(timedelta(seconds=waits[-1]))
        assert (await sign_in(client, CADRE, "wrong")).status_code == 401
    assert waits == [1, 2, 4]
    clock.advance(timedelta(seconds=8))
    assert (await sign_in(client, CADRE, "huiyin-demo")).status_code == 200
    again = [(await sign_in(client, CADRE, "wrong")).status_code for _ in range(5)]
    assert again == [401] * 5, "a success forgets the failures"
    assert [entry[1] for entry in await audited(services)].count("sign_in_delayed") == 3


async def test_the_public_password_of_a_demo_is_worth_nothing_once_the_demo_is_off(
    stack_database: StackDatabase, services: Services, tmp_path: Path
) -> None:
    async with services_on(stack_database, tmp_path, demo=False) as without, client_of(without) as client:
        assert (await sign_in(client, "admin", "huiyin-demo")).status_code == 401


async def test_an_unknown_name_is_made_to_wait_as_well(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await sign_in(client, "nobody", "wrong")
    assert (await sign_in(client, "nobody", "wrong")).status_code == 429
    assert (await sign_in(client, CADRE, "huiyin-demo")).status_code == 200, "others at the same address go on"


async def test_an_address_that_tries_many_names_has_to_wait(client: httpx.AsyncClient, services: Services, clock: ManualClock) -> None:
    await sign_in(client, "nobody", "wrong")
    async with services.staff.database.transaction() as session:
        await session.execute(text("UPDATE sign_in_failures SET failures = 100 WHERE source = 'address:198.51.100.7'"))
    await sign_in(client, "somebody", "wrong")
    refused = await sign_in(client, CADRE, "huiyin-demo")
    assert refused.status_code == 429
    clock.advance(timedelta(seconds=int(refused.headers["retry-after"])))
    assert (await sign_in(client, CADRE, "huiyin-demo")).status_code == 200


async def test_a_burst_of_guesses_does_not_overtake_the_count(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(sign_in(client, CADRE, "wrong") for _ in range(20)))
    refused = [answer.status_code for answer in answers]
    assert refused.count(401) <= 6
    assert refused.count(429) == 20 - refused.count(401)


async def test_old_failures_are_forgotten(client: httpx.AsyncClient, services: Services, clock: ManualClock) -> None:
    for _ in range(5):
        await sign_in(client, CADRE, "wrong")
    clock.advance(timedelta(minutes=31))
    assert (await sign_in(client, "nobody", "wrong")).status_code == 401
    async with services.staff.database.transaction() as session:
        sources = (await session.execute(text("SELECT failures FROM sign_in_failures"))).scalars().all()
    assert sources == [1, 1]


async def test_passwords_are_checked_off_the_loop_and_few_at_once(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lock = PasswordHash.verify, threading.Lock()
    threads: set[int] = set()
    now, most = 0, 0

    def watched(self: PasswordHash, password: str | bytes, hash: str | bytes) -> bool:
        nonlocal now, most
        with lock:
            threads.add(threading.get_ident())
            now += 1
            most = max(most, now)
        try:
            time.sleep(0.02)  # a check that costs something is worth overtaking
            return real(self, password, hash)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(PasswordHash, "verify", watched)
    names = [CADRE, "admin", "admin2", "operator", "auditor", "supervisor-330182000000", "officer-330182104000", "officer-330182000000"]
    answers = await asyncio.gather(*(sign_in(client, name, "huiyin-demo") for name in names))
    assert {answer.status_code for answer in answers} == {200}
    assert threading.get_ident() not in threads
    assert most <= AT_ONCE


async def test_other_bodies_are_refused(client: httpx.AsyncClient) -> None:
    bodies: list[dict[str, object]] = [
        {"username": CADRE},
        {"username": CADRE, "password": "huiyin-demo", "role": "admin"},
        {"username": CADRE, "password": "x" * 257},
        {"username": 7, "password": "x"},
        {"username": "a\u0000b", "password": "x"},
    ]
    for body in bodies:
        assert (await client.post(SESSIONS, json=body)).status_code == 422, body


async def test_after_a_rotation_old_tokens_count_until_they_end(client: httpx.AsyncClient, services: Services) -> None:
    before = await token_of(client, "admin")
    services.staff.keys.rotate()
    after = await token_of(client, "admin")
    assert jwt.get_unverified_header(before["Authorization"][7:])["kid"] != jwt.get_unverified_header(after["Authorization"][7:])["kid"]
    for header in (before, after):
        assert (await client.get("/api/routing/v1/directory/topics", headers=header)).status_code == 200
    assert len((await client.get("/api/routing/v1/jwks.json")).json()["keys"]) == 2


def test_keys_are_made_once_readable_by_their_owner_only_and_retire(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "jwt")
    with pytest.raises(NoSigningKey):
        ring.newest()
    ring.ensure()
    ring.ensure()
    first = ring.newest().kid
    (file,) = (tmp_path / "jwt").glob("*.pem")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = ring.rotate()
    now = datetime.now(UTC)
    assert [key["kid"] for key in ring.jwks(now)["keys"]] == [second, first]
    assert [key["kid"] for key in ring.jwks(now + RETIRED_AFTER)["keys"]] == [second]
    assert KeyRing(tmp_path / "jwt").newest().kid == second


async def test_a_key_id_with_a_path_in_it_is_no_key(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "jwt")
    ring.ensure()
    kid = ring.newest().kid
    (tmp_path / f"{kid}.pem").write_bytes((tmp_path / "jwt" / f"{kid}.pem").read_bytes())
    assert await ring.key(kid) is not None
    assert await ring.key(f"../{kid}") is None
    assert await ring.key(f"../jwt/{kid}") is None


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    assert [wait_after(failures, 5).total_seconds() for failures in (0, 4, 5, 6, 7, 14)] == [0, 0, 1, 2, 4, 512]
    assert wait_after(15, 5) == wait_after(10_000, 5) == LONGEST_WAIT
