"""What an operator sees of one service: whether what it needs answers, how far it is behind, its dead letters, an issue's traces."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from shared.problems import not_found
from shared.security.access import check
from shared.security.principal import Principal
from shared.web.operation import CONSUMER, OF_EVERY_SERVICE, RELAY, Operation, Text
from shared.web.pages.asking import ask, ask_or_fail
from shared.web.pages.rendering import Pages
from shared.web.pages.sessions import Person, same_origin
from shared.web.pages.waterfall import rows

_PAGES = Pages("shared.web.pages", {"rows": rows})


def operating(service: str) -> APIRouter:
    """`/operate/<service>`."""
    router = APIRouter(prefix=f"/operate/{service}", dependencies=[Depends(same_origin)])

    @router.get("")
    async def operate(request: Request, person: Person) -> Response:
        return await _shown(request, person, service, "")

    @router.get("/spans")
    async def spans(request: Request, person: Person, issue: str = "") -> Response:
        check(person, "operate")
        if not issue.strip():
            return RedirectResponse(f"/operate/{service}", 303)
        told = await ask_or_fail(request, f"/api/{service}/v1/spans", {"issue": issue.strip()})
        return _PAGES.show(request, "spans", person=person, service=service, issue=issue.strip(), told=told)

    @router.post("/{letter}/{decision}")
    async def decide(letter: int, decision: str, request: Request, person: Person) -> Response:
        if decision not in ("replay", "discard"):
            raise not_found()
        reason = str((await request.form()).get("reason", "")).strip()
        answer = await ask(request, "POST", f"/api/{service}/v1/dead-letters/{letter}/{decision}", json={"reason": reason})
        if answer.good:
            return RedirectResponse(f"/operate/{service}", 303)
        return await _shown(request, person, service, answer.detail, answer.status)

    return router


async def _shown(request: Request, person: Principal, service: str, wrong: str, status: int = 200) -> Response:
    check(person, "operate")
    ready = await ask(request, "GET", f"/api/{service}/health/ready")
    letters = await ask_or_fail(request, f"/api/{service}/v1/dead-letters")
    lag = await ask_or_fail(request, f"/api/{service}/v1/lag")
    operation: Operation = request.app.state.operation
    relay, own = _told(lag["figures"], operation)
    return _PAGES.show(
        request,
        "operate",
        status=status,
        person=person,
        service=service,
        ready=ready.body,
        relay=relay,
        own=own,
        letters=letters["items"],
        wrong=wrong,
    )


def _told(figures: Sequence[Mapping[str, Any]], operation: Operation) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The relay's figure, and the service's own, each with what it is called, what to do about it, and where."""
    words: dict[str, tuple[Text, Text, str | None]] = {"consumer": (*CONSUMER, None)}
    words |= {measure.name: (measure.title, measure.advice, measure.page) for measure in (RELAY, *OF_EVERY_SERVICE, *operation.measures)}
    told = [dict(figure) | dict(zip(("title", "advice", "page"), words[figure["name"]], strict=True)) for figure in figures]
    return [one for one in told if one["name"] == RELAY.name], [one for one in told if one["name"] != RELAY.name]
