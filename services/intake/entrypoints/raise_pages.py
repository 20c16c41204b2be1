"""Raising a matter in four steps: where, what (two screens: the matter, and more of it), who, check.

The steps work without JavaScript and without a session: what was said so far goes along in the form. Nothing personal stands in an address.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from services.intake import repository
from services.intake.bootstrap import App
from services.intake.domain.commands import Reporter
from services.intake.entrypoints.attachments_api import BODY_LIMIT, in_memory
from services.intake.entrypoints.raise_texts import CATEGORIES, PRIORITIES, explained, needed
from services.intake.tables import KnownTopic
from shared.ids import new_id
from shared.problems import from_validation_error
from shared.regions import Region
from shared.web.pages import Answer, Pages, ask, chosen

router = APIRouter()

MORE = "/raise/more"
BODY_LIMITS = {MORE: BODY_LIMIT}
"""A photo comes with the second screen of step 2."""

TOLD = ("village", "category", "topic", "title", "narrative", "priority", "receipts", "name", "phone", "anonymous", "key")
"""What goes along from step to step."""
PRESSED = ("change", "drop", "photo")
"""What else a form has: buttons, and the photo where it was left out."""
MATTER = ("topic", "category", "title")
KEPT = {"Cache-Control": "private, no-cache"}
"""Without it the browser's own way back leads to an error, as steps are answers to forms. Not for what holds a name or phone."""
SHOWN = 30
"""Villages that a search shows."""

PAGES = Pages("services.intake", {"categories": CATEGORIES, "priorities": PRIORITIES, "told_names": TOLD})


@router.get("/raise")
async def where(request: Request, county: str = "", township: str = "", q: str = "") -> Response:
    """Step 1: the village, by its county and township or by a part of its name."""
    return _where(request, {"county": county, "township": township, "q": q}, {})


@router.post("/raise")
async def where_else(request: Request) -> Response:
    """Step 1 again, with what was said so far."""
    form = await request.form()
    asked = {name: value for name in ("county", "township", "q") if isinstance(value := form.get(name, ""), str)}
    return _where(request, asked, _told(form))


@router.get("/raise/what")
async def what(request: Request, village: str = "") -> Response:
    """Step 2: what it is about."""
    if not _is_village(request, village):
        return RedirectResponse("/raise", 303)
    return await _what(request, {"village": village, "key": new_id()}, {})


@router.get("/raise/{step}")
async def begin_again(step: str) -> Response:
    """A step that is answered to a form has no address of its own."""
    return RedirectResponse("/raise", 303)


@router.post("/raise/what")
async def take_what(request: Request) -> Response:
    """The first screen of step 2 is over, or is gone back to."""
    form = await request.form()
    told = _told(form)
    if "change" in form:
        return await _what(request, told, {})
    if wrong := _missing(request, told, *MATTER):
        return await _what(request, told, wrong)
    return await _more(request, told, {})


@router.post(MORE)
async def take_more(request: Request) -> Response:
    """Step 2 is over, or its second screen is gone back to: the photo is stored, and the next is asked that is not known yet."""
    form = await in_memory(request, max_fields=len(TOLD) + len(PRESSED))
    try:
        told = _told(form)
        if "change" in form:
            return await _more(request, told, {})
        if "drop" in form:
            told.pop("receipts", None)
        wrong = _missing(request, told, "narrative") | await _store_photo(request, form, told)
    finally:
        await form.close()
    if wrong:
        return await _more(request, told, wrong)
    return await _check(request, told, {}) if not _wrong_of_who(request, told) else _who(request, told, {})


@router.post("/raise/who")
async def take_who(request: Request) -> Response:
    """Step 3 is over, or is gone back to: who it is, or nobody."""
    form = await request.form()
    told = _told(form)
    if "change" in form:
        return _who(request, told, {})
    if wrong := _wrong_of_who(request, told):
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
    wrong = explained(request, answer)
    if answer.status != 422 or "" in wrong:
        return await _check(request, told, {"": answer.detail}, status=answer.status)
    if wrong.keys() & {"name", "phone", "reporter"}:
        return _who(request, told, wrong)
    if photo := wrong.pop("attachments", ""):
        told.pop("receipts")
        wrong["photo"] = photo
    if wrong.keys() & {"narrative", "priority", "photo"}:
        return await _more(request, told, wrong)
    return await _what(request, told, wrong)


def _app(request: Request) -> App:
    app: App = request.app.state.services
    return app


def _is_village(request: Request, code: str) -> bool:
    region = _app(request).regions.get(code)
    return region is not None and region.level == "village"


