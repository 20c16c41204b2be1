"""Raising a matter in four steps, as people without JavaScript do it."""

import gzip
import re
from typing import Any

import httpx
import pytest

from tests.integration.intake.conftest import Intake
from tests.integration.intake.test_attachments import photo
from tests.support.events import VILLAGE
from tests.support.pages import Page

NAME, PHONE = "李四海", "13911112222"
WORDS = "水管漏了\n<script>alert(1)</script> \u202e\"'& 🚰"
MATTER = {"category": "hardship", "topic": "street_light", "title": "村口路灯不亮"}
MORE = {"narrative": WORDS, "priority": "routine"}
WHO = {"name": NAME, "phone": PHONE}
ENGLISH = {"Accept-Language": "en"}


async def press(intake: Intake, form: str, page: Page, to: str | None = None, **typed: Any) -> httpx.Response:
    """A form of `page` as the browser sends it, with what was typed; by another of its buttons, `to` another address."""
    fields = {name: value for name, value in page.forms[form].fields.items() if name != "change"} | typed
    if (to or form).startswith("/raise/more"):
        return await intake.http.post(to or form, data=fields, files={"photo": fields.pop("photo", ("", b""))})
    return await intake.http.post(to or form, data=fields)


async def at_more(intake: Intake, **matter: str) -> Page:
    """On the second screen of step 2."""
    what = Page(await intake.http.get("/raise/what", params={"village": VILLAGE}))
    return Page(await press(intake, "/raise/what", what, **MATTER | matter))


async def at_who(intake: Intake, **matter: str) -> Page:
    """On the third step."""
    return Page(await press(intake, "/raise/more", await at_more(intake, **matter), **MORE))


async def at_check(intake: Intake, **said: str) -> Page:
    """On the fourth step."""
    matter = {name: value for name, value in said.items() if name in MATTER}
    return Page(await press(intake, "/raise/who", await at_who(intake, **matter), **WHO | said))


async def raised(intake: Intake, **said: str) -> tuple[str, Page]:
    """The token of a new issue, and its slip."""
    sent = await press(intake, "/raise/send", await at_check(intake, **said))
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
    for said in (NAME, PHONE, MATTER["title"], WORDS, "龙泉村"):
        assert said in check.text
    first, again = await press(intake, "/raise/send", check), await press(intake, "/raise/send", check)
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"], "sent twice, raised once"
    assert not any(said in first.headers["location"] for said in (NAME, PHONE))
    slip = Page(await intake.http.get(first.headers["location"]))
    ((number, region, anonymous),) = intake.rows("SELECT number, region, anonymous FROM intake.issues")
    assert number in slip.text
    assert (region, anonymous) == (VILLAGE, False)


async def test_what_may_be_the_same_is_shown_before_the_long_text_to_be_followed_instead(intake: Intake) -> None:
    assert "是其中一件吗" not in (await at_more(intake)).text
    lamp = await intake.raised(title="桥头路灯不亮 <b>&amp;")
    await intake.raised(title="低保怎么还没下来", topic="relief")
    more = await at_more(intake)
    assert "这里有 1 件相近的事" in more.text
    assert "桥头路灯不亮 <b>&amp;" in more.text
    assert "低保" not in more.text
    assert f"http://127.0.0.1:8080/board/{VILLAGE}?q={lamp['number']}" in more.links
    assert f"/board/{VILLAGE}/feed" in more.links
    assert (await press(intake, "/raise/more", more, **MORE)).status_code == 200, "none of them: one simply goes on"


async def test_what_is_missing_is_said_beside_the_field_and_nothing_typed_is_lost(intake: Intake) -> None:
    what = Page(await intake.http.get("/raise/what", params={"village": VILLAGE}))
    answer = await press(intake, "/raise/what", what, title=MATTER["title"])
    assert answer.status_code == 422
    again = Page(answer)
    for said in ("请选这件事关于什么", "请选一类"):
        assert again.text.count(said) == 2, "above, and beside the field"
    assert again.forms["/raise/what"].fields["title"] == MATTER["title"]
    assert answer.text.count(" autofocus") == 1, "the cursor stands where the first thing is missing"
    more = Page(await press(intake, "/raise/what", again, **MATTER))
    answer = await press(intake, "/raise/more", more, narrative="", priority="urgent")
    assert (answer.status_code, Page(answer).forms["/raise/more"].fields["priority"]) == (422, "urgent")
    refused = await press(intake, "/raise/who", Page(await press(intake, "/raise/more", more, **MORE)), name=NAME)
    assert refused.status_code == 422
    assert Page(refused).forms["/raise/who"].fields["name"] == NAME
    assert "请写手机号" in Page(refused).text


