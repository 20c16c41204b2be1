import asyncio
import io
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

from services.intake import media
from services.intake.media import LARGEST_UPLOAD
from shared.contracts.intake import AttachmentAdded, IssueRaised
from tests.integration.intake.conftest import CADRE, OFFICER, Intake
from tests.support.events import OTHER_TOWNSHIP, SIBLING_VILLAGE
from tests.support.platform import bearer, principal

CANARY = "CANARY-张三丰-13800001234"
PATH = "/api/intake/v1/attachments"


def photo(text: str = CANARY) -> bytes:
    marks = Image.Exif()
    marks[0x010E] = text
    drawn = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(drawn, "JPEG", exif=marks)
    return drawn.getvalue()


PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("attachments/*/*") if path.is_file()]


async def test_a_photo_is_uploaded_raised_with_and_given_out_again(intake: Intake, tmp_path: Path):
    uploaded = await intake.upload(photo())
    assert uploaded.status_code == 201
    receipt = uploaded.json()
    assert receipt["media_type"] == "image/jpeg"
    issue = await intake.raised(attachments=[receipt["receipt"]])
    event = (await intake.stream(issue["issue_id"]))[0].data
    assert isinstance(event, IssueRaised)
    assert [(item.attachment_id, item.sha256) for item in event.evidence] == [(receipt["attachment_id"], receipt["sha256"])]
    by_reporter = await intake.http.get(f"{PATH}/{receipt['attachment_id']}", headers={"Huiyin-Tracking-Token": issue["token"]})
    by_staff = await intake.http.get(f"{PATH}/{receipt['attachment_id']}", headers=bearer(OFFICER))
    assert by_reporter.content == by_staff.content
    assert Image.open(io.BytesIO(by_staff.content)).getexif() == {}
    assert by_staff.headers["content-type"] == "image/jpeg"
    assert by_staff.headers["x-content-type-options"] == "nosniff"
    assert by_staff.headers["content-disposition"].startswith("inline; filename=")
    assert "sandbox" in by_staff.headers["content-security-policy"]
    (stored,) = files(tmp_path)
    assert b"JFIF" not in stored.read_bytes()
    reads = intake.rows("SELECT who FROM intake.audit WHERE action = 'read_attachment' ORDER BY at")
    assert reads == [("reporter",), (OFFICER.subject,)]


async def test_multipart_and_a_pdf_for_download(intake: Intake):
    form = {"file": ("../../路灯.pdf", PDF, "image/png")}
    headers = {"Idempotency-Key": "k", **bearer(CADRE)}
    uploaded = await intake.http.post(PATH, files=form, headers=headers)
    assert uploaded.status_code == 201
    assert uploaded.json()["media_type"] == "application/pdf"
    again = await intake.http.post(PATH, files=form, headers=headers)
    assert again.headers["idempotency-replayed"] == "true", "another boundary is the same request"
    issue = await intake.raised(CADRE, attachments=[uploaded.json()["receipt"]])
    got = await intake.http.get(f"{PATH}/{uploaded.json()['attachment_id']}", params={"token": issue["token"]})
    assert got.content == PDF
    assert got.headers["content-disposition"] == f'attachment; filename="{uploaded.json()["attachment_id"]}.pdf"'


async def test_an_upload_may_belong_to_an_issue_already(intake: Intake):
    issue = await intake.raised()
    token = {"Huiyin-Tracking-Token": issue["token"]}
    assert (await intake.upload(photo("1"), headers=token)).status_code == 201
    assert (await intake.upload(photo("2"), headers=token, issue_id=issue["issue_id"])).status_code == 201
    assert (await intake.upload(photo("3"), OFFICER, issue_id=issue["issue_id"])).status_code == 201
    events = (await intake.stream(issue["issue_id"]))[1:]
    assert [type(event.data) for event in events] == [AttachmentAdded] * 3
    path = f"/api/intake/v1/issues/{issue['issue_id']}/statement"
    assert len((await intake.http.get(path, headers=bearer(CADRE))).json()["attachments"]) == 3
    for refused in (
        await intake.upload(photo(), issue_id=issue["issue_id"]),
        await intake.upload(photo(), principal("officer", OTHER_TOWNSHIP), issue_id=issue["issue_id"]),
        await intake.upload(photo(), headers={"Huiyin-Tracking-Token": "A" * 22}),
        await intake.upload(photo(), headers=token, issue_id="0197f4a0-0000-7000-8000-000000000001"),
    ):
        assert refused.status_code in (401, 404), refused.text
    assert len(await intake.stream(issue["issue_id"])) == 4


