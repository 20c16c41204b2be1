"""The small service, called without a network."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.platform import client
from tests.unit.shared.things import application


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client(application()) as http:
        yield http
