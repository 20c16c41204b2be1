"""A browser on routing's sign-in pages, out to an OpenID provider and back."""

from urllib.parse import parse_qsl, urlsplit

import httpx
from sqlalchemy import text

from tests.integration.routing.issue_support import Office
from tests.support.life import VILLAGE
from tests.support.pages import Page

CADRE = f"cadre-{VILLAGE}"
CALLBACK = "http://127.0.0.1:8080/sign-in/openid/callback"
"""As the tests' settings make it."""


def query(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


async def sent_out(here: Office, onward: str = "/work") -> str:
    """Where the button of the sign-in page leads the browser to."""
    page = Page(await here.client.get("/sign-in", params={"next": onward}))
    (button,) = (link for link in page.links if link.startswith("/sign-in/openid"))
    answer = await here.client.get(button)
    assert answer.status_code == 303
    return answer.headers["location"]


async def back(here: Office, address: str) -> httpx.Response:
    """The browser follows the provider's way back to us."""
    parts = urlsplit(address)
    return await here.client.get(f"{parts.path}?{parts.query}")


async def refusal(here: Office, answer: httpx.Response, language: str = "zh-CN") -> str:
    """What the page says to which a refusal leads; nobody is signed in."""
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == "/sign-in"
    assert not {"huiyin_session", "huiyin_access"} & set(here.client.cookies)
    assert (await here.client.get("/work")).headers["location"].startswith("/sign-in")
    return Page(await here.client.get(answer.headers["location"] + f"&language={language}")).text


async def told(here: Office) -> list[tuple[str, str, dict[str, str] | None]]:
    """Who signed in or did not, and how, by the audit."""
    async with here.app.database.transaction() as session:
        rows = await session.execute(text("SELECT who, result, after FROM audit WHERE action = 'sign_in' ORDER BY at"))
        return [(row.who, row.result, row.after) for row in rows]


async def signed_out(here: Office, language: str = "zh-CN") -> httpx.Response:
    """The answer to the button; nobody is signed in."""
    answer = await here.client.post("/sign-out", params={"language": language}, headers={"Origin": "http://127.0.0.1:8080"})
    assert not {"huiyin_session", "huiyin_access"} & set(here.client.cookies)
    return answer
