"""What a reader wants: a page or data, and the language: what the reader chose, else what the browser prefers, else Chinese."""

from fastapi import Request

from shared.problem_texts import Language
from shared.problems import language_of

COOKIE = "huiyin_language"
PARAMETER = "language"
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")


def wants_page(request: Request) -> bool:
    """Whether a browser asks: HTML stands in Accept before anything else."""
    return request.headers.get("accept", "").split(",")[0].partition(";")[0].strip() == "text/html"


def chosen(request: Request) -> Language:
    """By `?language=`, then the cookie, then Accept-Language."""
    for said in (request.query_params.get(PARAMETER), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return said
    return language_of(request)


def say(request: Request, zh: str, en: str) -> str:
    """A text in the reader's language."""
    return en if chosen(request) == "en" else zh
