"""What every service answers alike: problems, headers, limits, health, the OpenAPI document."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.problems import Problem
from shared.web.app import MAX_JSON, create_app
from tests.support.platform import bearer, client, principal, settings, verifier
from tests.unit.shared.things import EN, POST, application, cadre, ill, problem, router, well


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


async def test_parameters(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/tracking/v1/numbers?limit=101", headers=EN)
    assert problem(answer)["errors"] == [{"pointer": "/limit", "in": "query", "code": "less_than_equal", "detail": "must be at most 100"}]
    assert (await http.get("/api/tracking/v1/numbers?limit=%00")).status_code == 422
    assert problem(await http.post(f"{POST}/x/touch", headers=cadre()))["code"] == "not_found"


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
    for answer in [
        await http.get("/api/tracking/v1/numbers"),
        await http.get("/api/tracking/v1/nowhere"),
        await http.get("/api/tracking/v1/crash"),
    ]:
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
        staff = await http.get("/api/tracking/health/ready", headers=cadre())
    assert anyone.status_code == operator.status_code == 503
    assert anyone.json() == staff.json() == {"status": "unready"}
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


def test_a_code_without_a_text_is_found_when_it_is_made() -> None:
    with pytest.raises(KeyError):
        Problem("no_such_code", 400)
