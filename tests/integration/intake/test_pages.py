"""Raising a matter in four steps, finding it again, and the reporter's word, as people without JavaScript do it."""

from typing import Any

import httpx
import pytest

from tests.integration.intake.conftest import CADRE, Intake
from tests.integration.intake.test_attachments import photo
from tests.integration.intake.test_reporter_side import RESOLVED
from tests.support.events import VILLAGE
from tests.support.pages import Page
from tests.support.platform import principal, token

NAME, PHONE = "李四海", "13911112222"
WORDS = "水管漏了\n<script>alert(1)</script> \u202e\"'& 🚰"
WHAT = {"category": "hardship", "topic": "street_light", "title": "村口路灯不亮", "narrative": WORDS, "priority": "routine"}
ORIGIN = {"Origin": "http://test"}


async def send(intake: Intake, form: str, page: Page, **changes: Any) -> httpx.Response:
    """A form of `page` as the browser sends it, with what was typed."""
    fields = page.forms[form].fields | changes
    if form == "/raise/what":
        empty = {"photo": fields.pop("photo", ("", b""))}
        return await intake.http.post(form, data=fields, files=empty)
    return await intake.http.post(form, data=fields)


async def at_check(intake: Intake, **who: str) -> Page:
    """On the fourth step."""
    what = Page(await intake.http.get("/raise/what", params={"village": VILLAGE}))
    asked = Page(await send(intake, "/raise/what", what, **WHAT))
    return Page(await send(intake, "/raise/who", asked, **(who or {"name": NAME, "phone": PHONE})))


async def raised(intake: Intake) -> tuple[str, Page]:
    """The token of a new issue, and its slip."""
    sent = await send(intake, "/raise/send", await at_check(intake))
    assert sent.status_code == 303, sent.text
    slip = sent.headers["location"]
    return slip.split("/")[2].partition("?")[0], Page(await intake.http.get(slip))


async def test_the_village_is_found_by_name_or_by_county_and_township(intake: Intake) -> None:
    start = Page(await intake.http.get("/raise"))
    assert "/raise?county=330182000000" in start.links
    county = Page(await intake.http.get("/raise", params={"county": "330182000000"}))
    assert "/raise?township=330182104000" in county.links
    assert f"/raise/what?village={VILLAGE}" in Page(await intake.http.get("/raise", params={"township": "330182104000"})).links
    assert f"/raise/what?village={VILLAGE}" in Page(await intake.http.get("/raise", params={"q": "龙泉"})).links
    assert "没有找到" in Page(await intake.http.get("/raise", params={"q": "<b>nowhere"})).text
    assert (await intake.http.get("/raise/what", params={"village": "330182104000"})).headers["location"] == "/raise"


async def test_a_matter_is_raised_in_four_steps_once(intake: Intake) -> None:
    check = await at_check(intake)
    for said in (NAME, PHONE, WHAT["title"], WORDS, "龙泉村"):
        assert said in check.text
    first, again = await send(intake, "/raise/send", check), await send(intake, "/raise/send", check)
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"], "sent twice, raised once"
    assert not any(said in first.headers["location"] for said in (NAME, PHONE))
    slip = Page(await intake.http.get(first.headers["location"]))
    ((number, region, anonymous),) = intake.rows("SELECT number, region, anonymous FROM intake.issues")
    assert number in slip.text
    assert (region, anonymous) == (VILLAGE, False)


async def test_what_is_missing_is_said_beside_the_field_and_nothing_typed_is_lost(intake: Intake) -> None:
    what = Page(await intake.http.get("/raise/what", params={"village": VILLAGE}))
    answer = await send(intake, "/raise/what", what, **WHAT | {"title": ""})
    assert answer.status_code == 422
    again = Page(answer)
    assert "写一句话说清楚" in again.text
    assert again.forms["/raise/what"].fields["narrative"].strip("\n") == WORDS
    who = Page(await send(intake, "/raise/what", again, **WHAT))
    refused = await send(intake, "/raise/who", who, name=NAME)
    assert refused.status_code == 422
    assert Page(refused).forms["/raise/who"].fields["name"] == NAME
    assert "请写电话" in Page(refused).text


@pytest.mark.parametrize(
    ("wrong", "form", "kept"),
    [
        ({"title": "打我电话 13812345678"}, "/raise/what", "narrative"),
        ({"topic": "no_such_topic"}, "/raise/what", "title"),
        ({"phone": "12"}, "/raise/who", "name"),
        ({"village": "330182104999"}, "/raise/what", "title"),
    ],
)
async def test_what_the_api_refuses_is_asked_again(intake: Intake, wrong: dict[str, str], form: str, kept: str) -> None:
    check = await at_check(intake)
    answer = await send(intake, "/raise/send", check, **wrong)
    assert answer.status_code == 422
    page = Page(answer)
    expected = check.forms["/raise/send"].fields[kept]
    found = [each.fields.get(kept, "").strip("\n") for each in page.forms.values()]
    assert expected in found
    assert "有地方要改一下" in page.text
    assert intake.rows("SELECT count(*) FROM intake.issues") == [(0,)]


async def test_one_can_go_back_and_change_it(intake: Intake) -> None:
    check = await at_check(intake)
    what = Page(await send(intake, "/raise/what", check, change="yes"))
    assert what.forms["/raise/what"].fields["title"] == WHAT["title"]
    who = Page(await send(intake, "/raise/who", check, change="yes"))
    assert who.forms["/raise/who"].fields["phone"] == PHONE


async def test_anonymous_is_anonymous(intake: Intake) -> None:
    check = await at_check(intake, anonymous="yes", name="", phone="")
    sent = await send(intake, "/raise/send", check)
    assert "请记好下面的编号和链接" in Page(await intake.http.get(sent.headers["location"])).text
    assert intake.rows("SELECT anonymous FROM intake.issues") == [(True,)]
    assert intake.rows("SELECT count(*) FROM intake.vault WHERE kind = 'reporter'") == [(0,)]


async def test_a_photo_goes_along_and_another_file_is_refused_with_the_text_kept(intake: Intake) -> None:
    what = Page(await intake.http.get("/raise/what", params={"village": VILLAGE}))
    refused = Page(await send(intake, "/raise/what", what, **WHAT, photo=("a.exe", b"MZ" * 100)))
    assert refused.forms["/raise/what"].fields["title"] == WHAT["title"]
    who = Page(await send(intake, "/raise/what", refused, **WHAT, photo=("a.jpg", photo())))
    check = Page(await send(intake, "/raise/who", who, name=NAME, phone=PHONE))
    assert (await send(intake, "/raise/send", check)).status_code == 303
    assert intake.rows("SELECT count(*) FROM intake.attachments WHERE issue_id IS NOT NULL") == [(1,)]


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


@pytest.mark.parametrize("path", ["/raise", f"/raise/what?village={VILLAGE}", "/find"])
async def test_every_page_speaks_both_languages_and_needs_no_script(intake: Intake, path: str) -> None:
    chinese, english = Page(await intake.http.get(path)), Page(await intake.http.get(path, headers={"Accept-Language": "en"}))
    assert (chinese.language, english.language) == ("zh-CN", "en")
    assert chinese.text != english.text
    assert chinese.scripts == english.scripts == 0
