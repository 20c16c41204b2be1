"""Idempotency keys on a real Postgres: one effect, whatever repeats it (invariant I1; security.md, idempotency)."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import text
from starlette.requests import Request

from shared import idempotency
from shared.database import Database
from shared.idempotency import Answer, Claim
from shared.problems import Problem

ANSWER = Answer(201, {"issue_id": "i-1", "tracking_url": "http://x/t"}, {"Location": "/api/intake/v1/issues/i-1"})


def claim(*, caller: str = "staff:cadre-1", key: str = "k-1", fingerprint: str = "f") -> Claim:
    return Claim(caller, key, fingerprint)


async def raise_once(database: Database, claimed: Claim | None, *, answer: Answer = ANSWER) -> tuple[int, bytes, bool]:
    async with database.transaction() as session:

        async def work() -> Answer:
            await session.execute(text("INSERT INTO effects VALUES ('raised')"))
            return answer

        response = await idempotency.once(session, claimed, work, issue_id="i-1")
    return response.status_code, bytes(response.body), response.headers.get("Idempotency-Replayed") == "true"


async def effects(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.execute(text("SELECT count(*) FROM effects"))).scalar_one()


async def refusal(database: Database, claimed: Claim) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        await raise_once(database, claimed)
    return refused.value.status, refused.value.code


async def test_the_same_request_gets_the_first_answer_again(database: Database) -> None:
    first = await raise_once(database, claim())
    again = await raise_once(database, claim())
    assert first[:2] == again[:2]
    assert (first[2], again[2]) == (False, True)
    assert await effects(database) == 1


async def test_headers_are_replayed(database: Database) -> None:
    await raise_once(database, claim())
    async with database.transaction() as session:
        stored = await idempotency.replay(session, claim())
    assert stored is not None
    assert stored.response().headers["Location"] == "/api/intake/v1/issues/i-1"


async def test_another_body_is_refused(database: Database) -> None:
    await raise_once(database, claim())
    assert await refusal(database, claim(fingerprint="other")) == (422, "idempotency_key_reused")
    assert await effects(database) == 1


async def test_another_callers_key_never_replays(database: Database) -> None:
    await raise_once(database, claim())
    assert (await raise_once(database, claim(caller="staff:cadre-2")))[2] is False
    assert await effects(database) == 2


async def test_without_a_key_every_request_counts(database: Database) -> None:
    await raise_once(database, None)
    await raise_once(database, None)
    assert await effects(database) == 2


async def test_a_failed_transaction_leaves_the_key_free(database: Database) -> None:
    with suppress(ConnectionAbortedError):
        async with database.transaction() as session:
            assert await idempotency.replay(session, claim()) is None
            await idempotency.remember(session, claim(), ANSWER)
            raise ConnectionAbortedError
    assert (await raise_once(database, claim()))[2] is False


async def test_server_errors_are_never_kept(database: Database) -> None:
    await raise_once(database, claim(), answer=Answer(503, {}))
    assert (await raise_once(database, claim()))[:1] == (201,)


async def test_while_one_is_in_flight_another_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        assert await idempotency.replay(session, claim()) is None
        assert await refusal(database, claim()) == (409, "idempotency_in_flight")
        assert (await raise_once(database, claim(key="k-2")))[0] == 201


async def test_50_at_once_with_one_key_have_one_effect(database: Database) -> None:
    results = await asyncio.gather(*(raise_once(database, claim()) for _ in range(50)), return_exceptions=True)
    answered = [result for result in results if isinstance(result, tuple)]
    refused = [result for result in results if isinstance(result, Problem)]
    assert len(answered) + len(refused) == 50
    assert {problem.code for problem in refused} <= {"idempotency_in_flight"}
    assert {(status, body) for status, body, _ in answered} == {answered[0][:2]}
    assert sum(not replayed for _, _, replayed in answered) == 1
    assert await effects(database) == 1


async def age(database: Database, hours: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"UPDATE idempotency_keys SET created_at = clock_timestamp() - interval '{hours}'"))


async def test_answers_are_kept_24_hours(database: Database) -> None:
    await raise_once(database, claim())
    await age(database, "23 hours 59 minutes")
    assert (await raise_once(database, claim(fingerprint="f")))[2] is True
    await age(database, "24 hours 1 minute")
    assert (await raise_once(database, claim(fingerprint="other")))[2] is False
    assert await effects(database) == 2


async def test_purge_and_forget(database: Database) -> None:
    await raise_once(database, claim())
    await age(database, "25 hours")
    await raise_once(database, claim(key="k-2"))
    async with database.transaction() as session:
        assert await idempotency.purge_expired(session) == 1
        assert await idempotency.forget(session, "i-2") == 0
        assert await idempotency.forget(session, "i-1") == 1


def request(*, key: str | None, body: bytes = b"{}", path: str = "/v1/issues", method: str = "POST") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"idempotency-key", key.encode("latin-1"))] if key is not None else []
    return Request({"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}, receive)


async def test_the_fingerprint_covers_method_path_and_body() -> None:
    requests = [
        request(key="k"),
        request(key="k", body=b"[]"),
        request(key="k", path="/v1/x"),
        request(key="k", method="PUT"),
        request(key="k"),
    ]
    found = [await idempotency.claim(each, "c") for each in requests]
    assert found[0] == found[4]
    assert len({each.fingerprint for each in found if each}) == 4


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "ключ".encode().decode("latin-1")])
async def test_malformed_keys(key: str) -> None:
    with pytest.raises(Problem) as refused:
        await idempotency.claim(request(key=key), "c")
    assert (refused.value.status, refused.value.code) == (400, "idempotency_key_invalid")


async def test_a_missing_key() -> None:
    assert await idempotency.claim(request(key=None), "c") is None
    with pytest.raises(Problem) as refused:
        await idempotency.claim(request(key=None), "c", required=True)
    assert (refused.value.status, refused.value.code) == (400, "idempotency_key_required")


def test_a_callers_address_is_not_kept() -> None:
    caller = idempotency.caller_of(None, "203.0.113.9", b"secret")
    assert "203" not in caller.partition(":")[0]
    assert caller != idempotency.caller_of(None, "203.0.113.10", b"secret")
    assert caller != idempotency.caller_of(None, "203.0.113.9", b"other")
