"""A small service for the tests of what all services share."""

from typing import Annotated, Any, Literal

import httpx
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import AwareDatetime, Field

from shared.security.dependencies import Caller, ClientAddress, Staff
from shared.web.app import create_app
from shared.web.openapi import COMMAND_PROBLEMS
from shared.web.requests import RequestModel, body_of, expected_version, parse
from tests.support.platform import VILLAGE, bearer, principal, settings, verifier

EN = {"Accept-Language": "en"}
POST = "/api/tracking/v1/things"


def cadre() -> dict[str, str]:
    """Made for each request: a token lasts 15 minutes, and a whole run longer."""
    return bearer(principal("cadre", VILLAGE))


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


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["type"] == "urn:huiyin:problem:" + document["code"]
    return document
