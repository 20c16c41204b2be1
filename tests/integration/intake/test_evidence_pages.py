"""Photos beside the work on an issue: uploaded from routing's form, looked at by staff, and nothing typed is lost."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared.ids import new_id
from shared.security.principal import Principal
from tests.integration.intake.conftest import CADRE, Intake
from tests.integration.intake.test_attachments import photo
from tests.support.pages import Page
from tests.support.platform import bearer, principal

ORIGIN = {"Origin": "http://127.0.0.1:8080"}
TYPED = {
    "issue_id": new_id(),
    "command": "resolve",
    "outcome": "solved",
    "result": "第一行\r\n<b>第二行</b>",
    "version": '"3"',
    "key": "k1",
}


def signed_in(who: Principal) -> dict[str, str]:
    return {"Cookie": "huiyin_access=" + bearer(who)["Authorization"].removeprefix("Bearer ")}


async def send(intake: Intake, content: bytes, headers: dict[str, str], **changes: Any) -> httpx.Response:
    files = {"photo": ("IMG_1.jpg", content)}
    return await intake.http.post("/evidence", data=TYPED | changes, files=files, headers=ORIGIN | headers)


async def test_a_photo_becomes_a_receipt_in_the_form_with_everything_that_was_typed(intake: Intake) -> None:
    answer = await send(intake, photo(), signed_in(CADRE))
    assert answer.status_code == 200
    page = Page(answer)
    back = page.forms[f"/work/{TYPED['issue_id']}/resolve"].fields
    assert back["draft"] == "yes"
    assert back["result"] == "第一行\n<b>第二行</b>"
    assert {name: back[name] for name in ("outcome", "version", "key")} == {"outcome": "solved", "version": '"3"', "key": "k1"}
    assert intake.app.attachments.receipts.verify(back["evidence"], now=datetime.now(UTC)).media_type == "image/jpeg"
    second = Page(await send(intake, photo(), signed_in(CADRE), evidence=back["evidence"]))
    assert len(second.forms[f"/work/{TYPED['issue_id']}/resolve"].fields["evidence"].split()) == 2


@pytest.mark.parametrize("content", [b"", b"MZ no photo at all"])
async def test_what_is_no_photo_is_refused_and_nothing_typed_is_lost(intake: Intake, content: bytes) -> None:
    answer = await send(intake, content, signed_in(CADRE))
    assert answer.status_code == 422
    page = Page(answer)
    assert "没有存上" in page.text
    back = page.forms[f"/work/{TYPED['issue_id']}/resolve"].fields
    assert back["result"] == "第一行\n<b>第二行</b>"
    assert not back.get("evidence")


@pytest.mark.parametrize("headers", [{}, {"Cookie": "huiyin_access=nonsense"}])
async def test_a_session_that_ran_out_loses_no_word(intake: Intake, headers: dict[str, str]) -> None:
    answer = await send(intake, photo(), headers)
    page = Page(answer)
    assert "登录到时间了" in page.text
    assert page.forms[f"/work/{TYPED['issue_id']}/resolve"].fields["result"] == "第一行\n<b>第二行</b>"
    assert intake.rows("SELECT count(*) FROM intake.attachments") == [(0,)]


async def test_the_form_of_another_site_and_a_forged_target_do_nothing(intake: Intake) -> None:
    assert (await send(intake, photo(), signed_in(CADRE) | {"Origin": "http://evil.example"})).status_code == 403
    for changes in ({"command": "//evil.example"}, {"issue_id": "../sign-out"}, {"command": "accept"}):
        assert (await send(intake, photo(), signed_in(CADRE), **changes)).status_code == 404
    assert intake.rows("SELECT count(*) FROM intake.attachments") == [(0,)]


async def test_staff_of_the_region_look_at_a_photo_and_each_look_is_audited(intake: Intake) -> None:
    uploaded = (await intake.upload(photo())).json()
    await intake.raised(attachments=[uploaded["receipt"]])
    path = f"/evidence/{uploaded['attachment_id']}"
    answer = await intake.http.get(path, headers=signed_in(CADRE))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert (
        answer.content == (await intake.http.get(f"/api/intake/v1/attachments/{uploaded['attachment_id']}", headers=bearer(CADRE))).content
    )
    assert answer.headers["cache-control"] == "private, no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    stranger = principal("officer", "330523000000")
    assert (await intake.http.get(path, headers=signed_in(stranger))).status_code == 404
    assert (await intake.http.get(path)).headers["location"].startswith("/sign-in")
    assert len(intake.rows("SELECT 1 FROM intake.audit WHERE action = 'read_attachment' AND status = 200")) == 2
