"""What an operator sees of one service: whether what it needs answers, and its dead letters."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from shared.problems import not_found
from shared.security.access import check
from shared.security.principal import Principal
from shared.web.pages.asking import ask, ask_or_fail
from shared.web.pages.rendering import Pages
from shared.web.pages.sessions import Person, same_origin

_PAGES = Pages("shared.web.pages")


def operating(service: str) -> APIRouter:
    """`/operate/<service>`."""
    router = APIRouter(prefix=f"/operate/{service}", dependencies=[Depends(same_origin)])

    @router.get("")
    async def operate(request: Request, person: Person) -> Response:
        return await _shown(request, person, service, "")

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
    return _PAGES.show(
        request,
        "operate",
        status=status,
        person=person,
        service=service,
        ready=ready.body,
        letters=letters["items"],
        wrong=wrong,
    )