async def test_who_may_download(intake: Intake):
    unused = (await intake.upload(photo(), CADRE)).json()["attachment_id"]
    assert (await intake.http.get(f"{PATH}/{unused}", headers=bearer(CADRE))).status_code == 200
    assert (await intake.http.get(f"{PATH}/{unused}", headers=bearer(OFFICER))).status_code == 404
    receipt = (await intake.upload(photo("x"))).json()
    issue = await intake.raised(category="conduct", topic="cadre", attachments=[receipt["receipt"]])
    other = await intake.raised()
    path = f"{PATH}/{receipt['attachment_id']}"
    assert (await intake.http.get(path)).status_code == 401
    assert (await intake.http.get(path, headers={"Huiyin-Tracking-Token": other["token"]})).status_code == 404
    assert (await intake.http.get(path, headers={"Huiyin-Tracking-Token": issue["token"]})).status_code == 200
    for hidden in (CADRE, principal("officer", OTHER_TOWNSHIP), principal("cadre", SIBLING_VILLAGE)):
        assert (await intake.http.get(path, headers=bearer(hidden))).status_code == 404
    assert (await intake.http.get(path, headers=bearer(principal("admin")))).status_code == 403
    for name in ("x", "%2e%2e", "0197f4a0-0000-7000-8000-000000000001"):
        assert (await intake.http.get(f"{PATH}/{name}", headers=bearer(OFFICER))).status_code == 404


async def test_a_receipt_is_good_for_one_issue(intake: Intake):
    receipt = (await intake.upload(photo())).json()["receipt"]
    twice = await intake.raise_issue(attachments=[receipt, receipt])
    assert twice.json()["errors"][0] | {"detail": ""} == {"pointer": "/attachments/1", "code": "receipt_used", "detail": ""}
    await intake.raised(attachments=[receipt])
    again = await intake.raise_issue(attachments=[receipt])
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "receipt_used")
    assert intake.rows("SELECT count(*) FROM intake.issues") == [(1,)], "nothing is left of the refused ones"


async def test_what_is_no_photo_and_no_pdf(intake: Intake, tmp_path: Path):
    for content, status, code in (
        (b"<html><script>alert(1)</script></html>", 415, "media_not_supported"),
        (b"\xff\xd8\xff\xe0broken", 422, "image_broken"),
        (b"%PDF-1.7 cut short", 422, "pdf_broken"),
        (b"", 422, "file_missing"),
    ):
        refused = await intake.upload(content, headers={"Content-Type": "image/jpeg"})
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert files(tmp_path) == []


async def test_ten_megabytes_and_not_one_byte_more(intake: Intake, tmp_path: Path):
    def padded(size: int) -> bytes:
        return PDF[:9] + b" " * (size - len(PDF)) + PDF[9:]

    assert (await intake.upload(padded(LARGEST_UPLOAD))).status_code == 201
    assert (await intake.upload(padded(LARGEST_UPLOAD + 1))).status_code == 413

    async def chunks():
        for _ in range(200):
            yield b"%PDF-1.7" + b" " * 100_000

    chunked = await intake.http.post(PATH, content=chunks(), headers={"Idempotency-Key": "chunked"})
    assert chunked.status_code == 413
    form = {"file": ("a.pdf", padded(LARGEST_UPLOAD + 1), "application/pdf")}
    assert (await intake.http.post(PATH, files=form, headers={"Idempotency-Key": "form"})).status_code == 413
    assert len(files(tmp_path)) == 1


async def test_a_key_is_required_and_uploads_at_once_are_one(intake: Intake, tmp_path: Path):
    assert (await intake.http.post(PATH, content=photo())).status_code == 400
    content = photo()
    answers = await asyncio.gather(*(intake.upload(content, key="same") for _ in range(8)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["attachment_id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(files(tmp_path)) == 1, "files of the others are gone again"
    assert (await intake.upload(photo("else"), key="same")).status_code == 422


async def test_an_upload_that_was_overtaken_keeps_no_file(intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, order = media.examined, count()
    first_is_in, second_is_in, first_is_done = Event(), Event(), Event()

    def in_turn(content: bytes) -> media.Media:
        if next(order) == 0:
            first_is_in.set()
            assert second_is_in.wait(10)
        else:
            second_is_in.set()
            assert first_is_done.wait(10)
        return real(content)

    monkeypatch.setattr(media, "examined", in_turn)
    content = photo()
    first = asyncio.create_task(intake.upload(content, key="same"))
    assert await asyncio.to_thread(first_is_in.wait, 10)
    second = asyncio.create_task(intake.upload(content, key="same"))
    answered = await first
    first_is_done.set()
    replayed = await second
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.json() == answered.json()
    assert [path.name for path in files(tmp_path)] == [answered.json()["attachment_id"]]


async def test_a_full_disk_is_503_and_leaves_nothing(intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.intake.attachment_files.replace", full)
    assert (await intake.upload(photo(), key="k")).status_code == 503
    monkeypatch.undo()
    assert (await intake.upload(photo(), key="k")).status_code == 201
    assert len(files(tmp_path)) == 1


async def test_what_nobody_used_is_swept_away(intake: Intake, tmp_path: Path):
    used = (await intake.upload(photo("1"))).json()
    await intake.upload(photo("2"))
    await intake.raised(attachments=[used["receipt"]])
    await intake.app.housekeeping.sweep()
    assert len(files(tmp_path)) == 2
    intake.clock.shift += timedelta(days=8)
    await intake.app.housekeeping.sweep()
    assert [path.name for path in files(tmp_path)] == [used["attachment_id"]]