def _told(form: FormData) -> dict[str, str]:
    return {name: value.replace("\r\n", "\n") for name in TOLD if isinstance(value := form.get(name), str) and value.strip()}


def _missing(request: Request, told: Mapping[str, str], *wanted: str) -> dict[str, str]:
    return {name: needed(request, name) for name in wanted if name not in told}


def _wrong_of_who(request: Request, told: Mapping[str, str]) -> dict[str, str]:
    """What is missing, and what the API would refuse two pages later."""
    if told.get("anonymous") == "yes":
        return {}
    if missing := _missing(request, told, "name", "phone"):
        return missing
    try:
        Reporter.model_validate(_reporter(request, told))
    except ValidationError as error:
        return explained(request, Answer(422, from_validation_error(error).body(chosen(request)), {}))
    return {}


def _reporter(request: Request, told: Mapping[str, str]) -> dict[str, str]:
    return {"name": told.get("name", ""), "phone": told.get("phone", "").strip(), "language": chosen(request)}


def _body(request: Request, told: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes."""
    body = _matter(told) | {name: told[name] for name in ("narrative", "priority") if name in told} | {"channel": "web"}
    if receipts := told.get("receipts", "").split():
        body["attachments"] = receipts
    if told.get("anonymous") == "yes":
        return body | {"anonymous": True}
    return body | {"reporter": _reporter(request, told)}


def _matter(told: Mapping[str, str]) -> dict[str, Any]:
    return {"village_code": told.get("village", "")} | {name: told[name] for name in MATTER if name in told}


async def _store_photo(request: Request, form: FormData, told: dict[str, str]) -> dict[str, str]:
    """Upload what came along, and keep its receipt. Returns what is wrong with it."""
    photo = form.get("photo")
    content = await photo.read() if isinstance(photo, UploadFile) else b""
    if not content:
        return {}
    headers = {"Idempotency-Key": new_id(), "Content-Type": "application/octet-stream"}
    answer = await ask(request, "POST", "/api/intake/v1/attachments", content=content, headers=headers)
    if not answer.good:
        return {"photo": answer.detail}
    told["receipts"] = " ".join([*told.get("receipts", "").split(), answer.body["receipt"]])
    return {}


def _where(request: Request, asked: Mapping[str, str], told: Mapping[str, str]) -> Response:
    regions = _app(request).regions
    q = asked.get("q", "").strip()
    county, township = regions.get(asked.get("county", "")), regions.get(asked.get("township", ""))
    found: list[Region] = []
    if q:
        found = [region for region in regions if region.level == "village" and q in region.full_name][: SHOWN + 1]
    elif township:
        found = list(regions.children(township.code))
    elif county:
        found = list(regions.children(county.code))
    else:
        found = list(regions.counties)
    more = bool(q) and len(found) > SHOWN
    example = next((region.name for region in regions if region.level == "village"), "")
    known: dict[str, Any] = {
        "q": q,
        "county": county,
        "township": township,
        "found": found[:SHOWN] if q else found,
        "more": more,
        "example": example,
    }
    return _step(request, "raise_where", 1, told, {}, **known)


async def _what(request: Request, told: Mapping[str, str], wrong: Mapping[str, str], status: int = 0) -> Response:
    return _step(request, "raise_what", 2, told, wrong, status=status, topics=(await _topics(request)).values())


async def _more(request: Request, told: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    """The second screen of step 2, with what may be the same matter; the first again if the API would refuse what it says."""
    answer = await ask(request, "POST", "/api/intake/v1/issues/alike", json=_matter(told))
    if not answer.good:
        return await _what(request, told, explained(request, answer), answer.status)
    return _step(request, "raise_more", 2, told, wrong, alike=answer.body["items"])


def _who(request: Request, told: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    return _step(request, "raise_who", 3, told, wrong)


async def _check(request: Request, told: Mapping[str, str], wrong: Mapping[str, str], status: int = 200) -> Response:
    topic = (await _topics(request)).get(told.get("topic", ""))
    return _step(request, "raise_check", 4, told, wrong, status=status, topic=topic)


def _step(
    request: Request, name: str, step: int, told: Mapping[str, str], wrong: Mapping[str, str], status: int = 0, **more: Any
) -> Response:
    place = _app(request).regions.get(told.get("village", ""))
    known = {"step": step, "told": told, "place": place.full_name if place else "", "wrong": wrong}
    kept = {} if told.keys() & {"name", "phone"} else KEPT
    return PAGES.show(request, name, status=status or (422 if wrong else 200), headers=kept, **known, **more)


async def _topics(request: Request) -> dict[str, KnownTopic]:
    async with _app(request).database.transaction() as session:
        return {topic.code: topic for topic in await repository.topics(session)}
