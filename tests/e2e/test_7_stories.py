"""What people do on the pages, in Debian's Chromium on a real stack."""

import io

from PIL import Image
from playwright.async_api import Browser

from deploy.demo.staff import Api
from shared.ids import new_id
from tests.e2e.browsing import NEEDS_CHROMIUM, browser, opened, sign_in
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import CADRE, TOWNSHIP, body
from tests.e2e.test_3_loss import LAPSES
from tests.support.waiting import eventually

__all__ = ["browser"]

pytestmark = NEEDS_CHROMIUM

SEND = "button:not([formaction])"
"""The button that sends a command's form; the other one uploads a photo."""


def photo() -> bytes:
    """A new lamp."""
    drawn = io.BytesIO()
    Image.new("RGB", (64, 48), "gold").save(drawn, "JPEG")
    return drawn.getvalue()


async def test_a_matter_from_the_phone_to_the_board(browser: Browser, stack: Stack, api: Api) -> None:
    """Raised on the phone page, not settled by the village, lifted, resolved there with a photo, rated, struck off on the board."""
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
    await cadre.click(f"form[action$='/accept'] {SEND}")
    await cadre.wait_for_selector("text=/已办.签收/")
    await cadre.click("nav >> text=上报上一级")
    await cadre.fill("#reason", "要镇里修")
    await cadre.click(f"form[action$='/request-escalation'] {SEND}")
    await cadre.wait_for_selector("text=/已办.上报上一级/")
    officer, _ = await opened(browser, stack, width=1280)
    await sign_in(officer, f"officer-{TOWNSHIP}")
    await officer.click(f"text={title}")
    await officer.click("nav >> text=办结")
    await officer.select_option("#outcome", "solved")
    await officer.fill("#result", "路灯已换新。")
    await officer.set_input_files("#evidence", {"name": "after.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    await officer.click("button[formaction='/evidence']")
    await officer.click("text=继续填写")
    assert await officer.input_value("#result") == "路灯已换新。", "nothing typed is lost to the upload"
    await officer.click(f"form[action$='/resolve'] {SEND}")
    await officer.wait_for_selector("text=/已办.办结/")
    await officer.wait_for_selector("ul.photos img")

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
