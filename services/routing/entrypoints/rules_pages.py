"""Pages of administrators: policies as tables, what a draft would do, publication by a second person, roll-outs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from services.routing.domain.presets import PRESETS
from services.routing.entrypoints.pages import PAGES, renewed
from services.routing.entrypoints.rules_text import allowances_of, matches_of, written
from shared.ids import new_id
from shared.web.pages import Answer, ask, ask_all, ask_or_fail
from shared.web.pages.sessions import Person, keep, same_origin

API = "/api/routing/v1/sla"
BLANK = 3
"""Empty rows below the rules, for new ones."""
MODES = {
    "recompute": ("在办的重新计算期限", "Recompute the deadlines of open issues"),
    "recompute_if_better": ("只在对反映人更好时重新计算", "Recompute only where it helps the citizen"),
    "keep": ("在办的期限不变,只管新事项", "Keep the deadlines of open issues; new ones only"),
}

router = APIRouter(dependencies=[Depends(same_origin), Depends(renewed)])


@router.get("/rules")
async def rules(request: Request, person: Person) -> Response:
    """Versions, drafts and roll-outs."""
    versions, drafts, rollouts = await ask_all(request, f"{API}/policies", f"{API}/policies/drafts", f"{API}/rollouts")
    return PAGES.show(
        request,
        "rules",
        person=person,
        versions=versions,
        drafts=drafts["items"],
        rollouts=rollouts["items"],
        presets=PRESETS,
    )


@router.post("/rules/drafts")
async def begin(request: Request, person: Person) -> Response:
    """A draft from a preset or a version (`preset:<name>`, `version:<n>`)."""
    kind, _, name = str((await request.form()).get("source", "")).partition(":")
    body: dict[str, Any] = {"preset": name} if kind == "preset" else {"version": int(name)} if name.isdigit() else {}
    answer = await ask(request, "POST", f"{API}/policies/drafts", json=body, headers={"Idempotency-Key": new_id()})
    return keep(request, RedirectResponse(f"/rules/drafts/{answer.body['draft_id']}" if answer.good else "/rules", 303))


@router.get("/rules/drafts/{draft_id}")
async def draft(draft_id: str, request: Request, person: Person, preview: Annotated[str, Query(pattern="^[a-z_]*$")] = "") -> Response:
    """The rules of a draft, what keeps it from being published, and what it would do."""
    return await _draft(request, person, draft_id, preview=preview if preview in MODES else "")


@router.post("/rules/drafts/{draft_id}")
async def change(draft_id: str, request: Request, person: Person) -> Response:
    """The table as it was typed. A row without a name is left out."""
    form = await request.form()
    note = str(form.get("note", ""))
    names, matches, sets = (([str(each) for each in form.getlist(column)]) for column in ("rule", "match", "set"))
    rows = [(name.strip(), match, allowances) for name, match, allowances in zip(names, matches, sets, strict=True) if name.strip()]
    try:
        changed = [{"rule": name, "match": matches_of(match), "set": allowances_of(allowances)} for name, match, allowances in rows]
    except ValueError as error:
        return await _draft(request, person, draft_id, typed=rows, wrong={"rules": str(error)}, note=note)
    body = {"note": note, "rules": changed}
    answer = await ask(request, "PUT", f"{API}/policies/drafts/{draft_id}", json=body, headers={"If-Match": str(form.get("version", ""))})
    if answer.good:
        return keep(request, RedirectResponse(f"/rules/drafts/{draft_id}?preview=recompute", 303))
    return await _draft(request, person, draft_id, typed=rows, wrong=answer.wrong, note=note, status=answer.status)


@router.post("/rules/drafts/{draft_id}/publish")
async def publish(draft_id: str, request: Request, person: Person) -> Response:
    """Published, and rolled out as `open_issues` says."""
    form = await request.form()
    headers = {"If-Match": str(form.get("version", "")), "Idempotency-Key": str(form.get("key") or new_id())}
    mode = str(form.get("open_issues", ""))
    answer = await ask(request, "POST", f"{API}/policies/drafts/{draft_id}/publish", json={"open_issues": mode}, headers=headers)
    if not answer.good:
        return await _draft(request, person, draft_id, preview=mode, wrong=answer.wrong, status=answer.status)
    return _onward(request, answer)


@router.post("/rules/versions/{version}/roll-back")
async def roll_back(version: int, request: Request, person: Person) -> Response:
    """A former version becomes the newest."""
    headers = {"Idempotency-Key": new_id()}
    answer = await ask(request, "POST", f"{API}/policies/versions/{version}/roll-back", json={}, headers=headers)
    return _onward(request, answer)


@router.get("/rules/rollouts/{rollout_id}")
async def rollout(rollout_id: str, request: Request, person: Person) -> Response:
    """How far it is; the page looks again by itself while it runs."""
    told = await ask_or_fail(request, f"{API}/rollouts/{rollout_id}")
    return PAGES.show(request, "rollout", person=person, rollout=told)


@router.post("/rules/rollouts/{rollout_id}/{wish}")
async def steer(rollout_id: str, wish: str, request: Request, person: Person) -> Response:
    """Pause, resume or cancel."""
    if wish in ("pause", "resume", "cancel"):
        await ask(request, "POST", f"{API}/rollouts/{rollout_id}/{wish}", json={})
    return keep(request, RedirectResponse(f"/rules/rollouts/{rollout_id}", 303))


async def _draft(
    request: Request,
    person: Person,
    draft_id: str,
    *,
    preview: str = "",
    typed: Sequence[tuple[str, str, str]] | None = None,
    wrong: Mapping[str, str] | None = None,
    note: str | None = None,
    status: int = 0,
) -> Response:
    told = await ask_or_fail(request, f"{API}/policies/drafts/{draft_id}")
    looked: Answer | None = None
    if preview and not told["errors"]:
        asked = {"draft_id": draft_id, "open_issues": preview}
        looked = await ask(request, "POST", f"{API}/policies/preview", json=asked)
    rows = typed or [(rule["rule"], written(rule["match"]), written(rule["set"])) for rule in told["rules"]]
    return PAGES.show(
        request,
        "draft",
        status=status or (422 if wrong else 200),
        person=person,
        draft=told,
        note=told["note"] if note is None else note,
        rows=[*rows, *[("", "", "")] * BLANK],
        wrong=wrong or {},
        preview=looked.body if looked and looked.good else None,
        mode=preview,
        modes=MODES,
        key=new_id(),
    )


def _onward(request: Request, answer: Answer) -> Response:
    started = answer.body.get("rollout") if answer.good else None
    return keep(request, RedirectResponse(f"/rules/rollouts/{started['rollout_id']}" if started else "/rules", 303))
