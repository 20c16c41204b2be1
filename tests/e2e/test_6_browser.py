"""Pages in Debian's Chromium: whole, accessible, without horizontal scroll, in both languages, light and dark, at three widths.

A short run looks at each page in one of two modes.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Browser

from deploy.demo.staff import Api
from shared.ids import new_id
from tests.e2e.browsing import NEEDS_CHROMIUM, browser, check, look, opened, sign_in
from tests.e2e.conftest import Stack
from tests.e2e.test_2_people import CADRE, TOWNSHIP, body
from tests.support.size import LONG, portion
from tests.support.waiting import eventually

EVERY_MODE = [(width, dark, language) for width in (360, 768, 1280) for dark in (False, True) for language in ("zh-CN", "en")]
MODES = EVERY_MODE if LONG else [(360, False, "zh-CN"), (1280, True, "en")]

__all__ = ["browser"]

pytestmark = NEEDS_CHROMIUM


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
    turn = MODES.index((width, dark, language))
    found = {who: portion(each.items(), turn, len(MODES)) for who, each in (await pages(api)).items()}
    for name, path in found["public"]:
        wrong += [each for each in await check(page, path, said, f"{name}-{mode}") if name != "missing" or "console" not in each]
    await sign_in(page, CADRE)
    for name, path in found["staff"]:
        wrong += await check(page, path, said, f"{name}-{mode}")
    for role in ("operator", "admin"):
        page, said = await opened(browser, stack, width=width, dark=dark, language=language)
        await sign_in(page, role)
        for name, path in found[role]:
            wrong += await check(page, path, said, f"{name}-{mode}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("turn", "dark", "language"), [(0, False, "zh-CN"), (1, True, "en")])
async def test_every_step_of_raising_is_accessible(
    browser: Browser, stack: Stack, demo: Mapping[str, Any], turn: int, dark: bool, language: str
) -> None:
    """Each step as it is and with what is wrong, what may be the same matter, and the way back; nothing is sent."""
    assert demo["matters"] == 42
    page, said = await opened(browser, stack, dark=dark, language=language)
    wrong: list[str] = []
    looked_at = portion(("raise-what-wrong", "raise-more", "raise-who", "raise-check", "raise-where-again"), turn, 2)

    async def step(name: str, button: str = ".onward button:not(.plain)") -> None:
        await page.click(f"main form {button}")
        await page.wait_for_load_state("networkidle")
        found = await look(page, name, said, f"{name}-{language}") if name in looked_at else []
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
