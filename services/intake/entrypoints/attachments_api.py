"""Photos and documents: `/api/intake/v1/attachments`."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from services.intake import repository
from services.intake.bootstrap import App
from services.intake.handlers import digest
from services.intake.media import LARGEST_UPLOAD
from services.intake.tables import Attachment, Issue
from shared import idempotency
from shared.ids import is_id
from shared.problems import Problem, not_found
from shared.security.access import check
from shared.security.dependencies import Caller, ClientAddress
from shared.security.principal import Principal
from shared.web.bodies import too_large
from shared.web.call import describe
from shared.web.openapi import COMMAND_PROBLEMS, READ_PROBLEMS
from shared.web.requests import header_parameter

PATH = "/api/intake/v1/attachments"
ENVELOPE = 64 * 1024
"""What multipart may add to a file of the largest size."""
BODY_LIMIT = LARGEST_UPLOAD + ENVELOPE

TokenHeader = Annotated[str | None, Header(alias="Huiyin-Tracking-Token", description="The reporter's tracking token.")]
TokenQuery = Annotated[str | None, Query(alias="token", description="The tracking token, where a header cannot be sent.")]
IssueQuery = Annotated[str | None, Query(description="The issue that the file belongs to, if it was raised already.")]

_FILE: dict[str, Any] = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": _FILE, "issue_id": {"type": "string"}}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/octet-stream": {"schema": _FILE},
            **{kind: {"schema": _FILE} for kind in ("image/jpeg", "image/png", "image/webp", "application/pdf")},
        },
    },
    "parameters": [header_parameter("Idempotency-Key", "Makes a repeat answer what the first request did.", required=True)],
}

router = APIRouter(prefix="/v1", tags=["attachments"])


@dataclass(frozen=True, slots=True)
class _Upload:
    content: bytes
    issue_id: str | None


class _InMemory(MultiPartParser):
    """Keeps files in memory: a spooled file would put a photo on the disk unsealed."""

    spool_max_size = BODY_LIMIT


@router.post("/attachments", status_code=201, summary="Upload a photo or PDF", responses=COMMAND_PROBLEMS, openapi_extra=_BODY)
async def upload(
    request: Request, principal: Caller, address: ClientAddress, token: TokenHeader = None, issue_id: IssueQuery = None
) -> Response:
    """Answers a signed receipt that `issues`, `resolve` and `report-progress` take within 24 hours."""
    describe("upload")
    app: App = request.app.state.services
    await app.limiter.admit(principal, address)
    check(principal, "raise_issue")
    idempotency_caller = idempotency.caller_of(principal, address)
    await idempotency.claim(request, idempotency_caller, required=True, content=b"")
    sent = await _sent(request)
    issue = await _named(app, principal, token, sent.issue_id or issue_id)
    if issue:
        describe("upload", region=issue.region, issue_id=issue.issue_id)
    same = sha256(sent.content).digest() + (issue.issue_id.encode() if issue else b"")
    claimed = await idempotency.claim(request, idempotency_caller, required=True, content=same)
    assert claimed is not None
    uploaded_by = f"staff:{principal.subject}" if principal else "reporter"
    return await app.attachments.upload(sent.content, uploaded_by=uploaded_by, issue=issue, claimed=claimed)


@router.get("/attachments/{attachment_id}", summary="Download a photo or PDF", response_class=Response, responses=READ_PROBLEMS)
async def download(
    attachment_id: str, request: Request, principal: Caller, header: TokenHeader = None, query: TokenQuery = None
) -> Response:
    """Staff of the region, or the reporter by tracking token. Every read is audited."""
    describe("read_attachment")
    app: App = request.app.state.services
    token = header or query
    if token is None:
        check(principal, "read_attachment")
    async with app.database.transaction() as session:
        found = await repository.attachment(session, attachment_id) if is_id(attachment_id) else None
        if found is None:
            raise not_found()
        issue = await repository.issue_by_id(session, found.issue_id) if found.issue_id else None
        if token is not None:
            _check_token(issue, token)
        else:
            _check_staff(principal, found, issue)
        return await app.attachments.download(session, found, who=None if token is None else "reporter")


def _check_token(issue: Issue | None, token: str) -> None:
    if issue is None or issue.tracking_digest != digest(token):
        raise not_found()


def _check_staff(principal: Principal | None, found: Attachment, issue: Issue | None) -> None:
    """An upload that no issue uses yet is its uploader's alone."""
    if issue is not None:
        describe("read_attachment", region=issue.region, issue_id=issue.issue_id)
        check(principal, "read_attachment", issue.region, conduct=issue.category == "conduct")
    elif principal is None or found.uploaded_by != f"staff:{principal.subject}":
        raise not_found()


async def _named(app: App, principal: Principal | None, token: str | None, issue_id: str | None) -> Issue | None:
    """The issue that an upload belongs to: of the reporter's token, or one that the staff member may see; None where none is named."""
    if token is None and issue_id is None:
        return None
    async with app.database.transaction() as session:
        if token is not None:
            issue = await repository.issue_by_digest(session, digest(token))
        else:
            issue = await repository.issue_by_id(session, issue_id or "")
    if issue is None or (issue_id is not None and issue.issue_id != issue_id):
        raise not_found()
    if token is None:
        check(principal, "read_attachment", issue.region, conduct=issue.category == "conduct")
    return issue


async def _sent(request: Request) -> _Upload:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        found = await _from_form(request)
    else:
        found = _Upload(await request.body(), None)
    if not found.content:
        raise Problem("file_missing", 422)
    if len(found.content) > LARGEST_UPLOAD:
        raise too_large(LARGEST_UPLOAD)
    return found


async def in_memory(request: Request, *, max_fields: int) -> FormData:
    """A multipart form with at most one file, none of it on the disk. Raises Problem 422 for what is no form."""

    async def whole() -> AsyncGenerator[bytes]:
        yield await request.body()

    try:
        return await _InMemory(request.headers, whole(), max_files=1, max_fields=max_fields).parse()
    except (MultiPartException, KeyError):
        raise Problem("file_missing", 422) from None


async def _from_form(request: Request) -> _Upload:
    form = await in_memory(request, max_fields=2)
    try:
        file, issue_id = form.get("file"), form.get("issue_id")
        content = await file.read() if isinstance(file, UploadFile) else b""
    finally:
        await form.close()
    return _Upload(content, issue_id if isinstance(issue_id, str) and issue_id else None)
