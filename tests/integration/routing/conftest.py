"""routing with what a first start seeds, its API, and an administrator; tests that need it otherwise have fixtures of the same name."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.routing.staff_support import Services, client_of, services_on, token_of
from tests.support.servers import StackDatabase


@pytest.fixture
async def services(stack_database: StackDatabase, tmp_path: Path) -> AsyncIterator[Services]:
    async with services_on(stack_database, tmp_path) as services:
        await services.seed()
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(services) as client:
        yield client


@pytest.fixture
async def admin(client: httpx.AsyncClient) -> dict[str, str]:
    return await token_of(client, "admin")
