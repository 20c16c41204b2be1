"""Exactly one entry for every command, refused ones too (invariant I8), and none can be changed."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from shared import audit
from shared.database import Database
from shared.problems import Problem
from shared.security.access import check
from shared.security.dependencies import ClientAddress, Staff
from shared.security.principal import Principal
from shared.web.app import create_app
from shared.web.call import describe
from shared.web.requests import RequestModel, expected_version, parse
from tests.support.platform import TOWNSHIP, VILLAGE, bearer, client, principal, settings, verifier
from tests.support.servers import StackDatabase

CADRE = principal("cadre", VILLAGE)
TRACE = "0af7651916cd43dd8448eb211c80319c"
ACCEPT = "/api/intake/v1/issues/i-1/accept"


class Accept(RequestModel):
    how: str = "well"


router = APIRouter(prefix="/v1")


@router.post("/issues/{issue_id}/accept")
async def accept(issue_id: str, request: Request, principal: Staff, address: ClientAddress) -> Response:
    describe("accept", issue_id=issue_id, region=VILLAGE)
    await request.app.state.limiter.admit(principal, address)
    check(principal, "accept", VILLAGE)
    body = await parse(Accept, request)
    if expected_version(request) == 9:
        raise Problem("version_mismatch", 412)
    refused = None
    async with request.app.state.database.transaction() as session:
        result = {"well": "ok", "lapsed": "deadline_lapsed"}.get(body.how, "ok")
        await audit.record(
            session, audit.Entry(action="accept", result=result, status=409 if result != "ok" else 200, after={"state": "in_progress"})
        )
        if body.how == "lost":
            raise Problem("idempotency_in_flight", 409)
        if body.how == "crash":
            raise RuntimeError("crash")
        refused = result != "ok"
    if refused:
        raise Problem("idempotency_in_flight", 409)
    return Response(status_code=204)


@router.get("/issues/{issue_id}")
async def read(issue_id: str, principal: Staff) -> str:
    return issue_id


@router.delete("/issues/{issue_id}")
async def remove(issue_id: str, principal: Staff) -> str:
    return issue_id


@pytest.fixture
async def http(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        "intake", settings=settings(staff_burst=3, staff_rate_per_minute=1), routers=[router], database=database, verifier=verifier()
    )
    async with client(app) as http:
        yield http


async def entries(database: Database) -> list[dict[str, Any]]:
    async with database.transaction() as session:
        return [dict(row) for row in (await session.execute(text("SELECT * FROM audit ORDER BY at"))).mappings()]


async def test_a_command_writes_its_own_entry(http: httpx.AsyncClient, database: Database) -> None:
    answer = await http.post(ACCEPT, headers=bearer(CADRE) | {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, json={})
    assert answer.status_code == 204
    [entry] = await entries(database)
    assert entry["trace_id"] == TRACE
    assert entry["at"]
    assert {
        name: entry[name] for name in ("who", "role", "action", "region", "issue_id", "address", "result", "status", "before", "after")
    } == {
        "who": f"cadre-{VILLAGE}",
        "role": "cadre",
        "action": "accept",
        "region": VILLAGE,
        "issue_id": "i-1",
        "address": "203.0.113.9",
        "result": "ok",
        "status": 200,
        "before": None,
        "after": {"state": "in_progress"},
    }


@pytest.mark.parametrize(
    ("who", "headers", "body", "status", "result"),
    [
        (None, {}, {}, 401, "unauthenticated"),
        (None, {"Authorization": "Bearer x.y.z"}, {}, 401, "token_invalid"),
        (None, {"Authorization": "Basic x"}, {}, 401, "token_invalid"),
        (principal("operator"), {}, {}, 403, "forbidden"),
        (principal("cadre", "330182104002"), {}, {}, 403, "forbidden"),
        (CADRE, {}, {"state": "closed"}, 422, "invalid_request"),
        (CADRE, {"If-Match": '"9"'}, {}, 412, "version_mismatch"),
        (CADRE, {}, {"how": "lost"}, 409, "idempotency_in_flight"),
        (CADRE, {}, {"how": "lapsed"}, 409, "deadline_lapsed"),
        (CADRE, {}, {"how": "crash"}, 500, "internal_error"),
    ],
)
async def test_a_refused_command_has_one_entry(
    http: httpx.AsyncClient,
    database: Database,
    who: Principal | None,
    headers: dict[str, str],
    body: dict[str, str],
    status: int,
    result: str,
) -> None:
    answer = await http.post(ACCEPT, headers=headers | (bearer(who) if who else {}), json=body)
    assert answer.status_code == status
    [entry] = await entries(database)
    assert (entry["status"], entry["result"]) == (status, result)


async def test_limits_are_audited_too(http: httpx.AsyncClient, database: Database) -> None:
    statuses = [(await http.post(ACCEPT, headers=bearer(CADRE), json={})).status_code for _ in range(5)]
    assert statuses == [204, 204, 204, 429, 429]
    assert [entry["result"] for entry in await entries(database)] == ["ok", "ok", "ok", "rate_limited", "rate_limited"]


async def test_a_command_that_records_nothing_gets_an_entry_with_its_route(http: httpx.AsyncClient, database: Database) -> None:
    await http.delete("/api/intake/v1/issues/i-1", headers=bearer(principal("officer", TOWNSHIP)))
    [entry] = await entries(database)
    assert (entry["action"], entry["result"]) == ("/api/intake/v1/issues/{issue_id}", "ok")


async def test_reads_and_unknown_paths_have_none(http: httpx.AsyncClient, database: Database) -> None:
    await http.get("/api/intake/v1/issues/i-1", headers=bearer(CADRE))
    await http.post("/api/intake/v1/nowhere", headers=bearer(CADRE))
    assert await entries(database) == []


async def test_outside_of_a_request_the_system_is_named(database: Database) -> None:
    async with database.transaction() as session:
        await audit.record(session, audit.Entry(action="erase", issue_id="i-1"))
    [entry] = await entries(database)
    assert (entry["who"], entry["address"], entry["status"]) == ("system", None, None)


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
async def test_no_entry_can_be_changed(database: Database, platform_database: StackDatabase, statement: str) -> None:
    async with database.transaction() as session:
        await audit.record(session, audit.Entry(action="erase"))
    async with database.engine.connect() as connection:
        with pytest.raises(Exception, match="permission denied"):
            await connection.exec_driver_sql(statement)
    with (
        psycopg.connect(platform_database.superuser) as superuser,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"),
    ):
        superuser.execute(statement.replace("audit", "platform.audit"))  # pyright: ignore[reportArgumentType, reportCallIssue]
