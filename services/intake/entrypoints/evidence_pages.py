"""Photos beside the work on an issue: uploading one from routing's form, which goes on with everything typed, and looking at one."""

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from services.intake.entrypoints.attachments_api import BODY_LIMIT, in_memory
from shared.ids import is_id, new_id
from shared.problems import not_found
from shared.web.pages import Pages, ask, say
from shared.web.pages.asking import Refused
from shared.web.pages.sessions import Person, bearer_of, same_origin

router = APIRouter(dependencies=[Depends(same_origin)])

UPLOAD = "/evidence"
BODY_LIMITS = {UPLOAD: BODY_LIMIT}
MOST_FIELDS = 16
"""More than any command's form has."""
COMMANDS = ("resolve", "report-progress")
"""The forms that take evidence."""
NO_FILE = ("请先选一个文件", "Choose a file first")
SIGNED_OUT = (
    "登录到时间了,文件没有存上。请继续,再传一次;写的内容都在。",
    "Your session had to be renewed, and the file was not kept. Go on and upload it again; nothing you wrote is lost.",
)
PASSED_ON = ("content-type", "content-disposition", "content-security-policy", "cache-control")

_PAGES = Pages("services.intake")


@router.post(UPLOAD)
async def upload(request: Request) -> Response:
    """Keep a photo, and hand the form back with its receipt. Whoever is signed out meanwhile loses no word either."""
    form = await in_memory(request, max_fields=MOST_FIELDS)
    try:
        fields = {name: value.replace("\r\n", "\n") for name, value in form.multi_items() if isinstance(value, str)}
        issue_id, command = fields.pop("issue_id", ""), fields.pop("command", "")
        if not is_id(issue_id) or command not in COMMANDS:
            raise not_found()
        receipt, wrong = await _kept(request, form)
    finally:
        await form.close()
    if receipt:
        fields["evidence"] = f"{fields.get('evidence', '')} {receipt}".strip()
    status = 422 if wrong else 200
    return _PAGES.show(request, "evidence", status=status, issue_id=issue_id, command=command, fields=fields, wrong=wrong)


@router.get(UPLOAD + "/{attachment_id}")
async def look(attachment_id: str, request: Request, person: Person) -> Response:
    """One photo or document, as the API gives it; the read is audited there."""
    answer = await ask(request, "GET", f"/api/intake/v1/attachments/{attachment_id}")
    if not answer.good:
        raise Refused(answer)
    return Response(answer.content, 200, {name: answer.headers[name] for name in PASSED_ON if name in answer.headers})


async def _kept(request: Request, form: FormData) -> tuple[str, str]:
    """The receipt of the photo that came along, or why there is none."""
    if bearer_of(request) is None:
        return "", say(request, *SIGNED_OUT)
    photo = form.get("photo")
    content = await photo.read() if isinstance(photo, UploadFile) else b""
    if not content:
        return "", say(request, *NO_FILE)
    headers = {"Idempotency-Key": new_id(), "Content-Type": "application/octet-stream"}
    answer = await ask(request, "POST", "/api/intake/v1/attachments", content=content, headers=headers)
    if answer.status == 401:
        return "", say(request, *SIGNED_OUT)
    return (str(answer.body["receipt"]), "") if answer.good else ("", next(iter(answer.wrong.values())))
