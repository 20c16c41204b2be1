"""intake's pages: raising a matter in four steps, the slip, finding it again, and the reporter's word.

The steps work without JavaScript and without a session: what was said so far goes along in the form. Nothing personal stands in an address.
"""

from collections.abc import Mapping
from typing import Any

import segno
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from services.intake import repository
from services.intake.bootstrap import App
from services.intake.entrypoints.attachments_api import BODY_LIMIT, in_memory
from services.intake.handlers import digest
from services.intake.tables import KnownTopic
from shared.ids import new_id
from shared.problems import not_found
from shared.regions import Region
from shared.web.pages import Answer, Pages, ask, ask_or_fail, chosen
from shared.web.pages.sessions import Person, same_origin

router = APIRouter()

WHAT = "/raise/what"
BODY_LIMITS = {WHAT: BODY_LIMIT}
"""A photo comes with the second step."""

CATEGORIES = {
    "hardship": ("实际困难", "A hardship", "路灯、用水、补助这类要解决的事", "Street lights, water, allowances: something to be solved"),
    "shortcoming": ("工作不足", "Work that falls short", "该做没做好的事", "Something that is done badly or not at all"),
    "conduct": (
        "干部作风",
        "Conduct of an official",
        "由纪检部门受理,村里看不到,也不公示",
        "Goes to the discipline office; the village cannot see it",
    ),
    "proposal": ("发展建议", "A proposal", "对村里、镇里发展的想法", "An idea for the village or township"),
}
PRIORITIES = {
    "routine": ("一般", "Routine"),
    "urgent": ("紧急:拖下去损失会变大", "Urgent: waiting makes it worse"),
    "emergency": ("特急:有人身危险", "Emergency: somebody is in danger"),
}
TOLD = ("village", "category", "topic", "title", "narrative", "priority", "receipts", "name", "phone", "anonymous", "key")
"""What goes along from step to step."""
WRITTEN = {"title": ("写一句话说清楚", "Say in one line what it is"), "narrative": ("详细说说", "Tell us more")}
NAMED = {
    "name": ("请写姓名,或选择匿名", "Your name, or choose to stay anonymous"),
    "phone": ("请写电话,或选择匿名", "Your phone, or choose to stay anonymous"),
}
"""What is said where a step lacks something."""
ASKS = {"rating": "rated", "withdrawal": "withdrawn", "reopening": "reopened"}
SHOWN = 30
"""Villages that a search shows."""

PAGES = Pages("services.intake", {"categories": CATEGORIES, "priorities": PRIORITIES, "told_names": TOLD})


@router.get("/raise")
async def where(request: Request, county: str = "", township: str = "", q: str = "") -> Response:
    """Step 1: the village, by its county and township or by a part of its name."""
    regions = _app(request).regions
    chosen_county, chosen_township = regions.get(county), regions.get(township)
    found: list[Region] = []
    if q.strip():
        found = [region for region in regions if region.level == "village" and q.strip() in region.full_name][: SHOWN + 1]
    elif chosen_township:
        found = list(regions.children(chosen_township.code))
    elif chosen_county:
        found = list(regions.children(chosen_county.code))
    else:
        found = list(regions.counties)
    return PAGES.show(
        request,
        "raise_where",
        step=1,
        q=q,
        county=chosen_county,
        township=chosen_township,
        found=found[:SHOWN] if q else found,
        more=bool(q) and len(found) > SHOWN,
    )


@router.get(WHAT)
async def what(request: Request, village: str = "") -> Response:
    """Step 2: what it is about."""
    if not _is_village(request, village):
        return RedirectResponse("/raise", 303)
    return await _what(request, {"village": village, "key": new_id()}, {})


@router.post(WHAT)
async def take_what(request: Request) -> Response:
    """Step 2 is over: the photo is stored, and the third is asked."""
    form = await in_memory(request, max_fields=len(TOLD) + 1)
    try:
        told = _told(form)
        if "change" in form:
            return await _what(request, told, {})
        wrong = await _store_photo(request, form, told)
    finally:
        await form.close()
    wrong |= _missing(request, told, WRITTEN)
    if wrong:
        return await _what(request, told, wrong)
    return _who(request, told, {})


@router.post("/raise/who")
async def take_who(request: Request) -> Response:
    """Step 3 is over, or is gone back to: who it is, or nobody."""
    form = await request.form()
    told = _told(form)
    if "change" in form:
        return _who(request, told, {})
    wrong: dict[str, str] = {}
    if told.get("anonymous") != "yes":
        wrong = _missing(request, told, NAMED)
    if wrong:
        return _who(request, told, wrong)
    return await _check(request, told, {})


