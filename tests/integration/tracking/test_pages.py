"""What people see of an issue without an account: its page, the board, the feed; and the ledger with one."""

import gzip
import re

import pytest

from shared.contracts.intake import AttachmentAdded, IssueRaised, Rated
from shared.contracts.routing import Accepted, Answered, Assigned, DirectoryChanged, Escalated, Resolved, Supervised
from shared.full_width import full_width
from shared.security.principal import Principal, Role
from tests.integration.tracking.conftest import Api
from tests.support.events import COUNTY, TOKEN, TOWNSHIP, VILLAGE, deadline, example, missed
from tests.support.pages import Page
from tests.support.platform import principal


@pytest.fixture
async def seen(api: Api) -> Api:
    await api.world.happens(example(DirectoryChanged), stream="directory", region=None)
    await api.world.happens(example(IssueRaised), example(Assigned), example(Accepted), stream="an-issue")
    await api.world.sees()
    return api


async def goes_on(api: Api, *events: object) -> None:
    await api.world.happens(*events, stream="an-issue")  # pyright: ignore[reportArgumentType]
    await api.world.sees()


@pytest.mark.parametrize(
    "path", ["/", f"/t/{TOKEN}", "/board", f"/board/{COUNTY}", f"/board/{VILLAGE}/notice", f"/board/{TOWNSHIP}/lobby", "/privacy"]
)
async def test_every_page_is_whole_in_both_languages(seen: Api, path: str) -> None:
    chinese, english = await seen.page(path), await seen.page(path, headers={"Accept-Language": "en"})
    assert (chinese.status_code, english.status_code) == (200, 200)
    assert (Page(chinese).language, Page(english).language) == ("zh-CN", "en")
    assert Page(chinese).scripts == 0, "a citizen's page needs no script; the screen in a lobby turns by itself"
    assert Page(chinese).text != Page(english).text


async def test_the_reporters_page_says_who_has_it_until_when_and_what_follows(seen: Api) -> None:
    page = Page(await seen.page(f"/t/{TOKEN}"))
    for said in ("村里正在办", "龙泉村村民委员会 · 值班村干部", "3月7日", "自动升到梅城镇接着办", "330182-20260302-000001"):
        assert said in page.text
    assert set(page.forms) == {f"/answer/{TOKEN}/withdrawal"}


async def test_a_missed_deadline_shows_on_the_ladder(seen: Api) -> None:
    await goes_on(seen, example(Escalated))
    page = Page(await seen.page(f"/t/{TOKEN}"))
    for said in ("龙泉村:到期没办完;梅城镇:正在办;建德市:到期才升级", "镇里接手了", "从村升到镇", "村里没有按期办结,系统自动升级"):
        assert full_width(said) in page.text
    assert "Escalated: village to township" in Page(await seen.page(f"/t/{TOKEN}", language="en")).text


async def test_what_is_late_at_the_top_stays_red(seen: Api) -> None:
    await goes_on(seen, example(Escalated, to_level="county"), example(Supervised, missed=missed(deadline("handle", id="handle-2"))))
    page = await seen.page(f"/t/{TOKEN}")
    assert "panel over" in page.text
    for said in ("市里还没办完", "建德市:超期,还在办"):
        assert full_width(said) in Page(page).text
    assert 'class="over"' in (await seen.page(f"/board/{COUNTY}")).text


async def test_what_is_resolved_can_be_rated_once(seen: Api) -> None:
    await goes_on(seen, example(Resolved), example(Answered))
    page = Page(await seen.page(f"/t/{TOKEN}"))
    assert page.forms[f"/t/{TOKEN}/rate"].method == "get"
    await goes_on(seen, example(Rated))
    assert f"/t/{TOKEN}/rate" not in Page(await seen.page(f"/t/{TOKEN}")).forms
    again = Page(await seen.page(f"/t/{TOKEN}/rate", rating="satisfied"))
    assert f"/answer/{TOKEN}/rating" not in again.forms


@pytest.mark.parametrize(("rating", "asks"), [("satisfied", False), ("fair", False), ("dissatisfied", True)])
async def test_only_who_is_dissatisfied_is_asked_why(seen: Api, rating: str, asks: bool) -> None:
    await goes_on(seen, example(Resolved), example(Answered))
    page = Page(await seen.page(f"/t/{TOKEN}/rate", rating=rating))
    sent = page.forms[f"/answer/{TOKEN}/rating"].fields
    assert sent["rating"] == rating
    assert ("comment" in sent) == asks
    assert ("由上一级接手" in page.text) == asks
    assert (await seen.page(f"/t/{TOKEN}/rate", rating="great")).status_code == 422
    assert (await seen.page("/t/nobody/rate", rating=rating)).status_code == 404


