"""tracking's pages for those who supervise: the figures, the ledger that they lead to, and both as workbooks."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.tracking.bootstrap import Reading
from services.tracking.charts import line
from services.tracking.dashboard import RATES, age_name, missed, month_name, sheets, weekday, worst_first
from services.tracking.domain.words import Language, say
from services.tracking.entrypoints.exports import BOUND, download
from services.tracking.entrypoints.issues import LedgerFilters
from services.tracking.rates import CountedIn
from services.tracking.repository import WAITING
from services.tracking.spreadsheets import workbook
from shared.regions import Region, Regions
from shared.security.access import open_to
from shared.security.principal import Principal
from shared.web.pages import Pages, ask, ask_all, ask_or_fail, chosen
from shared.web.pages.asking import Refused
from shared.web.pages.sessions import Person

router = APIRouter()

By = Literal["unit", "officer", "level", "topic"]
Drill = Callable[..., str]

DEGREES = {"urge": ("催办", "Urge"), "notice": ("通报", "Notice"), "criticism": ("批评", "Criticise")}
_FILTERS = frozenset(LedgerFilters.model_fields)
_IN_THE_FORM = frozenset({"q", "state", "level", "standing", "sort"})
_LATEST = 10
"""Of what is late, as many as one looks at before one acts; the ledger has the rest."""

WORDS = {
    "degrees": DEGREES,
    "line": line,
    "month_name": month_name,
    "weekday": weekday,
    "age_name": age_name,
    "rates": RATES,
    "missed": missed,
}
PAGES = Pages("services.tracking", WORDS)


@router.get("/figures")
async def figures(request: Request, person: Person, region: str = "", by: By = "unit") -> Response:
    """How the region stands: rates, what is late, how old, what will be, and where."""
    may_list = open_to("read_ledger", person.role)
    told = await _dashboard(request, person, region, (by,), late=_LATEST if may_list else 0)
    return PAGES.show(
        request,
        "figures",
        person=person,
        by=by,
        places=_places(request, person),
        drill=_drill(told["region"]) if may_list else _nowhere,
        **told,
    )


@router.get("/figures.xlsx")
async def figures_workbook(request: Request, person: Person, region: str = "") -> Response:
    """The same figures as tables."""
    told = await _dashboard(request, person, region, ("unit", "officer", "level", "topic"))
    return download("figures", workbook(sheets(told, chosen(request))))


@router.get("/issues")
async def ledger(request: Request, person: Person) -> Response:
    """The ledger of one's regions."""
    asked = _asked(request)
    cursor = request.query_params.get("cursor")
    told = await ask_or_fail(request, "/api/tracking/v1/issues", asked | {"limit": 50} | ({"cursor": cursor} if cursor else {}))
    items = [_shown(item) for item in told["items"]]
    return PAGES.show(
        request,
        "ledger",
        person=person,
        items=items,
        total=told["total"],
        bound=BOUND,
        asked={name: values[0] if len(values) == 1 else "" for name, values in asked.items()},
        kept=[(name, value) for name, values in asked.items() if name not in _IN_THE_FORM for value in values],
        narrowed=_narrowed(request, asked, items),
        export="/issues.xlsx?" + urlencode(asked, doseq=True),
        onward="/issues?" + urlencode(asked | {"cursor": told["next_cursor"]}, doseq=True) if told["next_cursor"] else "",
    )


@router.get("/issues.xlsx")
async def ledger_workbook(request: Request, person: Person) -> Response:
    """What the ledger's filters leave, as a table."""
    answer = await ask(request, "GET", "/api/tracking/v1/issues.xlsx", params=_asked(request))
    if not answer.good:
        raise Refused(answer)
    return download("issues", answer.content)


async def _dashboard(request: Request, person: Principal, region: str, by: tuple[By, ...], late: int = 0) -> dict[str, Any]:
    """What the API tells of a region, of one's own where none is named; with so many of the issues that are late."""
    region = region or (person.regions[0] if len(person.regions) == 1 else "")
    of = _of(region)
    listed = ["/api/tracking/v1/issues?" + urlencode(of | {"standing": "late", "limit": late})] if late else []
    ahead, back, *overdue = await ask_all(request, _figures("/outlook", of, group_by=["region", *by]), _figures("/trends", of), *listed)
    since = back["months"][-1]["month"] + "-01"
    month = await ask_or_fail(request, _figures("", of | {"from": since}, group_by="region", issues=False))
    regions = _regions(request)
    return {
        "region": region,
        "place": regions.name(region) if region else "",
        "ahead": ahead,
        "months": back["months"],
        "figures": month["figures"],
        "late": [_shown(item) for page in overdue for item in page["items"]],
        "townships": worst_first(ahead["groups"]["region"], month["groups"]),
    }


def _figures(name: str, of: Mapping[str, Any], **asked: Any) -> str:
    return f"/api/tracking/v1/statistics{name}?" + urlencode({**of, **asked}, doseq=True)


def _of(region: str) -> dict[str, Any]:
    return {"region": region} if region else {}


def _drill(region: str) -> Drill:
    """Addresses of the ledger with filters, within the region that is looked at."""

    def drill(**filters: Any) -> str:
        return "/issues?" + urlencode({name: value for name, value in (_of(region) | filters).items() if value})

    return drill


def _nowhere(**filters: Any) -> str:
    """Who reads figures only is led to no issue."""
    return ""


def _places(request: Request, person: Principal) -> list[Region]:
    """One's regions, and what lies directly inside where there is one."""
    regions = _regions(request)
    own = [found for code in person.regions if (found := regions.get(code))] or list(regions.counties)
    return [*own, *regions.children(own[0].code)] if len(own) == 1 else own


def _regions(request: Request) -> Regions:
    reading: Reading = request.app.state.services
    return reading.regions


def _asked(request: Request) -> dict[str, list[str]]:
    """The filters that the address names and that say something."""
    asked: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in _FILTERS and value.strip():
            asked.setdefault(name, []).append(value.strip())
    return asked


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """An issue with since when it is late, by the deadline that was missed first; None where it is not."""
    since = item["overdue_since"] or (item["due_at"] if item["state"] not in WAITING else None)
    return {**item, "owed_at": since, "next_degree": next((degree for degree in DEGREES if degree not in item["supervised"]), "")}


def _rate_words(rate: str, language: Language) -> str:
    """What `CountedIn.parse` reads, in words. The API has accepted it."""
    of = CountedIn.parse(rate)
    missed = say((",没做到的", ", missed"), language) if of.missed else ""
    return f"{say(RATES[of.rate][0], language)} {month_name(f'{of.month:%Y-%m}', language)}{missed}"


def _narrowed(request: Request, asked: Mapping[str, list[str]], items: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Filters that the form does not show: name, value in words, and the address without them."""
    first = items[0] if items else {}
    handler = cast("Mapping[str, Any]", first.get("handler") or {})
    words = {
        "region": _regions(request).name(asked.get("region", [""])[0]),
        "unit": handler.get("unit_name"),
        "officer": handler.get("name"),
        "topic": first.get("topic_text"),
        "category": first.get("category_text"),
        "rate": _rate_words(asked["rate"][0], chosen(request)) if "rate" in asked else None,
    }
    found: list[tuple[str, str, str]] = []
    for name, values in asked.items():
        if name not in _IN_THE_FORM:
            rest = {other: told for other, told in asked.items() if other != name}
            found.append((name, str(words.get(name) or ", ".join(values)), "/issues?" + urlencode(rest, doseq=True)))
    return found
