"""A page's questions to the API of its own service, through the whole application but without a connection."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from fastapi import Request

from shared.web.call import begin, current_call
from shared.web.pages.languages import chosen
from shared.web.pages.sessions import bearer_of

_PASSED_ON = ("x-huiyin-gateway", "x-forwarded-for", "traceparent", "user-agent")
"""What the API needs to know of the caller."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said; `body` is empty where it said no JSON, `content` is what it said as bytes."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def good(self) -> bool:
        """Whether it was done."""
        return self.status < 400

    @property
    def detail(self) -> str:
        """What the refusal says as a whole."""
        return str(self.body.get("detail", self.status))

    @property
    def wrong(self) -> dict[str, str]:
        """What is wrong with which field: text by the name of the body's member; "" and `detail` where no field is named."""
        found: dict[str, str] = {}
        for error in self.body.get("errors", ()):
            found.setdefault(error["pointer"].lstrip("/").partition("/")[0], error["detail"])
        return found or {"": self.detail}


class Refused(Exception):
    """The API refused what a page cannot do without; shown as a page of its own."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.get("code", str(answer.status)))
        self.answer = answer


async def ask(
    request: Request,
    method: str,
    path: str,
    *,
    json: Any = None,
    content: bytes | None = None,
    params: Mapping[str, str | int | list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Call the API as whoever asks for the page, in the page's language.

    The call counts and writes its audit entry by itself.
    """
    sent = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    sent |= {"Accept-Language": chosen(request), **(headers or {})}
    if token := bearer_of(request):
        sent["Authorization"] = f"Bearer {token}"
    if json is not None:
        content, sent["Content-Type"] = orjson.dumps(json), "application/json"
    client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
    transport = httpx.ASGITransport(app=request.app, client=client)
    outer = current_call()
    async with httpx.AsyncClient(transport=transport, base_url="http://here", trust_env=False) as http:
        answer = await http.request(method, path, content=content, params=params, headers=sent)
    if outer is not None:
        begin(outer)  # the inner call replaced it in this task
    told: dict[str, Any] = orjson.loads(answer.content) if "json" in answer.headers.get("content-type", "") else {}
    return Answer(answer.status_code, told, answer.headers, answer.content)


async def ask_or_fail(request: Request, path: str, params: Mapping[str, str | int | list[str]] | None = None) -> dict[str, Any]:
    """What the API tells of `path`. Raises `Refused` where it tells nothing."""
    answer = await ask(request, "GET", path, params=params)
    if not answer.good:
        raise Refused(answer)
    return answer.body


async def ask_all(request: Request, *paths: str) -> list[dict[str, Any]]:
    """What the API tells of each of `paths`, asked at once: while the database works on one, another is read. Raises as `ask_or_fail`."""
    return await asyncio.gather(*(ask_or_fail(request, path) for path in paths))
