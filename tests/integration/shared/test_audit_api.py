"""Who reads the audit, and how it pages."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter

from shared import audit
from shared.database import Database
from shared.security.principal import ROLES
from shared.web.app import create_app
from tests.support.platform import COUNTY, SIBLING_COUNTY, VILLAGE, bearer, client, principal, settings, verifier

AUDIT = "/api/notify/v1/audit"


def auditor() -> dict[str, str]:
    """Made for each request: a token lasts 15 minutes, and a whole run longer."""
    return bearer(principal("auditor"))


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("notify", settings=settings(), routers=[APIRouter()], database=database, verifier=verifier())
    for number in range(5):
        async with database.transaction() as session:
            await audit.record(session, audit.Entry(action="resolve", who=f"officer-{number}", region=VILLAGE, issue_id=f"i-{number % 2}"))
    async with client(app) as http:
        yield http


def whose(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["who"] for entry in answer.json()["entries"]]


async def test_pages_newest_first_and_reading_is_recorded(http: httpx.AsyncClient) -> None:
    first = await http.get(AUDIT, params={"limit": 2}, headers=auditor())
    second = await http.get(AUDIT, params={"limit": 3, "cursor": first.json()["next"]}, headers=auditor())
    assert whose(first) + whose(second) == ["officer-4", "officer-3", "officer-2", "officer-1", "officer-0"]
    assert second.json()["next"] is None
    assert whose(await http.get(AUDIT, params={"who": "auditor"}, headers=auditor())) == ["auditor", "auditor"]


async def test_filters(http: httpx.AsyncClient) -> None:
    assert whose(await http.get(AUDIT, params={"issue_id": "i-1"}, headers=auditor())) == ["officer-3", "officer-1"]
    assert whose(await http.get(AUDIT, params={"until": "2020-01-01T00:00:00Z"}, headers=auditor())) == []
    assert len(whose(await http.get(AUDIT, params={"since": "2020-01-01T00:00:00Z"}, headers=auditor()))) == 7


async def test_an_auditor_with_regions_sees_these_only(http: httpx.AsyncClient) -> None:
    assert len(whose(await http.get(AUDIT, headers=bearer(principal("auditor", COUNTY))))) == 5
    assert whose(await http.get(AUDIT, headers=bearer(principal("auditor", SIBLING_COUNTY)))) == []


@pytest.mark.parametrize("role", sorted(ROLES - {"auditor"}))
async def test_nobody_else_reads_it(http: httpx.AsyncClient, role: str) -> None:
    assert (await http.get(AUDIT, headers=bearer(principal(role, COUNTY)))).status_code == 403  # pyright: ignore[reportArgumentType]
    assert (await http.get(AUDIT)).status_code == 401


@pytest.mark.parametrize("cursor", ["x", "2026-01-01|x", "2026-01-01T00:00:00Z|", "|"])
async def test_a_made_up_cursor(http: httpx.AsyncClient, cursor: str) -> None:
    assert (await http.get(AUDIT, params={"cursor": cursor}, headers=auditor())).status_code == 422
