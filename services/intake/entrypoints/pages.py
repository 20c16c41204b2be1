"""intake's pages besides raising (`raise_pages`): the slip, finding a matter again, the reporter's word, and for staff what was said."""

import unicodedata

import segno
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from services.intake import repository
from services.intake.bootstrap import App
from services.intake.entrypoints.raise_texts import explained
from services.intake.handlers import digest
from shared.problems import not_found
from shared.web.pages import Pages, ask, ask_or_fail
from shared.web.pages.sessions import Person, same_origin

router = APIRouter()

ASKS = {"rating": "rated", "withdrawal": "withdrawn", "reopening": "reopened"}

PAGES = Pages("services.intake")


@router.get("/slip/{token}")
async def slip(token: str, request: Request) -> Response:
    """Number, link and QR code, to be kept or printed."""
    app: App = request.app.state.services
    async with app.database.transaction() as session:
        issue = await repository.issue_by_digest(session, digest(token))
    if issue is None:
        raise not_found()
    address = f"{app.settings.public_url}/t/{token}"
    village = app.regions.get(issue.region)
    return PAGES.show(
        request,
        "slip",
        issue=issue,
        address=address,
        token=token,
        place=village.full_name if village else "",
        qr=segno.make(address, error="m").svg_data_uri(scale=4, border=2),
        new="new" in request.query_params,
    )


@router.get("/find")
async def find(request: Request) -> Response:
    """By number and phone."""
    return PAGES.show(request, "find", number="", wrong={})


@router.post("/find")
async def take_find(request: Request) -> Response:
    """On to the reporter's page."""
    form = await request.form()
    number = _number(str(form.get("number", "")))
    body = {"number": number, "phone_last4": str(form.get("phone_last4", "")).strip()}
    answer = await ask(request, "POST", "/api/intake/v1/lookup", json=body)
    if answer.good:
        return RedirectResponse("/t/" + str(answer.body["tracking_url"]).rpartition("/")[2], 303)
    return PAGES.show(request, "find", status=answer.status, number=number, wrong=explained(request, answer), unknown=answer.status == 404)


@router.post("/answer/{token}/{said}")
async def say(token: str, said: str, request: Request) -> Response:
    """The reporter rates, withdraws or asks for reopening. What was refused is shown with the words that were typed."""
    if said not in ASKS:
        raise not_found()
    form = await request.form()
    body = {name: str(form[name]).strip() for name in ("rating", "comment", "reason") if str(form.get(name, "")).strip()}
    answer = await ask(request, "POST", f"/api/intake/v1/public/{token}/{said}", json=body)
    if answer.good:
        return RedirectResponse(f"/t/{token}?said={ASKS[said]}", 303)
    return PAGES.show(
        request, "not_taken", status=answer.status, token=token, said=said, body=body, detail=next(iter(answer.wrong.values()))
    )


@router.get("/statement/{issue_id}")
async def ask_statement(issue_id: str, request: Request, person: Person) -> Response:
    """What reading the statement means; it is read only after that."""
    return PAGES.show(request, "statement", person=person, issue_id=issue_id, told=None)


@router.post("/statement/{issue_id}", dependencies=[Depends(same_origin)])
async def read_statement(issue_id: str, request: Request, person: Person) -> Response:
    """The reporter's words and contact; the read is audited."""
    told = await ask_or_fail(request, f"/api/intake/v1/issues/{issue_id}/statement")
    return PAGES.show(request, "statement", person=person, issue_id=issue_id, told=told)


def _number(typed: str) -> str:
    """An issue's number as it is written, whatever stands between its digits and however wide they are."""
    digits = "".join(filter(str.isdigit, unicodedata.normalize("NFKC", typed)))
    return f"{digits[:6]}-{digits[6:14]}-{digits[14:]}" if len(digits) > 14 else typed.strip()