async def test_who_follows_the_link_of_a_message_with_a_browser_sees_the_page(seen: Api) -> None:
    html = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    browser, program = await seen.get(f"/public/{TOKEN}", headers=html), await seen.get(f"/public/{TOKEN}")
    assert (browser.status_code, browser.headers["location"]) == (303, f"/t/{TOKEN}")
    assert program.headers["content-type"] == "application/json"
    assert (await seen.get("/public/%5C%5Cevil", headers=html)).headers["location"] == "/t/%5C%5Cevil"


async def test_a_token_that_nobody_holds_is_a_page_that_says_so(seen: Api) -> None:
    answer = await seen.page("/t/nobody")
    assert answer.status_code == 404
    assert "未找到" in Page(answer).text


@pytest.mark.parametrize("code", ["999999000000", "x", "330182"])
async def test_a_board_of_nowhere_is_not_found(seen: Api, code: str) -> None:
    assert (await seen.page(f"/board/{code}")).status_code == 404


async def test_the_language_that_was_chosen_is_kept(seen: Api) -> None:
    answer = await seen.page("/", language="en")
    assert Page(answer).language == "en"
    assert "huiyin_language=en" in answer.headers["set-cookie"]
    assert Page(await seen.page("/", headers={"Cookie": "huiyin_language=en"})).language == "en"


@pytest.mark.parametrize("role", ["cadre", "officer", "dispatcher", "supervisor", "admin", "operator", "auditor"])
async def test_each_role_finds_its_start_page(seen: Api, role: Role) -> None:
    """Two clicks for who is not signed in (sign in, and there it leads), one for who is."""
    regions = () if role in ("admin", "operator", "auditor") else (VILLAGE,)
    first = {"supervisor": "/figures", "admin": "/rules", "operator": "/operate"}.get(role, "/work")
    assert f"/sign-in?next={first}" in Page(await seen.page("/")).links
    page = Page(await seen.page("/", principal(role, *regions)))
    assert first in page.links
    assert "您好" in page.text
    assert not [link for link in page.links if link.startswith("/sign-in")]


async def test_the_card_lists_photos_by_their_fingerprint(seen: Api) -> None:
    officer = principal("officer", TOWNSHIP)
    assert "照片和材料" not in Page(await seen.page("/issues/an-issue", officer)).text
    await goes_on(seen, example(AttachmentAdded), example(Resolved))
    page = Page(await seen.page("/issues/an-issue", officer))
    assert page.text.count("ab" * 8) == 2
    assert "后来补充" in page.text


async def test_the_ledger_is_for_staff_of_the_region(seen: Api) -> None:
    officer, stranger = principal("officer", TOWNSHIP), principal("officer", "330523001000")
    listed = Page(await seen.page("/issues", officer))
    assert "/issues/an-issue" in listed.links
    assert "办理经过" in Page(await seen.page("/issues/an-issue", officer)).text
    assert (await seen.page("/issues/an-issue", stranger)).status_code == 404
    assert "/issues/an-issue" not in Page(await seen.page("/issues", stranger)).links


@pytest.mark.parametrize("path", ["/issues", "/issues/an-issue", "/figures"])
async def test_who_is_not_signed_in_is_asked_to(seen: Api, path: str) -> None:
    answer = await seen.page(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")


async def test_the_figures_of_ones_region(seen: Api) -> None:
    supervisor: Principal = principal("supervisor", COUNTY)
    assert "回音率" in Page(await seen.page("/figures", supervisor)).text
    assert (await seen.page("/figures", supervisor, by="nonsense")).status_code == 422


async def test_an_asset_is_kept_for_good_under_the_name_of_its_content(seen: Api) -> None:
    start = await seen.page("/")
    address = start.text.split('rel="stylesheet" href="')[1].split('"')[0]
    asset = await seen.page(address)
    assert "immutable" in asset.headers["cache-control"]
    assert (await seen.page("/assets/000000000000/huiyin.css")).headers["cache-control"] == "no-cache"
    for wrong in ("/assets/x/..%2f__init__.py", "/assets/x/none.css", "/assets/x/huiyin.py"):
        assert (await seen.page(wrong)).status_code == 404


async def test_the_first_page_is_light(seen: Api) -> None:
    """A slow network: everything of it together under 60 KB compressed."""
    start = await seen.page("/")
    assets = [await seen.page(address) for address in re.findall(r'(?:href|src)="(/assets/[^"]+)"', start.text)]
    assert len(assets) == 3
    assert sum(len(gzip.compress(answer.content)) for answer in (start, *assets)) < 60_000
