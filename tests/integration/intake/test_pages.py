"""The slip, finding a matter again, the reporter's word, and what staff read, as people without JavaScript do it."""

import pytest

from tests.integration.intake.conftest import CADRE, Intake
from tests.integration.intake.test_raise_pages import PHONE, WORDS, raised
from tests.integration.intake.test_reporter_side import RESOLVED
from tests.support.pages import Page
from tests.support.platform import principal, token

ORIGIN = {"Origin": "http://test"}


async def test_who_lost_the_link_finds_it_by_number_and_phone(intake: Intake) -> None:
    known, slip = await raised(intake)
    ((number,),) = intake.rows("SELECT number FROM intake.issues")
    assert number in slip.text
    found = await intake.http.post("/find", data={"number": number, "phone_last4": PHONE[-4:]})
    assert (found.status_code, found.headers["location"]) == (303, f"/t/{known}")
    wrong = await intake.http.post("/find", data={"number": number, "phone_last4": "0000"})
    unknown = await intake.http.post("/find", data={"number": f"{number[:-4]}9999", "phone_last4": "0000"})
    assert wrong.status_code == unknown.status_code == 404
    assert wrong.text.replace(number, "") == unknown.text.replace(f"{number[:-4]}9999", "")
    assert Page(wrong).forms["/find"].fields["number"] == number


@pytest.mark.parametrize("path", ["/slip/nobody", "/answer/nobody/rating"])
async def test_a_token_that_nobody_holds(intake: Intake, path: str) -> None:
    answer = await (intake.http.get(path) if "slip" in path else intake.http.post(path, data={"rating": "fair"}))
    assert answer.status_code == 404


async def test_the_reporters_word_is_taken_or_given_back(intake: Intake) -> None:
    known, _ = await raised(intake)
    ((issue_id,),) = intake.rows("SELECT issue_id FROM intake.issues")
    early = await intake.http.post(f"/answer/{known}/rating", data={"rating": "dissatisfied", "comment": WORDS})
    assert early.status_code == 409
    assert Page(early).forms[f"/answer/{known}/rating"].fields["comment"].strip("\n") == WORDS
    await intake.routed(issue_id, *RESOLVED)
    taken = await intake.http.post(f"/answer/{known}/rating", data={"rating": "dissatisfied", "comment": WORDS})
    assert (taken.status_code, taken.headers["location"]) == (303, f"/t/{known}?said=rated")
    assert [event.name for event in await intake.stream(issue_id)][-1] == "Rated"
    assert (await intake.http.post(f"/answer/{known}/nonsense")).status_code == 404


async def test_the_statement_is_read_only_when_asked_for_and_by_whom_it_concerns(intake: Intake) -> None:
    await raised(intake)
    ((issue_id,),) = intake.rows("SELECT issue_id FROM intake.issues")
    path, audited = f"/statement/{issue_id}", "SELECT count(*) FROM intake.audit WHERE action = 'read_statement' AND status = 200"
    assert (await intake.http.get(path)).headers["location"] == f"/sign-in?next={path}"
    mine, theirs = ({"Cookie": f"huiyin_access={token(who)}"} for who in (CADRE, principal("officer", "330523001000")))
    assert PHONE not in Page(await intake.http.get(path, headers=mine)).text
    assert intake.rows(audited) == [(0,)]
    assert (await intake.http.post(path, headers=mine | {"Origin": "http://evil.example"})).status_code == 403
    read = Page(await intake.http.post(path, headers=mine | ORIGIN))
    assert PHONE in read.text
    assert WORDS in read.text
    assert intake.rows(audited) == [(1,)]
    assert (await intake.http.post(path, headers=theirs | ORIGIN)).status_code == 404


@pytest.mark.parametrize("typed", ["{0}{1}{2}", " {0} {1} {2} ", "{0}－{1}－{2}"])
async def test_a_number_is_found_however_it_is_typed(intake: Intake, typed: str) -> None:
    known, _ = await raised(intake)
    ((number,),) = intake.rows("SELECT number FROM intake.issues")
    found = await intake.http.post("/find", data={"number": typed.format(*number.split("-")), "phone_last4": PHONE[-4:]})
    assert found.headers["location"] == f"/t/{known}"


async def test_what_is_wrong_with_a_look_up_is_said_so_that_it_can_be_put_right(intake: Intake) -> None:
    answer = await intake.http.post("/find", data={"number": "3301", "phone_last4": "abcd"})
    assert answer.status_code == 422
    assert "编号是三段数字" in Page(answer).text
    assert "最后四位数字" in Page(answer).text


async def test_the_slip_says_what_comes_next(intake: Intake) -> None:
    _, slip = await raised(intake)
    ((number,),) = intake.rows("SELECT number FROM intake.issues")
    for said in (number, "村口路灯不亮", "龙泉村", "马上派给村里", "每有进展发短信"):
        assert said in slip.text
    _, conduct = await raised(intake, category="conduct", anonymous="yes")
    for said in ("镇里的纪检干部", "丢了就找不回来"):
        assert said in conduct.text
    assert "派给村里" not in conduct.text