@pytest.mark.parametrize(
    ("form", "wrong", "said"),
    [
        ("/raise/what", {"title": "打我电话 13812345678"}, "请去掉电话"),
        ("/raise/what", {"title": "灯\u202e不亮"}, "看不见的字符"),
        ("/raise/what", {"topic": "no_such_topic"}, "请选这件事关于什么"),
        ("/raise/who", {"phone": "打村部电话"}, "手机号只写数字"),
    ],
)
async def test_what_the_api_would_refuse_is_said_on_the_step_where_it_was_typed(
    intake: Intake, form: str, wrong: dict[str, str], said: str
) -> None:
    page = Page(await intake.http.get("/raise/what", params={"village": VILLAGE})) if form == "/raise/what" else await at_who(intake)
    answer = await press(intake, form, page, **(MATTER if form == "/raise/what" else WHO) | wrong)
    assert answer.status_code == 422
    assert said in Page(answer).text
    fields = Page(answer).forms[form].fields
    assert all(fields[name] == value for name, value in wrong.items() if name != "topic")


@pytest.mark.parametrize(
    ("wrong", "form", "kept"),
    [
        ({"title": f"{NAME}家门口路灯不亮"}, "/raise/what", "narrative"),
        ({"topic": "no_such_topic"}, "/raise/what", "title"),
        ({"village": "330182104999"}, "/raise/what", "title"),
        ({"narrative": "长" * 4001}, "/raise/more", "title"),
        ({"receipts": "forged"}, "/raise/more", "narrative"),
        ({"phone": "12"}, "/raise/who", "name"),
    ],
)
async def test_what_the_api_refuses_is_asked_again(intake: Intake, wrong: dict[str, str], form: str, kept: str) -> None:
    check = await at_check(intake)
    answer = await press(intake, "/raise/send", check, **wrong)
    assert answer.status_code == 422
    page = Page(answer)
    assert page.forms[form].fields[kept].strip("\n") == check.forms["/raise/send"].fields[kept]
    assert "有地方要改一下" in page.text
    assert intake.rows("SELECT count(*) FROM intake.issues") == [(0,)]


async def test_one_can_go_back_to_every_step_and_nothing_is_lost(intake: Intake) -> None:
    check = await at_check(intake)
    where = Page(await press(intake, "/raise/send", check, to="/raise", q="龙泉"))
    assert where.forms["/raise"].fields["village"] == VILLAGE, "a button, so that the rest goes along"
    answer = await press(intake, "/raise", where, to="/raise/what", change="yes", village=VILLAGE)
    assert '<option value="street_light" selected>' in answer.text
    what = Page(answer)
    assert what.forms["/raise/what"].fields["title"] == MATTER["title"]
    more = Page(await press(intake, "/raise/what", what, topic=MATTER["topic"]))
    assert more.forms["/raise/more"].fields["narrative"].strip("\n") == WORDS
    assert Page(await press(intake, "/raise/more", more)).forms.keys() == {"/raise/send"}, "who it is was said before"
    for button, form, name, said in (
        ("/raise/what", "/raise/what", "title", MATTER["title"]),
        ("/raise/more", "/raise/more", "narrative", WORDS),
        ("/raise/who", "/raise/who", "phone", PHONE),
    ):
        assert Page(await press(intake, "/raise/send", check, to=button, change="yes")).forms[form].fields[name].strip("\n") == said


async def test_the_language_can_be_changed_on_every_step_and_nothing_is_lost(intake: Intake) -> None:
    more, who, check = await at_more(intake), await at_who(intake), await at_check(intake)
    for page, form, to, typed in (
        (more, "/raise/more", "/raise/more", {"change": "yes", "narrative": WORDS}),
        (who, "/raise/who", "/raise/who", {"change": "yes", "name": NAME}),
        (check, "/raise/send", "/raise/who", {}),
    ):
        assert "?language=en" not in page.links, "a link would lose what was typed"
        answer = await press(intake, form, page, f"{to}?language=en", **typed)
        english = Page(answer)
        assert (english.language, answer.status_code) == ("en", 200)
        assert all(english.forms[form].fields[name].strip("\n") == value for name, value in typed.items())
        assert english.forms[form].fields["title"] == MATTER["title"]
    assert "?language=zh-CN" in Page(await intake.http.get("/raise")).links, "the choice is kept; where nothing was said a link is enough"
    for step in ("more", "who", "send"):
        assert (await intake.http.get(f"/raise/{step}")).headers["location"] == "/raise"


async def test_the_browsers_own_way_back_works_but_keeps_no_name(intake: Intake) -> None:
    what = await intake.http.get("/raise/what", params={"village": VILLAGE})
    more = await press(intake, "/raise/what", Page(what), **MATTER)
    who = await press(intake, "/raise/more", Page(more), **MORE)
    check = await press(intake, "/raise/who", Page(who), **WHO)
    assert [page.headers["cache-control"] for page in (what, more, who, check)] == ["private, no-cache"] * 3 + ["no-store"]