@router.post("/raise/send")
async def send(request: Request) -> Response:
    """Step 4 is over: the matter is raised. What the API refuses is asked for again, with everything else kept."""
    told = _told(await request.form())
    key = {"Idempotency-Key": told.get("key") or new_id()}
    answer = await ask(request, "POST", "/api/intake/v1/issues", json=_body(request, told), headers=key)
    if answer.good:
        token = str(answer.body["tracking_url"]).rpartition("/")[2]
        return RedirectResponse(f"/slip/{token}?new=yes", 303)
    wrong = answer.wrong
    first = next(iter(wrong))
    if answer.status != 422 or not first:
        return await _check(request, told, {"": answer.detail}, status=answer.status)
    if first == "reporter":
        field = "phone" if "phone" in str(answer.body.get("errors")) else "name"
        return _who(request, told, {field: wrong["reporter"]})
    return await _what(request, told, {"receipts" if name == "attachments" else name: text for name, text in wrong.items()})


@router.get("/slip/{token}")
async def slip(token: str, request: Request) -> Response:
    """Number, link and QR code, to be kept or printed."""
    app = _app(request)
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
    number = str(form.get("number", "")).strip()
    answer = await ask(
        request, "POST", "/api/intake/v1/lookup", json={"number": number, "phone_last4": str(form.get("phone_last4", "")).strip()}
    )
    if answer.good:
        return RedirectResponse("/t/" + str(answer.body["tracking_url"]).rpartition("/")[2], 303)
    return PAGES.show(request, "find", status=answer.status, number=number, wrong=answer.wrong, unknown=answer.status == 404)


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
    return PAGES.show(request, "not_taken", status=answer.status, token=token, said=said, body=body, detail=_why(answer))


@router.get("/statement/{issue_id}")
async def ask_statement(issue_id: str, request: Request, person: Person) -> Response:
    """What reading the statement means; it is read only after that."""
    return PAGES.show(request, "statement", person=person, issue_id=issue_id, told=None)


@router.post("/statement/{issue_id}", dependencies=[Depends(same_origin)])
async def read_statement(issue_id: str, request: Request, person: Person) -> Response:
    """The reporter's words and contact; the read is audited."""
    told = await ask_or_fail(request, f"/api/intake/v1/issues/{issue_id}/statement")
    return PAGES.show(request, "statement", person=person, issue_id=issue_id, told=told)


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _why(answer: Answer) -> str:
    return next(iter(answer.wrong.values()))


def _is_village(request: Request, code: str) -> bool:
    region = _app(request).regions.get(code)
    return region is not None and region.level == "village"


def _told(form: FormData) -> dict[str, str]:
    return {name: value.replace("\r\n", "\n") for name in TOLD if isinstance(value := form.get(name), str) and value.strip()}


def _missing(request: Request, told: Mapping[str, str], wanted: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    english = chosen(request) == "en"
    return {name: texts[1] if english else texts[0] for name, texts in wanted.items() if name not in told}


def _body(request: Request, told: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes."""
    same = {name: told[name] for name in ("category", "topic", "title", "narrative", "priority") if name in told}
    body: dict[str, Any] = {"village_code": told.get("village", ""), "channel": "web", **same}
    if receipts := told.get("receipts", "").split():
        body["attachments"] = receipts
    if told.get("anonymous") == "yes":
        return body | {"anonymous": True}
    return body | {"reporter": {"name": told.get("name", ""), "phone": told.get("phone", ""), "language": chosen(request)}}


async def _store_photo(request: Request, form: FormData, told: dict[str, str]) -> dict[str, str]:
    """Upload what came along, and keep its receipt. Returns what is wrong with it."""
    photo = form.get("photo")
    content = await photo.read() if isinstance(photo, UploadFile) else b""
    if not content:
        return {}
    headers = {"Idempotency-Key": new_id(), "Content-Type": "application/octet-stream"}
    answer = await ask(request, "POST", "/api/intake/v1/attachments", content=content, headers=headers)
    if not answer.good:
        return {"photo": _why(answer)}
    told["receipts"] = " ".join([*told.get("receipts", "").split(), answer.body["receipt"]])
    return {}


async def _what(request: Request, told: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    topics = (await _topics(request)).values()
    return _step(request, "raise_what", 2, told, wrong, topics=topics)


def _who(request: Request, told: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    return _step(request, "raise_who", 3, told, wrong)


async def _check(request: Request, told: Mapping[str, str], wrong: Mapping[str, str], status: int = 200) -> Response:
    topic = (await _topics(request)).get(told.get("topic", ""))
    return _step(request, "raise_check", 4, told, wrong, status=status, topic=topic)


def _step(
    request: Request, name: str, step: int, told: Mapping[str, str], wrong: Mapping[str, str], status: int = 0, **more: Any
) -> Response:
    place = _app(request).regions.get(told.get("village", ""))
    status = status or (422 if wrong else 200)
    return PAGES.show(request, name, status=status, step=step, told=told, place=place.full_name if place else "", wrong=wrong, **more)


async def _topics(request: Request) -> dict[str, KnownTopic]:
    async with _app(request).database.transaction() as session:
        return {topic.code: topic for topic in await repository.topics(session)}
