"""With the database away, a service says 503 with Retry-After, never 2xx and never 500."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, Request
from sqlalchemy import text

from deploy.local.layout import Layout
from shared.database import Database
from shared.web.app import create_app
from tests.support.platform import VILLAGE, bearer, client, principal, settings, verifier
from tests.support.servers import Servers, free_base

router = APIRouter(prefix="/v1")


@router.post("/count")
async def count(request: Request) -> int:
    async with request.app.state.database.transaction() as session:
        return (await session.execute(text("SELECT 1"))).scalar_one()


@router.post("/slow")
async def slow(request: Request) -> None:
    async with request.app.state.database.transaction() as session:
        await session.execute(text("SELECT pg_sleep(5)"))


@router.post("/mistake")
async def mistake(request: Request) -> None:
    async with request.app.state.database.transaction() as session:
        await session.execute(text("SELECT no_such_column"))


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("intake", settings=settings(), routers=[router], database=database, verifier=verifier())
    async with client(app) as http:
        yield http


def is_unavailable(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (503, "unavailable") and int(answer.headers["Retry-After"]) > 0


async def test_a_transaction_that_times_out_is_unavailable(platform_url: str) -> None:
    database = Database(platform_url + "%20-ctransaction_timeout%3D300ms")
    app = create_app("intake", settings=settings(), routers=[router], database=database, verifier=verifier())
    async with client(app) as http:
        assert is_unavailable(await http.post("/api/intake/v1/slow"))
        assert (await http.post("/api/intake/v1/count")).status_code == 200
    await database.close()


async def test_a_wrong_statement_is_a_mistake_of_ours(http: httpx.AsyncClient) -> None:
    assert (await http.post("/api/intake/v1/mistake")).status_code == 500


async def test_killed_postgres_and_back_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    layout = Layout(tmp_path_factory.mktemp("outage"), free_base())
    layout.make_folders()
    servers = Servers(layout)
    try:
        servers.start_postgres()
        database = Database(layout.database_url("intake", database="huiyin_template"))
        app = create_app("intake", settings=settings(), routers=[router], database=database, verifier=verifier())
        async with client(app) as http:
            assert (await http.post("/api/intake/v1/count")).json() == 1
            servers.kill("postgres")
            assert is_unavailable(await http.post("/api/intake/v1/count"))
            assert (await http.get("/api/intake/health/ready")).status_code == 503
            assert (await http.get("/api/intake/health/live")).status_code == 200
            servers.start_postgres()
            assert (await http.post("/api/intake/v1/count")).json() == 1
            assert (await http.get("/api/intake/health/ready", headers=bearer(principal("cadre", VILLAGE)))).status_code == 200
        await database.close()
    finally:
        servers.close()