async def test_anonymous_is_anonymous(intake: Intake) -> None:
    who = await at_who(intake)
    for said in ("没有短信", "没人能上门回访", "丢了就找不回来"):
        assert said in who.text
    check = Page(await press(intake, "/raise/who", who, anonymous="yes"))
    sent = await press(intake, "/raise/send", check)
    assert "没有短信" in Page(await intake.http.get(sent.headers["location"])).text
    assert intake.rows("SELECT anonymous FROM intake.issues") == [(True,)]
    assert intake.rows("SELECT count(*) FROM intake.vault WHERE kind = 'reporter'") == [(0,)]


async def test_photos_go_along_and_can_be_taken_out_and_another_file_is_refused_with_the_text_kept(intake: Intake) -> None:
    more = await at_more(intake)
    refused = Page(await press(intake, "/raise/more", more, **MORE, photo=("a.exe", b"MZ" * 100)))
    assert refused.forms["/raise/more"].fields["narrative"].strip("\n") == WORDS
    who = Page(await press(intake, "/raise/more", refused, **MORE, photo=("a.jpg", photo())))
    again = Page(await press(intake, "/raise/who", who, to="/raise/more", change="yes"))
    assert "已收到 1 张" in again.text
    dropped = Page(await press(intake, "/raise/more", again, drop="yes"))
    assert "receipts" not in dropped.forms["/raise/who"].fields
    check = Page(await press(intake, "/raise/who", who, **WHO))
    assert "照片 1 张" in check.text
    assert (await press(intake, "/raise/send", check)).status_code == 303
    assert intake.rows("SELECT count(*) FROM intake.attachments WHERE issue_id IS NOT NULL") == [(1,)]


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ({}, "会公示"),
        ({"topic": "relief"}, "只公示是哪一类"),
        ({"topic": "cadre"}, "什么事（不公示）"),
        ({"category": "conduct"}, "什么事（不公示）"),
    ],
)
async def test_the_last_step_says_what_becomes_public(intake: Intake, matter: dict[str, str], said: str) -> None:
    check = await at_check(intake, **matter)
    assert said in check.text
    assert ("镇里的纪检干部" in check.text) is ("category" in matter)


async def test_hostile_text_goes_through_every_step_unchanged_and_harmless(intake: Intake) -> None:
    title = "<img src=x onerror=alert(1)> 🚰👍🏽 {{ 7*7 }} \"'&amp;"
    words = ("</textarea><script>alert(1)</script>\n\u202e反\u2066着\u2069 🏚️ \"'&lt;" * 200)[:4000]
    more = await at_more(intake, title=title)
    who = Page(await press(intake, "/raise/more", more, narrative=words))
    check = Page(await press(intake, "/raise/who", who, name="<b>李</b>", phone=PHONE))
    for page, shown in ((more, (title,)), (check, (title, words, "<b>李</b>"))):
        assert page.scripts == 0
        assert all(text in page.text for text in shown)
    sent = await press(intake, "/raise/send", check)
    slip = Page(await intake.http.get(sent.headers["location"]))
    assert title in slip.text
    assert slip.scripts == 0
    assert title in (await at_more(intake)).text, "and to others, as something that may be the same"


async def test_every_page_of_the_way_is_light_in_both_languages_and_needs_no_script(intake: Intake) -> None:
    """A slow network: each page, with all that it loads, under 60 KB compressed."""
    for number in range(5):
        await intake.raised(title=f"村口第 {number} 盏路灯不亮")
    pages: list[httpx.Response] = []
    for language in ({}, ENGLISH):
        intake.http.headers.update(language)
        start, found = await intake.http.get("/raise"), await intake.http.get("/raise", params={"q": "村"})
        what = await intake.http.get("/raise/what", params={"village": VILLAGE})
        more = await press(intake, "/raise/what", Page(what), **MATTER)
        who = await press(intake, "/raise/more", Page(more), **MORE)
        check = await press(intake, "/raise/who", Page(who), **WHO)
        sent = await press(intake, "/raise/send", Page(check))
        pages += start, found, what, more, who, check, await intake.http.get(sent.headers["location"]), await intake.http.get("/find")
    half = len(pages) // 2
    for chinese, english in zip(pages[:half], pages[half:], strict=True):
        assert (Page(chinese).language, Page(english).language) == ("zh-CN", "en")
        assert Page(chinese).text != Page(english).text
        assert Page(chinese).scripts == Page(english).scripts == 0
    addresses = {address for page in pages for address in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text)}
    assets = sum([len(gzip.compress((await intake.http.get(address)).content)) for address in addresses])
    assert len(addresses) == 3
    assert max(len(gzip.compress(page.content)) for page in pages) + assets < 60_000
