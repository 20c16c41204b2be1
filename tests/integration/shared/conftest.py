"""A schema with the tables that every service has, owned by one service's role, in a real Postgres.

One database serves all of these tests; each gets the schema anew, which is quicker than a database of its own.
"""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import create_engine

from shared.database import Database
from shared.tables import create_platform_tables
from tests.support.servers import Servers, StackDatabase, fresh_database


@pytest.fixture(scope="session")
def platform_database(servers: Servers) -> Iterator[StackDatabase]:
    servers.start_postgres()
    with fresh_database(servers.layout, "test_platform") as database:
        yield database


@pytest.fixture
def platform_url(platform_database: StackDatabase) -> str:
    with psycopg.connect(platform_database.superuser, autocommit=True) as server:
        server.execute("DROP SCHEMA IF EXISTS platform CASCADE")
        server.execute("CREATE SCHEMA platform AUTHORIZATION intake")
    url = platform_database.url("intake")
    url += ("&" if "?" in url else "?") + "options=" + quote("-csearch_path=platform")
    engine = create_engine(url)
    with engine.begin() as connection:
        create_platform_tables(connection, "platform")
        connection.exec_driver_sql("CREATE TABLE effects (effect text)")
    engine.dispose()
    return url


@pytest.fixture
async def database(platform_url: str) -> AsyncIterator[Database]:
    database = Database(platform_url, pool_size=20)
    yield database
    await database.close()
