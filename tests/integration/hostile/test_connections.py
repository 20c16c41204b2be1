"""Slow, endless and malformed requests on intake's own socket: each is ended, and nobody else waits for it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from shared.web import bodies, connection
from tests.integration.hostile.conftest import Served
from tests.integration.hostile.county import key
from tests.integration.hostile.raw import Raw, connected, head, status_of
from tests.support.raising import issue_body
from tests.support.waiting import eventually

ISSUES = "/api/intake/v1/issues"
LIVE = "/api/intake/health/live"
CROWD = 40
"""Slow clients: more than the requests that work at once."""
CUT_OFF = 0
"""No status: the end of the connection overtook the answer."""
JSON = "Content-Type: application/json"


@pytest.fixture
def url(served: Served) -> str:
    return served.urls["intake"]


async def raise_and_read(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        for _ in range(5):
            assert (await http.post(ISSUES, json=issue_body(), headers=key())).status_code == 201
            assert (await http.get(LIVE)).status_code == 200


async def test_slow_heads_are_ended_and_keep_nobody_waiting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_PATIENCE", 2.0)
    async with connected(url, CROWD) as slow:
        for each in slow:
            await each.send(b"POST /api/intake/v1/issues HTTP/1.1\r\nHost: te")
        await raise_and_read(url)
        assert {status_of(answer) for answer in await asyncio.gather(*(each.end() for each in slow))} == {408}


async def test_who_says_nothing_is_let_go(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_PATIENCE", 0.2)
    async with connected(url) as (silent,):
        assert await silent.end() == b""


async def test_slow_bodies_keep_nobody_waiting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 600.0)
    async with connected(url, CROWD) as slow:
        for each in slow:
            await each.send(head(ISSUES, JSON, "Content-Length: 1000") + b"{")
        ended = [asyncio.create_task(each.end()) for each in slow]
        await raise_and_read(url)
        assert not any(task.done() for task in ended), "they were let go before anybody could have been kept waiting"
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


async def test_a_byte_now_and_then_wins_no_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.5)
    async with connected(url) as (slow,):
        await slow.send(head(ISSUES, JSON, "Content-Length: 60000"))
        began = time.monotonic()
        answer = asyncio.create_task(slow.end())
        while not answer.done():
            await slow.send(b" ")
            await asyncio.wait([answer], timeout=0.05)
            assert time.monotonic() - began < 20
        assert status_of(answer.result()) == 408


async def test_who_stops_reading_is_let_go(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READER_PATIENCE", 0.5)
    gone = threading.Event()

    async def endless(request: Request) -> StreamingResponse:
        return StreamingResponse(_zeros(gone))

    url = f"http://127.0.0.1:{served.loop.serve(Starlette(routes=[Route('/', endless)]))}"
    async with connected(url) as (idle,):
        await idle.send(head("/", method="GET"))
        await eventually(gone.is_set, seconds=30)


async def _zeros(gone: threading.Event) -> AsyncIterator[bytes]:
    try:
        while True:
            await asyncio.sleep(0)  # as a real source does, it lets the others of its loop have their turn
            yield b"0" * 65536
            # As a stream out of a database does; one that never waits would never hear that its reader has gone.
            await asyncio.sleep(0)
    finally:
        gone.set()


@pytest.mark.parametrize(
    "flood",
    [
        head(LIVE, *(f"X-{number}: x" for number in range(150)), method="GET"),
        head(LIVE, "X-Long: " + "x" * 40_000, method="GET"),
        head(LIVE + "?" + "x" * 40_000, method="GET"),
        head(LIVE, *(f"X-{number}: {'x' * 1000}" for number in range(50)), method="GET"),
        b"GET /" + b"x" * 40_000,
    ],
    ids=["many fields", "a long field", "a long address", "many long fields", "no end"],
)
async def test_a_head_has_a_limit(url: str, flood: bytes) -> None:
    async with connected(url, 2) as (at_once, in_pieces):
        await at_once.send(flood)
        assert status_of(await at_once.end()) == 431
        assert await _piecewise(in_pieces, flood) in (431, CUT_OFF)


async def _piecewise(connection: Raw, content: bytes) -> int:
    for start in range(0, len(content), 1000):
        if connection.writer.is_closing():
            break
        try:
            await connection.send(content[start : start + 1000])
        except ConnectionError:
            break
    return status_of(await connection.end())


async def test_an_ordinary_head_passes(url: str) -> None:
    async with connected(url) as (usual,):
        await usual.send(head(LIVE, *(f"X-{number}: {'x' * 200}" for number in range(60)), "Connection: close", method="GET"))
        assert status_of(await usual.end()) == 200


async def test_an_endless_body_is_cut_off(url: str) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    async with connected(url) as (endless,):
        await endless.send(head(ISSUES, JSON, "Transfer-Encoding: chunked"))
        answer = asyncio.create_task(endless.end())
        sent = 0
        while not answer.done():
            try:
                await endless.send(chunk)
            except ConnectionError:
                break
            sent += 1
            assert sent < 2_000, "32 MB were taken in"
        assert status_of(await answer) in (413, CUT_OFF)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "identity, gzip", "x"])
async def test_encoded_bodies_are_not_unpacked(url: str, encoding: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for path in (ISSUES, "/api/intake/v1/attachments", "/api/intake/v1/lookup"):
            answer = await http.post(path, content=b"\x1f\x8b" + b"\0" * 100, headers={"Content-Encoding": encoding} | key())
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"G\x00T / HTTP/1.1\r\n\r\n",
        "GET /路 HTTP/1.1\r\nHost: test\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\nHost: test\r\nBad\x00Name: x\r\n\r\n",
        head(ISSUES, "Content-Length: -1"),
        head(ISSUES, "Content-Length: 5", "Content-Length: 6"),
        head(ISSUES, "Content-Length: 5", "Transfer-Encoding: chunked"),
        head(ISSUES, "Content-Length: " + "9" * 5000),
        head(ISSUES, JSON, "Transfer-Encoding: chunked") + b"xyz\r\n",
    ],
    ids=str,
)
async def test_what_is_no_http_is_refused(url: str, nonsense: bytes) -> None:
    async with connected(url) as (strange,):
        await strange.send(nonsense)
        answer = await strange.end()
    assert status_of(answer) == 400
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "field",
    [
        b"Authorization: Bearer \xff\xfe.\xff.\xff",
        b"Authorization: Bearer e30.e30.e30",
        b"Authorization: \xe8\xb7\xaf",
        b"Accept-Language: en;q=nan, zh;q=inf;q=1e999, \xff",
        b"Accept: \xff\xff",
        b"Cookie: \xff=\xff; a; ;;=",
        b"X-Forwarded-For: \xff, ::ffff:999.1.1.1",
        b"X-Huiyin-Gateway: \xff",
        b"traceparent: 00-zz-\xff-01",
        b"baggage: \xff=\xff",
        b"Idempotency-Key: \xff",
        b"Content-Type: application/json; charset=\xff",
        b"Content-Type: multipart/form-data; boundary=\xff",
        b"Expect: 200-maybe",
        b"Upgrade: websocket\r\nConnection: Upgrade",
    ],
    ids=str,
)
async def test_strange_fields_break_nothing(url: str, field: bytes) -> None:
    bodyless = field if field.startswith(b"Idempotency-Key") else field + b"\r\nIdempotency-Key: a-key"
    for path in (ISSUES, "/api/intake/v1/attachments"):
        async with connected(url) as (strange,):
            await strange.send(
                b"POST %b HTTP/1.1\r\nHost: test\r\n%b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}" % (path.encode(), bodyless)
            )
            assert 400 <= status_of(await strange.end()) < 500


@pytest.mark.parametrize(
    "path", ["/api/intake/v1/public/%00/rating", "/api/intake/v1/public/%ff%fe/rating", "/%00", "/api/intake/v1/%2e%2e/x"]
)
async def test_strange_paths_are_not_found(url: str, path: str) -> None:
    async with connected(url) as (strange,):
        await strange.send(head(path, JSON, "Content-Length: 2", "Connection: close") + b"{}")
        assert status_of(await strange.end()) == 404


@pytest.mark.parametrize(
    ("service", "address"),
    [
        ("intake", "issues/a%00b/statement"),
        ("intake", "attachments/a%00b"),
        ("routing", "issues/a%00b/deadline"),
        ("routing", "worklist?cursor=a%00b"),
        ("tracking", "issues/a%00b"),
        ("tracking", "issues?q=a%00b"),
        ("tracking", "public/a%00b"),
        ("notify", "notices?issue_id=a%00b"),
    ],
)
async def test_no_name_holds_a_nul(service: str, address: str, served: Served) -> None:
    supervisor = {"Authorization": f"Bearer {served.county.everybody()['supervisor']}"}
    async with httpx.AsyncClient(base_url=served.urls[service], trust_env=False, timeout=30) as http:
        answer = await http.get(f"/api/{service}/v1/{address}", headers=supervisor)
    assert answer.status_code == (422 if "?" in address else 404)


@pytest.mark.parametrize(
    "document",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"narrative":"' + b"\\ud800" * 9_000 + b'"}',
        b"{" + b",".join(b'"k%d":0' % number for number in range(6_000)) + b"}",
        b'{"priority":' + b"9" * 60_000 + b"}",
        b'{"location":{"lat":1e999999,"lon":-1e999999}}',
        b'{"labels":[' + b",".join([b'""'] * 15_000) + b"]}",
        b'{"title":"' + b"\xed\xa0\x80" * 10 + b'"}',
    ],
    ids=[
        "nested lists",
        "nested objects",
        "lone surrogates",
        "many keys",
        "a huge number",
        "infinity",
        "many elements",
        "surrogates in bytes",
    ],
)
async def test_monstrous_documents_are_refused_soon_and_shortly(url: str, document: bytes) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        answer = await http.post(ISSUES, content=document, headers={"Content-Type": "application/json"} | key())
    assert answer.status_code == 422
    assert len(answer.content) < 64 * 1024, "the refusal is longer than what was refused"


async def test_more_connections_than_can_be_carried_are_told_to_come_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS", 20)
    async with connected(url, CROWD) as crowd:
        told = await asyncio.gather(*(each.end() for each in crowd[30:]))
        assert {status_of(answer) for answer in told} == {503}
        assert all(b"retry-after: " in answer.lower() for answer in told)
    async with connected(url) as (later,):
        await later.send(head(LIVE, "Connection: close", method="GET"))
        assert status_of(await later.end()) in (200, 503)
