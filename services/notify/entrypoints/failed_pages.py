"""Operators' page of failed notices: why each failed, and sending one or many again."""

from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from services.notify.entrypoints.operation import FAILED
from services.notify.entrypoints.pages import KINDS
from shared.ids import is_id, new_id
from shared.web.operation import Text
from shared.web.pages import Pages, ask, ask_or_fail
from shared.web.pages.sessions import Person, same_origin

AT_ONCE = 50
"""Notices of a page, and most that one form sends again."""

FILTERS = ("reason", "channel", "issue_id")

CHANNELS: dict[str, Text] = {"sms": ("短信", "SMS"), "email": ("邮件", "E-mail"), "apprise": ("工作群", "Chat")}

_REASONS: dict[str, Text] = {
    "no_contact": ("反映人的信息已删除,再发也没有用", "The reporter's data are erased; sending again is of no use"),
    "no_address": ("没有能用的手机号或邮箱", "There is no usable number or address"),
    "no_receipt": ("短信网关收下了,一直没有回执", "The SMS gateway took it and never sent a receipt"),
    "internal_error": ("系统自己出错,看通知服务的日志", "A mistake of the system: see this service's log"),
}
_BY_CHANNEL: dict[str, Text] = {
    "gateway": ("短信网关不收或不应答", "The SMS gateway refused it or did not answer"),
    "smtp": ("邮件服务器不收或不应答", "The mail server refused it or did not answer"),
    "apprise": ("工作群的机器人不收或不应答", "The chat refused it or did not answer"),
}
_OTHER: Text = ("短信网关的回执说没有送到", "The SMS gateway's receipt says that it was not delivered")


def why(reason: str | None) -> Text:
    """A reason of notify's in words."""
    code = reason or ""
    return _REASONS.get(code) or _BY_CHANNEL.get(code.partition("_")[0], _OTHER)


PAGES = Pages("services.notify", {"kinds": KINDS, "channels": CHANNELS, "why": why})

router = APIRouter(dependencies=[Depends(same_origin)])


@router.get(FAILED)
async def failed(request: Request, person: Person, cursor: str = "") -> Response:
    """Newest first, by reason, channel or issue."""
    chosen = {name: value for name in FILTERS if (value := request.query_params.get(name, "").strip())}
    asked: dict[str, str | int | list[str]] = {**chosen, "limit": AT_ONCE}
    told = await ask_or_fail(request, "/api/notify/v1/notices/failed", asked | ({"cursor": cursor} if cursor else {}))
    older = urlencode({**chosen, "cursor": told["next"]}) if told["next"] else ""
    done, of = (request.query_params.get(name, "") for name in ("done", "of"))
    said = {"done": done, "of": of} if done.isdecimal() and of.isdecimal() else None
    return PAGES.show(request, "failed", person=person, told=told, chosen=chosen, older=older, said=said)


@router.post(FAILED)
async def send_again(request: Request, person: Person) -> Response:
    """The picked ones, or all that the form listed; how many were queued is said on the page that follows."""
    form = await request.form()
    wanted = [str(each) for each in form.getlist("listed" if form.get("every") else "notice") if is_id(str(each))][:AT_ONCE]
    done = 0
    for notice_id in wanted:
        key = {"Idempotency-Key": new_id()}
        done += (await ask(request, "POST", f"/api/notify/v1/notices/{notice_id}/resend", json={}, headers=key)).good
    kept = {name: str(form[name]) for name in FILTERS if form.get(name)}
    return RedirectResponse(f"{FAILED}?{urlencode({**kept, 'done': done, 'of': len(wanted)})}", 303)
