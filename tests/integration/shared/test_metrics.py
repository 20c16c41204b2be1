"""`/metrics` tells how far the relay is behind, also when the relay is down."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter

from shared.database import Database
from shared.web.app import create_app
from shared.web.exposition import metrics_app
from tests.support.platform import client, settings, verifier
from tests.support.servers import StackDatabase


@pytest.fixture
async def intake(stack_database: StackDatabase) -> AsyncIterator[Database]:
    database = Database(stack_database.url("intake"))
    yield database
    await database.close()


async def test_the_relays_lag(intake: Database) -> None:
    app = create_app("intake", settings=settings(), routers=[APIRouter()], database=intake, verifier=verifier())
    async with client(app) as http:
        metrics = (await http.get("/metrics")).text
    assert "huiyin_relay_lag_seconds 0.0" in metrics
    assert "huiyin_relay_backlog 0.0" in metrics


async def test_metrics_without_a_database_that_answers() -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1:1/huiyin")
    async with client(metrics_app(database)) as http:
        answer = await http.get("/metrics")
    await database.close()
    assert answer.status_code == 200
    assert "huiyin_relay_lag_seconds NaN" in answer.text
    assert "huiyin_timer_lag_seconds_bucket" in answer.text
