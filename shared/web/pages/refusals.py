"""Refusals as pages; who is not signed in is asked to."""

from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from shared.problems import Problem
from shared.web.pages.asking import Refused
from shared.web.pages.languages import chosen
from shared.web.pages.rendering import Pages

_PAGES = Pages("shared.web.pages")
_OF_THE_API = ("/api/", "/internal/")


def is_page(request: Request) -> bool:
    """Whether a person looks at the answer, not a program."""
    return not request.url.path.startswith(_OF_THE_API)


def page_of(request: Request, problem: Problem) -> Response:
    """What a problem of the page itself looks like."""
    body = problem.body(chosen(request))
    return _page(request, problem.status, str(body["code"]), str(body["title"]), str(body["detail"]), problem.headers)


async def on_refused(request: Request, error: Exception) -> Response:
    """What the API's refusal looks like."""
    assert isinstance(error, Refused)
    answer = error.answer
    kept = {name: answer.headers[name] for name in ("retry-after",) if name in answer.headers}
    title = str(answer.body.get("title", answer.status))
    return _page(request, answer.status, str(answer.body.get("code", "")), title, str(answer.body.get("detail", "")), kept)


def _page(request: Request, status: int, code: str, title: str, detail: str, headers: dict[str, str]) -> Response:
    if status == 401:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "") if request.method == "GET" else "/work"
        return RedirectResponse(f"/sign-in?next={quote(back, safe='/')}", 303)
    return _PAGES.show(request, "refused", status=status, headers=headers, code=code, title=title, detail=detail)
