"""Operators: deadlines that nobody enforced, and an issue's workflow on Temporal's pages."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from services.routing.entrypoints.api import make_api
from services.routing.settings import Settings
from shared.security.principal import Principal
from shared.web.pages.sessions import COOKIE
from tests.integration.routing.issue_support import Office, office
from tests.support.pages import Page
from tests.support.servers import StackDatabase

OPERATOR = Principal("operator", "运维岗", "operator")


@pytest.fixture
async def here(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(stack_database, tmp_path, datetime.now(UTC)) as found:
        yield found


def browser(here: Office) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={here.bearer(OPERATOR)['Authorization'].removeprefix('Bearer ')}"}


async def deadlines(here: Office) -> tuple[float, int, bool]:
    figures = (await here.client.get("/api/routing/v1/lag", headers=here.bearer(OPERATOR))).json()["figures"]
    assert {figure["consumer"] for figure in figures if figure["name"] == "consumer"} == {"routing", "timers"}
    (found,) = (figure for figure in figures if figure["name"] == "deadlines")
    return found["value"], found["count"], found["good"]


async def test_deadlines_that_nobody_enforced(here: Office) -> None:
    await here.raised()
    assert await deadlines(here) == (0, 0, True)
    here.clock.advance(timedelta(days=40))
    late, count, good = await deadlines(here)
    assert (count, good) == (1, False)
    assert late > 60
    page = Page(await here.client.get("/operate/routing", headers=browser(here)))
    assert "到了时间、还没有执行的期限" in page.text
    assert "huiyin routing reseat --all" in page.text


async def test_a_workflow_is_linked_where_temporals_pages_are_configured(here: Office) -> None:
    issue_id = await here.raised()
    number = f"330182-20260302-{issue_id[-6:]}"
    path = "/operate/routing/spans"
    plain = Page(await here.client.get(path, params={"issue": number}, headers=browser(here)))
    assert not [link for link in plain.links if "workflows" in link]
    values = here.app.settings.model_dump() | {"temporal_ui": "http://127.0.0.1:8088"}
    configured = replace(here.app, settings=Settings.model_validate(values))
    async with make_api(configured) as api, httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://routing") as client:
        page = Page(await client.get(path, params={"issue": number}, headers=browser(here)))
    assert f"http://127.0.0.1:8088/namespaces/default/workflows/issue-{issue_id}" in page.links
