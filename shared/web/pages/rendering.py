"""Templates become pages: one layout, texts in pairs `t("中文", "English")`, a strict Content-Security-Policy."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from shared.full_width import full_width
from shared.problem_texts import Language
from shared.web.pages import instants
from shared.web.pages.assets import address
from shared.web.pages.languages import COOKIE, PARAMETER, chosen
from shared.web.pages.sessions import keep
from shared.web.pages.standing import standing_of

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_YEAR = 365 * 24 * 3600


class Pages:
    """The pages of one service.

    Args:
        package: whose `templates` folder holds `<page>.html.j2`; the layout is in this package's own.
        words: further names that its templates use.
    """

    def __init__(self, package: str, words: Mapping[str, Any] | None = None) -> None:
        self._environment = Environment(
            loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__ or "shared.web.pages")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=address, **(words or {}))

    def show(
        self, request: Request, name: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **known: Any
    ) -> HTMLResponse:
        """The page `name` with what it has to know. A language that the address names is remembered."""
        language = chosen(request)
        content = self._environment.get_template(f"{name}.html.j2").render(known | _given(request, language))
        every = {"Content-Security-Policy": POLICY, "Content-Language": language, "Vary": "Accept-Language, Cookie"} | dict(headers or {})
        page = HTMLResponse(content, status, every)
        if request.query_params.get(PARAMETER) == language:
            page.set_cookie(COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax")
        keep(request, page)
        return page


def _given(request: Request, language: Language) -> dict[str, object]:
    """What every template knows."""
    now = datetime.now(UTC)

    def t(zh: str, en: str, **values: object) -> str:
        text = full_width(zh) if language == "zh-CN" else en
        return text.format(**values) if values else text

    def seconds_to(value: str | datetime) -> float:
        return (instants.instant(value) - now).total_seconds()

    def in_words(told: Callable[..., str]) -> Callable[..., str]:
        return partial(told, language=language, now=now)

    return {
        "t": t,
        "language": language,
        "elsewhere": _in_other_language(request, language),
        "here": request.url.path,
        "now": now,
        "day": in_words(instants.day),
        "moment": in_words(instants.moment),
        "due": in_words(instants.due),
        "span": partial(instants.span, language=language),
        "seconds_to": seconds_to,
        "standing_of": partial(standing_of, now=now),
    }


def _in_other_language(request: Request, language: Language) -> str:
    """This page's address in the other language."""
    others = [(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER]
    return "?" + urlencode([*others, (PARAMETER, "en" if language == "zh-CN" else "zh-CN")])
