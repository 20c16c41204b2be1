"""Chromium as the browser suite uses it: pages in contexts of their own, and what is wrong with one."""

# axe-playwright-python is not typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.e2e.conftest import Stack
from tests.support.size import LONG

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
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
PICTURES = Path("build/screenshots")

NEEDS_CHROMIUM = [
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
    """What is wrong with the page of an address; a long run leaves a picture of it."""
    said.clear()
    await page.goto(path)
    return await look(page, path, said, name)


async def look(page: Page, path: str, said: list[str], name: str) -> list[str]:
    """What is wrong with the page that is shown; a long run leaves a picture of it."""
    await page.wait_for_load_state("networkidle")
    if LONG:
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    wrong = [f"{path}: console says {each}" for each in said]
    if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        wrong.append(f"{path}: scrolls sideways")
    results = await Axe().run(page, options=RULES)
    for violation in results.response["violations"]:
        wrong += [f"{path}: {violation['id']} {node['target']} {node['failureSummary'][:200]}" for node in violation["nodes"]]
    return wrong
