"""What every service answers alike: problems, headers, limits, health, the OpenAPI document."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import AwareDatetime, Field
from pydantic_core import PydanticCustomError

from shared.problems import Problem
from shared.security.dependencies import Caller, ClientAddress, Staff
from shared.web.app import MAX_JSON, create_app
from shared.web.openapi import COMMAND_PROBLEMS
from shared.web.requests import RequestModel, body_of, etag, expected_version, parse
from tests.support.platform import VILLAGE, bearer, client, principal, settings, verifier

CADRE = bearer(principal("cadre", VILLAGE))
EN = {"Accept-Language": "en"}
POST = "/api/tracking/v1/things"


class Part(RequestModel):
    name: str


class Thing(RequestModel):
    title: Annotated[str, Field(min_length=1, max_length=5)]
    kind: Literal["a", "b"] = "a"
    count: Annotated[int, Field(ge=1)] = 1
    flag: bool = False
    at: AwareDatetime | None = None
    weight: float = 1.0
    parts: Annotated[tuple[Part, ...], Field(max_length=2)] = ()


class Empty(RequestModel):
    """`{}`."""


router = APIRouter(prefix="/v1")


@router.post("/things", responses=COMMAND_PROBLEMS, openapi_extra=body_of(Thing))
async def make(request: Request, principal: Caller) -> Response:
    thing = await parse(Thing, request)
    return Response(thing.model_dump_json(), media_type="application/json")


@router.post("/things/{thing_id}/touch", openapi_extra=body_of(Empty))
async def touch(thing_id: int, request: Request, principal: Staff, page: int = 1) -> dict[str, object]:
    await parse(Empty, request)
    return {"expected": expected_version(request)}


@router.post("/upload")
async def upload(request: Request) -> int:
    return len(await request.body())


@router.get("/where")
async def where(address: ClientAddress) -> str:
    return address


@router.get("/cached")
async def cached() -> Response:
    return Response(headers={"Cache-Control": "max-age=60", "Content-Security-Policy": "default-src 'self'"})


@router.get("/crash")
async def crash() -> None:
    raise RuntimeError("the secret reason")


@router.get("/numbers")
async def numbers(limit: Annotated[int, Field(le=100)] = 10) -> int:
    return limit


internal = APIRouter(prefix="/internal/v1")


@internal.get("/ping")
async def ping() -> str:
    return "pong"


async def well() -> None:
    return


async def ill() -> None:
    raise ConnectionError("nats at 10.1.2.3")


def application(**options: Any) -> FastAPI:
    return create_app(
        "tracking",
        settings=settings(gateway_token="gate"),
        routers=[router, internal],
        verifier=verifier(),
        body_limits={"/api/tracking/v1/upload": 100},
        **options,
    )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(application()) as http:
        yield http


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["type"] == "urn:huiyin:problem:" + document["code"]
    return document


async def test_a_problem_in_both_languages(http: httpx.AsyncClient) -> None:
    zh, en = await http.get("/api/tracking/nowhere"), await http.get("/api/tracking/nowhere", headers=EN)
    assert (problem(zh)["title"], zh.headers["content-language"]) == ("未找到", "zh-CN")
    assert (problem(en)["title"], en.headers["content-language"]) == ("Not found", "en")
    assert en.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.5,zh-CN", "zh-CN"),
        ("fr", "zh-CN"),
        ("fr,en;q=0.2", "en"),
        ("*", "zh-CN"),
        ("en;q=nonsense", "zh-CN"),
        ("en;q=0", "zh-CN"),
    ],
)
async def test_the_callers_language(http: httpx.AsyncClient, accepted: str, language: str) -> None:
    assert (await http.get("/nowhere", headers={"Accept-Language": accepted})).headers["content-language"] == language


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"title": None}, "/title", "text_expected"),
    ({"title": 5}, "/title", "text_expected"),
    ({"title": ""}, "/title", "text_too_short"),
    ({"title": "123456"}, "/title", "text_too_long"),
    ({"title": "a\u0000b"}, "/title", "text_control"),
    ({"title": "a\u001b"}, "/title", "text_control"),
    ({"title": "a\u007f"}, "/title", "text_control"),
    ({"kind": "c"}, "/kind", "choice_expected"),
    ({"count": "1"}, "/count", "integer_expected"),
    ({"count": 1.5}, "/count", "integer_expected"),
    ({"count": True}, "/count", "integer_expected"),
    ({"count": 0}, "/count", "greater_than_equal"),
    ({"flag": 0}, "/flag", "boolean_expected"),
    ({"flag": "false"}, "/flag", "boolean_expected"),
    ({"at": "2026-11-22T08:30:00"}, "/at", "instant_expected"),
    ({"at": "yesterday"}, "/at", "instant_expected"),
    ({"at": 1795000000}, "/at", "instant_expected"),
    ({"weight": "1"}, "/weight", "number_expected"),
    ({"parts": {}}, "/parts", "list_expected"),
    ({"parts": [{"name": "x"}] * 3}, "/parts", "list_too_long"),
    ({"parts": [{}]}, "/parts/0/name", "missing"),
    ({"parts": [5]}, "/parts/0", "object_expected"),
    ({"state": "closed"}, "/state", "extra_forbidden"),
    ({"a/b~c": 1}, "/a~1b~0c", "extra_forbidden"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), WRONG, ids=str)
async def test_what_is_wrong_with_a_body(http: httpx.AsyncClient, change: dict[str, Any], pointer: str, code: str) -> None:
    for headers, language in ((EN, "en"), ({}, "zh")):
        answer = await http.post(POST, json={"title": "t"} | change, headers=headers)
        document = problem(answer)
        assert answer.status_code == 422
        assert [(error["pointer"], error["code"]) for error in document["errors"]] == [(pointer, code)]
        assert document["errors"][0]["detail"].isascii() == (language == "en")
        assert "{" not in document["errors"][0]["detail"]


async def test_every_error_is_told_at_once_and_nothing_is_echoed(http: httpx.AsyncClient) -> None:
    answer = await http.post(POST, json={"kind": "13812345678", "x": "13812345678"})
    assert {error["pointer"] for error in problem(answer)["errors"]} == {"/title", "/kind", "/x"}
    assert "1381" not in answer.text


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b'{"title": "\\ud800"}', b"\xff\xfe", b'{"title": NaN}', b"[]", b"null", b'"t"', b"\x00"]
)
async def test_bad_json(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post(POST, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_request")


async def test_deep_nesting_is_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post(POST, content=b'{"title":' + b"[" * 30_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", ""])
async def test_other_content_types(http: httpx.AsyncClient, content_type: str) -> None:
    answer = await http.post(POST, content=b'{"title": "t"}', headers={"Content-Type": content_type})
    assert (answer.status_code, problem(answer)["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"]
)
async def test_json_content_types(http: httpx.AsyncClient, content_type: str) -> None:
    body = '{"title": "事\\t项", "at": "2026-11-22T08:30:00+08:00", "weight": 2, "parts": [{"name": "x"}]}'.encode()
    assert (await http.post(POST, content=body, headers={"Content-Type": content_type})).status_code == 200


async def test_an_empty_body_is_an_empty_object(http: httpx.AsyncClient) -> None:
    assert (await http.post(f"{POST}/1/touch", headers=CADRE)).status_code == 200
    assert problem(await http.post(POST))["errors"][0]["code"] == "missing"


async def test_access_is_checked_before_the_body(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{POST}/x/touch?page=y", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("tag", "expected"), [('"7"', 7), ("7", 7), ('W/"7"', 7), ("*", None)])
async def test_if_match(http: httpx.AsyncClient, tag: str, expected: int | None) -> None:
    answer = await http.post(f"{POST}/1/touch", headers=CADRE | {"If-Match": tag})
    assert answer.json() == {"expected": expected}


@pytest.mark.parametrize("tag", ['"abc"', '"7", "8"', "-1", '"' + "9" * 30 + '"', ""])
async def test_if_match_of_a_version_that_never_was(http: httpx.AsyncClient, tag: str) -> None:
    answer = await http.post(f"{POST}/1/touch", headers=CADRE | {"If-Match": tag})
    assert (answer.status_code, problem(answer)["code"]) == (412, "version_mismatch")


def test_an_etag_is_what_if_match_takes() -> None:
    assert etag(7) == '"7"'


async def test_parameters(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/tracking/v1/numbers?limit=101", headers=EN)
    assert problem(answer)["errors"] == [{"pointer": "/limit", "in": "query", "code": "less_than_equal", "detail": "must be at most 100"}]
    assert (await http.get("/api/tracking/v1/numbers?limit=%00")).status_code == 422
    assert problem(await http.post(f"{POST}/x/touch", headers=CADRE))["code"] == "not_found"


async def test_methods(http: httpx.AsyncClient) -> None:
    answer = await http.delete(POST)
    assert (answer.status_code, problem(answer)["code"], answer.headers["allow"]) == (405, "method_not_allowed", "POST")


async def test_a_mistake_of_ours_tells_nothing_but_its_trace(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = await http.get("/api/tracking/v1/crash", headers=EN)
    document = problem(answer)
    assert (answer.status_code, document["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "x-content-type-options" in answer.headers
    assert any(record.exc_info and "secret" in str(record.exc_info[1]) for record in caplog.records)


async def test_security_headers(http: httpx.AsyncClient) -> None:
    for answer in [await http.get("/api/tracking/v1/numbers"), await http.get("/nowhere"), await http.get("/api/tracking/v1/crash")]:
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers


async def test_an_endpoint_may_say_otherwise(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/tracking/v1/cached")
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]


async def test_bodies_have_a_limit(http: httpx.AsyncClient) -> None:
    answer = await http.post(POST, content=b" " * (MAX_JSON + 1), headers=EN)
    assert (answer.status_code, problem(answer)["limit"]) == (413, MAX_JSON)
    assert "65536" in problem(answer)["detail"]
    assert (await http.post("/api/tracking/v1/upload", content=b"x" * 100)).json() == 100
    assert (await http.post("/api/tracking/v1/upload", content=b"x" * 101)).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "０"])
async def test_a_strange_content_length(http: httpx.AsyncClient, length: str) -> None:
    answer = await http.post("/api/tracking/v1/upload", content=b"x", headers={b"Content-Length": length.encode()})
    assert answer.status_code == 413


async def test_chunks_are_counted(http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 10

    answer = await http.post("/api/tracking/v1/upload", content=chunks())
    assert "content-length" not in answer.request.headers
    assert (answer.status_code, problem(answer)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, "203.0.113.9"),
        ({"X-Forwarded-For": "198.51.100.7"}, "203.0.113.9"),
        ({"X-Forwarded-For": "198.51.100.7", "X-Huiyin-Gateway": "wrong"}, "203.0.113.9"),
        ({"X-Forwarded-For": "198.51.100.7", "X-Huiyin-Gateway": ""}, "203.0.113.9"),
        ({"X-Forwarded-For": "198.51.100.7", "X-Huiyin-Gateway": "gate"}, "198.51.100.7"),
        ({"X-Forwarded-For": "10.0.0.1, 198.51.100.7", "X-Huiyin-Gateway": "gate"}, "198.51.100.7"),
        ({"X-Forwarded-For": "<script>", "X-Huiyin-Gateway": "gate"}, "203.0.113.9"),
        ({"X-Huiyin-Gateway": "gate"}, "203.0.113.9"),
    ],
    ids=str,
)
async def test_a_forwarded_address_is_believed_from_the_gateway_only(http: httpx.AsyncClient, headers: dict[str, str], seen: str) -> None:
    assert (await http.get("/api/tracking/v1/where", headers=headers)).json() == seen


async def test_without_a_gateway_token_nobody_is_believed() -> None:
    app = create_app("tracking", settings=settings(), routers=[router], verifier=verifier())
    async with client(app) as http:
        answer = await http.get("/api/tracking/v1/where", headers={"X-Forwarded-For": "198.51.100.7", "X-Huiyin-Gateway": ""})
    assert answer.json() == "203.0.113.9"


async def test_health() -> None:
    async with client(application(checks={"nats": ill, "disk": well})) as http:
        assert (await http.get("/api/tracking/health/live")).status_code == 200
        anyone = await http.get("/api/tracking/health/ready")
        operator = await http.get("/api/tracking/health/ready", headers=bearer(principal("operator")))
        cadre = await http.get("/api/tracking/health/ready", headers=CADRE)
    assert anyone.status_code == operator.status_code == 503
    assert anyone.json() == cadre.json() == {"status": "unready"}
    assert operator.json() == {"status": "unready", "checks": {"nats": "ConnectionError", "disk": "ok"}}


async def test_ready(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/tracking/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_internal_paths_and_metrics_stay_outside_of_api(http: httpx.AsyncClient) -> None:
    assert (await http.get("/internal/v1/ping")).json() == "pong"
    assert (await http.get("/api/tracking/internal/v1/ping")).status_code == 404
    await http.get("/api/tracking/v1/numbers")
    metrics = (await http.get("/metrics")).text
    assert 'huiyin_requests_total{method="GET",route="/api/tracking/v1/numbers",service="tracking",status="200"}' in metrics
    for name in ("relay_lag_seconds", "consumer_lag", "timer_lag_seconds", "open_issues", "notices_total", "commands_total"):
        assert f"huiyin_{name}" in metrics


async def test_the_openapi_document(http: httpx.AsyncClient) -> None:
    document = (await http.get("/api/tracking/openapi.json")).json()
    operation = document["paths"][POST]["post"]
    assert operation["requestBody"]["required"] is True
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Part"}
    assert document["components"]["schemas"]["Part"]["properties"].keys() == {"name"}
    assert operation["security"] == [{"HTTPBearer": []}]
    assert set(operation["responses"]) >= {"401", "403", "404", "409", "412", "422", "429", "503"}
    touch_operation = document["paths"][POST + "/{thing_id}/touch"]["post"]
    assert touch_operation["requestBody"]["required"] is False
    assert touch_operation["responses"]["422"]["content"].keys() == {"application/problem+json"}
    assert "HTTPValidationError" not in json.dumps(document)
    assert "/metrics" not in document["paths"]


def test_a_validator_may_name_a_text_of_ours() -> None:
    from shared.problems import from_validation

    refused = from_validation([{"type": "personal_data_in_text", "loc": ("title",), "msg": "", "input": "x"}])
    assert refused.errors[0].code == "personal_data_in_text"
    assert from_validation([{"type": "strange", "loc": (), "msg": "", "input": "x"}]).errors[0].code == "value_invalid"
    assert PydanticCustomError("personal_data_in_text", "x").type == "personal_data_in_text"


def test_a_code_without_a_text_is_found_when_it_is_made() -> None:
    with pytest.raises(KeyError):
        Problem("no_such_code", 400)
