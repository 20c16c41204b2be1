"""Pages in Debian's Chromium: whole, accessible, without horizontal scroll, in both languages, light and dark, at three widths."""

# axe-playwright-python is not typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from deploy.demo.staff import Api
from shared.ids import new_id
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import CADRE, TOWNSHIP, body
from tests.e2e.test_3_loss import LAPSES
from tests.support.size import LONG
from tests.support.waiting import eventually

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
EVERY_MODE = [(width, dark, language) for width in (360, 768, 1280) for dark in (False, True) for language in ("zh-CN", "en")]
MODES = EVERY_MODE if LONG else [(360, False, "zh-CN"), (1280, True, "en")]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
PICTURES = Path("build/screenshots")

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium fonts-noto-cjk"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


async def opened(
    browser: Browser, stack: Stack, *, width: int = 360, dark: bool = False, language: str = "zh-CN"
) -> tuple[Page, list[str]]:
    """A page in a context of its own, and what its console says."""
    context = await browser.new_context(
        base_url=stack.state.gateway,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        locale=language,
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    page = await context.new_page()
    said: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(message.text)

    page.on("console", on_console)
    page.on("pageerror", lambda error: said.append(str(error)))
    return page, said


async def sign_in(page: Page, username: str) -> None:
    await page.goto("/work")
    await page.fill("#username", username)
    await page.fill("#password", "huiyin-demo")
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/work")


async def check(page: Page, path: str, said: list[str], name: str) -> list[str]:
    """What is wrong with the page of an address; leaves a picture of it."""
    said.clear()
    await page.goto(path)
    return await look(page, path, said, name)


async def look(page: Page, path: str, said: list[str], name: str) -> list[str]:
    """What is wrong with the page that is shown; leaves a picture of it."""
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    wrong = [f"{path}: console says {each}" for each in said]
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{path}: scrolls sideways")
    results = await Axe().run(page, options=RULES)
    for violation in results.response["violations"]:
        wrong += [f"{path}: {violation['id']} {node['target']} {node['failureSummary'][:200]}" for node in violation["nodes"]]
    return wrong


async def pages(api: Api) -> Mapping[str, Any]:
    """Addresses of each kind of page, with an issue that is being worked on."""
    raised = (await api.post("/api/intake/v1/issues", body(), by=CADRE, key=new_id())).json()
    issue_id, token = raised["issue_id"], raised["tracking_url"].rpartition("/")[2]

    async def shown() -> bool:
        return (await api.get(f"/api/tracking/v1/issues/{issue_id}", by=CADRE)).status_code == 200

    await eventually(shown, seconds=30)
    village, county = CADRE.partition("-")[2], "330182000000"
    return {
        "public": {
            "start": "/",
            "raise-where": "/raise",
            "raise-what": f"/raise/what?village={village}",
            "find": "/find",
            "track": f"/t/{token}",
            "slip": f"/slip/{token}",
            "boards": "/board",
            "board": f"/board/{county}",
            "board-narrowed": f"/board/{county}?standing=open&level=village&q=%E8%B7%AF",
            "notice": f"/board/{county}/notice",
            "lobby": f"/board/{county}/lobby",
            "privacy": "/privacy",
            "sign-in": "/sign-in",
            "sign-in-refused": "/sign-in?refused=openid_away",
            "missing": "/t/nobody",
        },
        "staff": {
            "work": "/work",
            "issue": f"/work/{issue_id}",
            "command": f"/work/{issue_id}?command=resolve",
            "filtered": "/work?tab=act&priority=routine",
            "keys": "/work/keys",
            "ledger": "/issues",
            "card": f"/issues/{issue_id}",
            "figures": "/figures",
            "figures-by-officer": "/figures?by=officer",
            "ledger-late": f"/issues?standing=late&region={village}&sort=newest",
            "notices": f"/notices/{issue_id}",
            "statement": f"/statement/{issue_id}",
            "sessions": "/sessions",
        },
        "operator": {
            "operate": f"/operate?issue={issue_id}",
            "operate-notify": "/operate/notify",
            "operate-spans": f"/operate/intake/spans?issue={issue_id}",
            "operate-workflow": f"/operate/routing/spans?issue={issue_id}",
            "operate-notices": "/operate/notify/notices",
        },
        "admin": {
            "calendar": f"/calendar?region={county}",
            "directory-regions": f"/directory?tab=regions&region={village}",
            "directory-units": f"/directory?tab=units&region={TOWNSHIP}",
            "directory-officers": f"/directory?tab=officers&region={TOWNSHIP}",
            "directory-topics": "/directory?tab=topics",
        },
    }


@pytest.mark.parametrize(("width", "dark", "language"), MODES)
async def test_every_page_is_accessible_and_quiet(
    browser: Browser, stack: Stack, demo: Mapping[str, Any], api: Api, width: int, dark: bool, language: str
) -> None:
    assert demo["matters"] == 42
    page, said = await opened(browser, stack, width=width, dark=dark, language=language)
    wrong: list[str] = []
    mode = f"{language}-{width}-{'dark' if dark else 'light'}"
    found = await pages(api)
    for name, path in found["public"].items():
        wrong += [each for each in await check(page, path, said, f"{name}-{mode}") if name != "missing" or "console" not in each]
    await sign_in(page, CADRE)
    for name, path in found["staff"].items():
        wrong += await check(page, path, said, f"{name}-{mode}")
    for role in ("operator", "admin"):
        page, said = await opened(browser, stack, width=width, dark=dark, language=language)
        await sign_in(page, role)
        for name, path in found[role].items():
            wrong += await check(page, path, said, f"{name}-{mode}")
    assert not wrong, "\n".join(wrong)


async def test_a_matter_from_the_phone_to_the_board(browser: Browser, stack: Stack, api: Api) -> None:
    """Raised on the phone page, not settled by the village, lifted, resolved by the township, rated, struck off on the board."""
    phone, _ = await opened(browser, stack)
    title = f"村口路灯不亮 {new_id()[-6:]}"
    await phone.goto("/raise")
    await phone.fill("#q", "龙泉村")
    await phone.click("text=找村子")
    await phone.click("text=梅城镇龙泉村")
    await phone.select_option("#topic", "street_light")
    await phone.check("input[value=hardship]")
    await phone.fill("#title", title)
    await phone.click("text=下一步")
    await phone.fill("#narrative", "晚上看不见路。")
    await phone.click("text=下一步")
    await phone.fill("#name", "王小明")
    await phone.fill("#phone", "13800002207")
    await phone.click("text=下一步")
    await phone.click("form[action='/raise/send'] > button")
    await phone.wait_for_url("**/slip/**")
    await phone.click("text=看进展")
    link = phone.url
    cadre, _ = await opened(browser, stack, width=1280)
    await sign_in(cadre, CADRE)
    await cadre.click(f"text={title}")
    await cadre.click("nav >> text=签收")
    await cadre.click("form[action$='/accept'] button")
    await cadre.wait_for_selector("text=/已办.签收/")
    await cadre.click("nav >> text=上报上一级")
    await cadre.fill("#reason", "要镇里修")
    await cadre.click("form[action$='/request-escalation'] button")
    await cadre.wait_for_selector("text=/已办.上报上一级/")
    officer, _ = await opened(browser, stack, width=1280)
    await sign_in(officer, f"officer-{TOWNSHIP}")
    await officer.click(f"text={title}")
    await officer.click("nav >> text=办结")
    await officer.select_option("#outcome", "explained")
    await officer.fill("#result", "路灯已列入更换,下周完工。")
    await officer.click("form[action$='/resolve'] button")
    await officer.wait_for_selector("text=/已办.办结/")

    async def can_be_rated() -> bool:
        await phone.goto(link)
        return await phone.locator("form[action$='/rate']").count() == 1

    await eventually(can_be_rated, seconds=60, every=0.5)
    await phone.click("button[value=satisfied]")
    await phone.click("text=提交评价")
    await phone.wait_for_selector("text=您的评价已记下")

    async def struck_off() -> bool:
        await phone.goto("/board/330182104228")
        row = phone.locator("tr", has_text=title)
        return await row.count() == 1 and "已销号" in await row.inner_text()

    await eventually(struck_off, seconds=60, every=0.5)
    await phone.goto("/")


@pytest.mark.parametrize(("dark", "language"), [(False, "zh-CN"), (True, "en")])
async def test_every_step_of_raising_is_accessible(
    browser: Browser, stack: Stack, demo: Mapping[str, Any], dark: bool, language: str
) -> None:
    """Each step as it is and with what is wrong, what may be the same matter, and the way back; nothing is sent."""
    assert demo["matters"] == 42
    page, said = await opened(browser, stack, dark=dark, language=language)
    wrong: list[str] = []

    async def step(name: str, button: str = ".onward button:not(.plain)") -> None:
        await page.click(f"main form {button}")
        found = await look(page, name, said, f"{name}-{language}")
        wrong.extend(each for each in found if "wrong" not in name or "console" not in each)
        said.clear()

    await page.goto(f"/raise/what?village={CADRE.partition('-')[2]}")
    await page.fill("#title", "村口路灯不亮,打我电话 13800002207")
    await page.select_option("#topic", "street_light")
    await page.check("input[value=hardship]")
    await step("raise-what-wrong")
    await page.fill("#title", "村口路灯不亮")
    await step("raise-more")
    await page.fill("#narrative", "晚上看不见路。")
    await step("raise-who")
    await page.fill("#name", "王小明")
    await page.fill("#phone", "13800002207")
    await step("raise-check")
    await step("raise-where-again", "button[formaction='/raise']")
    assert not wrong, "\n".join(wrong)


async def test_a_missed_deadline_is_seen_on_the_phone(browser: Browser, stack: Stack, api: Api) -> None:
    answer = (await api.post("/api/intake/v1/issues", body(labels=[LAPSES]), by=CADRE, key=new_id())).json()
    phone, _ = await opened(browser, stack, language="en")

    async def lifted() -> bool:
        await phone.goto(f"/t/{answer['tracking_url'].rpartition('/')[2]}")
        return await phone.locator("svg >> text=not in time").count() > 0

    await eventually(lifted, seconds=60, every=0.5)
    assert await phone.locator("h2 >> text=The township has it").count() == 1


async def test_keys_are_told_in_a_sheet_and_can_be_turned_off(browser: Browser, stack: Stack, api: Api) -> None:
    page, _ = await opened(browser, stack, width=1280)
    await sign_in(page, CADRE)
    sheet = page.locator("dialog[open]")
    await page.keyboard.press("?")
    await page.wait_for_selector("dialog[open]")
    await page.keyboard.press("Escape")
    await page.locator("#q").press("?")
    assert (await sheet.count(), await page.input_value("#q")) == (0, "?"), "who types a question mark gets one"
    await page.click("[data-sheet]")
    await page.uncheck("#keys-on")
    await page.keyboard.press("Escape")
    await page.reload()
    await page.keyboard.press("?")
    assert await sheet.count() == 0
