"""Request bodies: strict, told field by field in two languages, read only after access is checked."""

from typing import Any

import httpx
import pytest
from pydantic_core import PydanticCustomError

from shared.problems import from_validation
from shared.web.requests import etag
from tests.unit.shared.things import EN, POST, cadre, problem

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
    assert (await http.post(f"{POST}/1/touch", headers=cadre())).status_code == 200
    assert problem(await http.post(POST))["errors"][0]["code"] == "missing"


async def test_access_is_checked_before_the_body(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{POST}/x/touch?page=y", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(("tag", "expected"), [('"7"', 7), ("7", 7), ('W/"7"', 7), ("*", None)])
async def test_if_match(http: httpx.AsyncClient, tag: str, expected: int | None) -> None:
    answer = await http.post(f"{POST}/1/touch", headers=cadre() | {"If-Match": tag})
    assert answer.json() == {"expected": expected}


@pytest.mark.parametrize("tag", ['"abc"', '"7", "8"', "-1", '"' + "9" * 30 + '"', ""])
async def test_if_match_of_a_version_that_never_was(http: httpx.AsyncClient, tag: str) -> None:
    answer = await http.post(f"{POST}/1/touch", headers=cadre() | {"If-Match": tag})
    assert (answer.status_code, problem(answer)["code"]) == (412, "version_mismatch")


def test_an_etag_is_what_if_match_takes() -> None:
    assert etag(7) == '"7"'


def test_a_validator_may_name_a_text_of_ours() -> None:
    refused = from_validation([{"type": "personal_data_in_text", "loc": ("title",), "msg": "", "input": "x"}])
    assert refused.errors[0].code == "personal_data_in_text"
    assert from_validation([{"type": "strange", "loc": (), "msg": "", "input": "x"}]).errors[0].code == "value_invalid"
    assert PydanticCustomError("personal_data_in_text", "x").type == "personal_data_in_text"
